"""`python -m sightline`: the command, where its script is not on the PATH."""

from sightline.cli import main

main()
