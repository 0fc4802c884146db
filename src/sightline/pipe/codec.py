"""Messages as bytes between flows of one pipe."""

from __future__ import annotations

from sightline.pipe.frames import FrameSpace


class Codec:
    """One a flow: what its messages are packed with, and what comes is unpacked with. For all threads."""

    def __init__(self, frames: FrameSpace | None = None) -> None: ...
