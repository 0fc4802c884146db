"""What a foreign message does not say and a `Result` has to: chosen by who reads.

DeepStream's two small schemas hold the frame's number, a time, a sensor and objects. They do not say how
large the picture was, which model looked at it, or whose clock the time is of. Messages that we wrote do say
so (see `envelope`), and then nothing of this is used.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sightline.packet import ClockSource


class Unsaid(msgspec.Struct, frozen=True, kw_only=True):
    """What to take for true of a foreign message.

    Attributes:
        width, height: the picture that the boxes are in, in pixels; 0 where nobody knows. DeepStream's boxes
            are in pixels of what nvstreammux gives out (`width` and `height` of its group), which need not be
            the size that the camera sends.
        model, model_version: who saw it.
        captured_at_source: what the message's time is. DeepStream takes the clock of its machine while it
            writes the message, or the time of the camera's sender reports; only its configuration tells.
        score: of an object without a confidence. The writer for frame metadata (`msg2p-newapi=1`) gives none
            for an object that no classifier looked at; NVIDIA's own reader takes 0 then.
    """

    width: int = 0
    height: int = 0
    model: str = "deepstream"
    model_version: str = ""
    captured_at_source: ClockSource = "arrival"
    score: float = 0.0


NOTHING_ELSE: Final = Unsaid()
