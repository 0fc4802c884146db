"""A child as its supervisor is told of it."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import sightline
from sightline.errors import ConfigError
from sightline.supervise.policy import Restart, Watch

Sockets: TypeAlias = Mapping[str, socket.socket]


def python_module(name: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command that runs a module of this package, and what stands in its environment for that."""
    # It has to find this package before it is told anything; and nothing in the working folder may be taken
    # for a module of Python's own (-P).
    root = str(Path(sightline.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return (sys.executable, "-P", "-m", name), {"PYTHONPATH": path}


def _no_sockets() -> Sockets:
    return {}


def _ignore(_pid: int) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """One child.

    Attributes:
        name: what it is called, in states and logs.
        command: the program and its arguments. It runs in a process group of its own; its standard input is
            empty.
        on_line: called with each line that it writes to its standard output and error; these go where those
            of this process go when it is not given.
        environ: what stands in its environment besides what stands in ours.
        sockets: called before each begin; gives the sockets that the process inherits, which are closed here
            then. The process has them by their names, as `Child.here().sockets`.
        restart, watch: when it is begun again; what it is held to.
        gate: those behind it are begun only once it is ready, and ended before it is.
        on_spawn: called with the id of each new process.
        stop_signal: how it is asked to end, where it is a program that takes SIGTERM for a kill.

    What is called runs in the supervisor's thread, and must return soon.

    Raises:
        ConfigError: an empty name or command.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    sockets: Callable[[], Sockets] = _no_sockets
    restart: Restart = Restart()  # noqa: RUF009 - frozen
    watch: Watch = Watch()  # noqa: RUF009 - frozen
    gate: bool = False
    on_spawn: Callable[[int], object] = _ignore
    on_line: Callable[[str], object] | None = None
    stop_signal: signal.Signals = signal.SIGTERM

    def __post_init__(self) -> None:
        if not self.name or not self.command:
            raise ConfigError(f"expected a name and a command, got {self.name!r} and {self.command!r}")
