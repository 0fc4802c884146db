"""The promise of a service: what it is called, how it is found, and what adds it.

A service is a program (or a server that somebody else runs) that tests need and Python cannot bring.
Its module makes one `Service`; a server's module has, besides, a class that starts it on top of
`process.Process`. What is deliberately not here: versions, and any wish to look like a supervisor.
"""

import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass

Command = tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """One row of the table.

    `look` gives the place where the service was found (a path, a URL), or None. `variable` names an
    environment variable that says it instead, and is believed. `install` are the commands, run as root,
    after which `look` finds it.
    """

    name: str
    purpose: str
    look: Callable[[], str | None]
    install: tuple[Command, ...]
    variable: str | None = None

    def find(self) -> str | None:
        """Where the service is, or None where it is missing."""
        named = os.environ.get(self.variable) if self.variable else None
        return named or self.look()

    def how_to_add(self) -> str:
        """What a person types to add it."""
        return f"python -m tools.services install {self.name}"

    def install_commands(self) -> str:
        """The same by hand: shell commands for root."""
        return " && ".join(shlex.join(command) for command in self.install)


def apt(*packages: str) -> Command:
    """The command that installs Debian packages, and nothing that they only recommend."""
    return ("apt-get", "install", "--yes", "--no-install-recommends", *packages)


def on_path(*programs: str) -> Callable[[], str | None]:
    """A `look` that finds the first of these programs on the PATH."""
    return lambda: next(filter(None, map(shutil.which, programs)), None)
