"""A flow: the process in which routines run. `python -m sightline.pipe.flow` is one."""
