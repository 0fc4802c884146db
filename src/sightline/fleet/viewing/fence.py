"""Which packets of a camera go on, where more than one may send them. Pure.

A camera that moves is read by two for a moment. The higher term holds; of one term what is newer than what
was there, so that nothing comes twice. Who holds and says nothing for `QUIET_S` holds no more: a site that
was begun anew on a machine whose clock was set back is as good as any.
"""

from __future__ import annotations

from typing import Final

from sightline.clock import ns
from sightline.packet import Identity

QUIET_S: Final = 3.0


class Fence:
    """Of one camera."""

    def __init__(self) -> None:
        self._term = 0
        self._newest: Identity | None = None
        self._last_ns = 0

    def lets(self, identity: Identity, term: int, now_ns: int) -> bool:
        """Whether this one goes on."""
        quiet = now_ns - self._last_ns > ns(QUIET_S)
        if self._newest is not None and not quiet and (term, identity) <= (self._term, self._newest):
            return False
        self._term, self._newest, self._last_ns = term, identity, now_ns
        return True
