"""What the processes of a turn tell each other, as files in the turn's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

READY: Final = "machines-ready"
MOMENTS: Final = "moments.jsonl"
EACH: Final = 10
"""Instances a machine."""


class Job(msgspec.Struct, frozen=True):
    """For the process of the machines: how many, where they meet their coordinator, and what lets them in."""

    folder: str
    bus: str
    machines: int
    token: str

    @property
    def moments(self) -> Path:
        return Path(self.folder) / MOMENTS


class Moment(msgspec.Struct, frozen=True):
    """A machine has a configuration of that generation (`what` "came"), or says that it runs ("answered")."""

    what: str
    node_id: str
    generation: int
    at_ns: int


class Spent(msgspec.Struct, frozen=True):
    """Of the process of the machines, up to now. `late_ms`: how late it was at most, since the last look."""

    sent: int
    came: int
    late_ms: float
