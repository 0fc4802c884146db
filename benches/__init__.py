"""Sightline measured beside what one would use instead, in one run. `python -m benches --list`.

The parts: `pairing` is the arithmetic; `measuring` counts CPU, memory and threads; `turns` gives each
contender its turn in a process of its own; `decode`, `passing`, `many`, `small` and others say what is
measured; `contest`, `board` and `roles` are turns of several processes; `clips` makes the input;
`report` writes it down. Nothing here is installed with the package.
"""
