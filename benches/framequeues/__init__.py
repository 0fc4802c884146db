"""What the processes of the frame queue's benches do: `python -m benches.framequeues WAY ROLE JOB`.

A way is a module with the roles `write(job)` and `read(job)`: `document`, plainly what the document shows
that the frame queue grew out of, and `sightline`, ours. Who writes has the same JPEGs in memory before.
"""
