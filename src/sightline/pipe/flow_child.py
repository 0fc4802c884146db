"""How the process of a flow is begun."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import sightline
from sightline.supervise.policy import Restart, Watch
from sightline.supervise.spec import ChildSpec, Sockets

CONTROL: Final = "control"
FRAMES: Final = "frames"
"""The names of the sockets that it inherits."""
READY_S: Final = 120.0
"""Until a flow has to be ready: the modules of some routines take a minute to be imported."""
STUCK_S: Final = 60.0
"""After which a process is taken for hung in which no Python runs at all: stopped, or within a library."""
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
        if self.folder is not None:
            os.chdir(self.folder)


def flow_child(
    name: str, sockets: Callable[[], Sockets], *, stop_s: float, hung_s: float | None, restart: Restart
) -> ChildSpec:
    """What the supervisor is told of a flow; `stop_s`, `hung_s` and `restart` as `Pipe` has them."""
    # It has to find this package before it is told where the parent finds its modules; and nothing in the
    # working folder may be taken for a module of Python's own (-P).
    root = str(Path(sightline.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return ChildSpec(
        name=name,
        command=(sys.executable, "-P", "-m", "sightline.pipe.flow"),
        environ={"PYTHONPATH": path},
        sockets=sockets,
        restart=restart,
        watch=Watch(ready_s=READY_S, hung_s=hung_s or STUCK_S, stop_s=stop_s + LEAVE_S),
    )
