"""`python -m sightline.pipe FILE.py`: `sightline pipe run`, where that is not on the PATH."""

import sys

from sightline.cli import main

sys.argv[1:1] = ["pipe", "run"]
main()
