"""What a sink promises. `sightline.testing.check_sink` tries a sink against it."""

from __future__ import annotations

from typing import Protocol

from sightline.frame import Frame
from sightline.result import Result


class Sink(Protocol):
    """Takes results. One thread at a time calls it, not always the same one."""

    def write(self, result: Result, frame: Frame) -> None:
        """Take one result and the picture that it was made from.

        Neither is changed, and the picture may be kept. It may take as long as the medium does: whoever
        must not wait puts a bounded buffer in front.

        Raises:
            SinkError: it could not be written; the next one may be.
            Closed: after `close`.
        """

    def close(self) -> None:
        """Finish what was begun and give everything back. May be called twice. Raises SinkError."""
