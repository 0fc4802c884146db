"""How the process of a flow is begun."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Final, NamedTuple, Self

from sightline.supervise.policy import Restart, Watch
from sightline.supervise.spec import ChildSpec, Sockets, python_module

CONTROL: Final = "control"
FRAMES: Final = "frames"
"""The names of the sockets that it inherits."""
READY_S: Final = 120.0
"""Until a flow has to be ready: the modules of some routines take a minute to be imported."""
STUCK_S: Final = 60.0
"""After which a process is taken for hung in which no Python runs at all: stopped, or within a library."""
FILE_MODULE: Final = "__pipe__"
"""What a file that is run for its pipe is called: a module of that process alone."""
LEAVE_S: Final = 1.0
"""What a process has to end, beyond what its routines have to clean up."""


class Surroundings(NamedTuple):
    """Where a pipe was built, so that its flows find the same modules and files, whenever they are begun."""

    sys_path: list[str]
    argv: list[str]
    folder: str | None

    @classmethod
    def of_now(cls) -> Self:
        # Whatever stands in these: Python itself passes over a path that is no text.
        anything: Sequence[object] = sys.path
        path = [entry for entry in anything if isinstance(entry, str)]
        argv = [str(word) for word in getattr(sys, "argv", [])]
        try:
            folder = os.getcwd()  # noqa: PTH109 - text is wanted
        except FileNotFoundError:  # it was removed
            folder = None
        return cls(path, argv, folder)

    def enter(self) -> None:
        """Have this process in the same. Raises OSError: the folder is no more."""
        sys.path[:] = self.sys_path
        sys.argv[:] = self.argv
        # Classes made here look for the module of the function that makes them, which came by value.
        sys.modules.setdefault(FILE_MODULE, ModuleType(FILE_MODULE))
        if self.folder is not None:
            os.chdir(self.folder)


def flow_child(
    name: str,
    sockets: Callable[[], Sockets],
    *,
    stop_s: float,
    hung_s: float | None,
    restart: Restart,
    on_line: Callable[[str, str], object] | None = None,
) -> ChildSpec:
    """What the supervisor is told of a flow; `stop_s` and what is behind it as `Pipe` has them."""
    command, environ = python_module("sightline.pipe.flow")
    return ChildSpec(
        name=name,
        command=command,
        # Lines come when they are printed; where they go where ours go, nobody waits for them.
        environ=environ if on_line is None else {**environ, "PYTHONUNBUFFERED": "1"},
        sockets=sockets,
        restart=restart,
        watch=Watch(ready_s=READY_S, hung_s=hung_s or STUCK_S, stop_s=stop_s + LEAVE_S),
        on_line=None if on_line is None else partial(on_line, name),
    )
