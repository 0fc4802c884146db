"""Sightline measured beside what one would use instead, in one run. `python -m benches --list`.

The parts: `pairing` is the arithmetic; `measuring` counts CPU, memory and threads; `turns` gives each
contender its turn in a process of its own; `decode`, `passing`, `many` and `small` say what is measured;
`clips` makes the input; `report` writes it down. Nothing here is installed with the package.
"""
