"""A picture, and what a model saw in it."""

from __future__ import annotations

from typing import NamedTuple

from sightline.frame import Frame
from sightline.result import Result


class Seen(NamedTuple):
    """What a model routine gives and a sink routine takes: `result` is of `frame`."""

    result: Result
    frame: Frame
