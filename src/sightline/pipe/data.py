"""Data with a place for more: what a routine may hand on instead of any value of its own.

Routines may give anything but None. `Data` is a dataclass to derive from where several of them add something
to what passes; nothing in a pipe asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Data:
    """A value with `additional_data`, a dict that each routine on the way may add to."""

    additional_data: dict[str, Any] = field(default_factory=dict, init=False)


@dataclass
class FrameData(Data):
    """A picture; `frame` is most often an array (height, width, 3) of uint8."""

    frame: Any = None

    def get_frame(self) -> Any:
        """The picture."""
        return self.frame
