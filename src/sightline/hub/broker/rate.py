"""The fill rate of a reader's buffer: which of the messages that come it wants at all."""

from __future__ import annotations

from sightline.clock import NS_PER_S


class FillRate:
    """Lets in each `every`-th message, and of those at most `per_s` a second, evenly.

    Evenly as `sightline.overflow.OverflowBuffer` does it: on a grid that goes on where it was unless a whole
    step was missed, so that the mean is the rate.
    """

    def __init__(self, every: int = 1, per_s: float | None = None) -> None:
        self._every = every
        self._step_ns = 0 if per_s is None else round(NS_PER_S / per_s)
        self._due_ns: int | None = None
        self._to_skip = 0

    @property
    def lets_all_in(self) -> bool:
        return self._every == 1 and not self._step_ns

    def nth(self, messages: int) -> range:
        """Which of the next so many messages are an `every`-th one. Asking changes nothing."""
        return range(self._to_skip, messages, self._every)

    def pass_by(self, messages: int) -> None:
        """So many messages came."""
        self._to_skip = (self._to_skip - messages) % self._every

    @property
    def timed(self) -> bool:
        """Whether time counts; of the messages of one moment then one at most is let in."""
        return bool(self._step_ns)

    def due(self, now_ns: int) -> bool:
        """Whether a message may enter now. Asking changes nothing."""
        return self._due_ns is None or now_ns >= self._due_ns

    def enter(self, now_ns: int) -> None:
        """A message entered that was due."""
        due_ns = self._due_ns
        begun_ns = now_ns if due_ns is None or now_ns - due_ns >= self._step_ns else due_ns
        self._due_ns = begun_ns + self._step_ns
