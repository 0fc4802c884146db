"""`python -m sightline.mux`: the command `sightline mux`, where its script is not on the PATH."""

import sys

from sightline.cli import main

sys.argv.insert(1, "mux")
main()
