"""What runs instances: one promise for containers, processes, and whatever else there may be.

A runtime makes an instance out of a `RunSpec` and says what it finds. It decides nothing: when to begin, to
end or to try again is the agent's machine's to say; and what an instance is made of was made ready before
(`preparing`). What runs is found by the runtime alone, also by one that was begun anew: labels of containers
are the truth about them.

`sightline.testing.check_runtime` holds a runtime to this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

import msgspec

from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.messages.parts import Limits


class Feature(StrEnum):
    """What a runtime may lack. Where it does, it refuses what needs it with `Unsupported`, which names
    this.
    """

    OUTLIVES = "outlives"
    """Instances go on where the agent's process ends, and are found again by the next one."""
    IMAGES = "images"
    """An instance has an image."""
    NETWORKS = "networks"
    """An instance has a network."""
    LIMITS = "limits"
    """An instance's share of cores and memory is held to."""
    GPUS = "gpus"
    """An instance may be given graphics cards."""


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An instance, ready to be run.

    Attributes:
        name: of the instance, any text; the runtime makes of it what it needs, and tells it as it is.
        digest: of all that it was made of.
        generation: of its row.
        exclusive: never twice: it is not begun again by anybody but the agent.
        may_end: it ends by itself when it is done: exit code 0 is for good. Of others it is a failure.
        command: program and arguments; in a container the arguments of its image's own program.
        image, network: of a container; None: the runtime's own setting.
        folder: with its files, seen by a container at the same path, to be read only.
        reads: more files that it reads and that are not its own, likewise.
        writes: files or folders that it may write to, likewise.
        work: the folder that it runs in, and may write to, likewise.
        cameras: in the order of its sources, so that figures that it tells by number have a name.
        environment: without secrets: other users can read it.
        limits: what it may use.
        stop_signal, stop_s: how it is asked to end, and how long it has.
        labels: to be found by, beside the runtime's own.
    """

    name: str
    digest: str
    generation: int = 0
    exclusive: bool = False
    may_end: bool = False
    command: Sequence[str] = ()
    image: str | None = None
    network: str | None = None
    folder: Path | None = None
    reads: Sequence[Path] = ()
    writes: Sequence[Path] = ()
    work: Path | None = None
    cameras: Sequence[str] = ()
    environment: Mapping[str, str] = {}
    limits: Limits = Limits()
    stop_signal: str = "SIGINT"
    stop_s: float = 10.0
    labels: Mapping[str, str] = {}


class Runtime(Protocol):
    """Runs instances of one agent. Any thread may use it; calls for one name come one after another.

    Attributes:
        name: as `RunOptions.runtime` has it.
        features: what of `Feature` it has.
    """

    name: str
    features: frozenset[Feature]

    def begin(self, spec: RunSpec) -> None:
        """Make and begin it; returns once it runs, which is before it is ready. One of its name is replaced.

        Raises:
            Unsupported: it needs a feature that is not here.
            RuntimeFault: it cannot be begun: no such image, no room, a file that is not there, the daemon is
            away.
        """

    def end(self, name: str, *, at_once: bool = False) -> None:
        """Ask it to end, make it end after its `stop_s`, and remove all of it; returns when it is gone.

        Where it is not there, nothing happens. Raises RuntimeFault where it cannot be told whether it is
        gone.
        """

    def find(self) -> list[Found]:
        """All instances of this agent that are there, running or not, sorted by name.

        Raises RuntimeFault where that cannot be told: then nothing is known, and nothing is to be concluded.
        """

    def log(self, name: str, lines: int) -> list[str]:
        """The last lines that it wrote, redacted; [] where it is not there. Raises RuntimeFault."""

    def wait(self, timeout_s: float) -> bool:
        """Until something may have changed that nobody asked for here: True; False: `timeout_s` went by."""

    def close(self) -> None:
        """Let go. What `OUTLIVES` goes on, everything else is ended. Again is allowed."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...
