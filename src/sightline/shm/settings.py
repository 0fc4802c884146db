"""How much is shared."""

from __future__ import annotations

from typing import Final

import msgspec

from sightline.errors import ConfigError

KIB: Final = 1024
MIB: Final = 1024 * KIB
FEWEST_SLOTS: Final = 3
"""One being written, one on its way, one being looked at."""
USUAL_SLOTS: Final = 8


class Sharing(msgspec.Struct, frozen=True, kw_only=True):
    """A writer's share of the machine's memory.

    Attributes:
        above_bytes: payloads of this size and above are shared; a copy through a socket is quicker below.
        slots: pictures that may be under way or looked at, at once, of one channel.
        pool_bytes: what one channel's pool may take; there are fewer slots then, at least `FEWEST_SLOTS`.

    Raises:
        ConfigError: a value that makes no sense.
    """

    above_bytes: int = 128 * KIB
    slots: int = USUAL_SLOTS
    pool_bytes: int = 256 * MIB

    def __post_init__(self) -> None:
        if self.above_bytes < 1:
            raise ConfigError(f"expected above_bytes of at least 1, got {self.above_bytes}")
        if not FEWEST_SLOTS <= self.slots <= 256:
            raise ConfigError(f"expected {FEWEST_SLOTS} to 256 slots, got {self.slots}")
        if self.pool_bytes < 1:
            raise ConfigError(f"expected pool_bytes of at least 1, got {self.pool_bytes}")
