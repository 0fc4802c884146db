"""What may be asked of the hub: a channel's nature, a reader's buffer, where it listens, and its own limits.

Values only. They travel as msgpack, so each is checked again by whoever gets it from a network: `checked()`
of the wire is type and range, the broker's limits come on top. Nothing here knows how it is done.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final, Literal, TypeAlias

import msgspec

from sightline.errors import ConfigError
from sightline.loopback import is_loopback
from sightline.overflow import Overflow

DEFAULT_PORT: Final = 4820
KIB: Final = 1024
MIB: Final = 1024 * 1024

LONGEST_S: Final = 1e9
"""Some thirty years; beyond, times in ns would leave what machines and the wire count with."""

KeptKind: TypeAlias = Literal["last", "per_key", "keyframe"]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel keeps for those who come later.

    Attributes:
        kind: the last messages (`last`), the last of each key (`per_key`), or all since the newest keyframe,
            itself included (`keyframe`).
        messages: at most so many; None: no such bound.
        bytes: at most so many, payloads and what goes beside them.
    """

    kind: KeptKind = "last"
    messages: int | None = None
    bytes: int = 8 * MIB

    def __post_init__(self) -> None:
        if self.bytes < 1 or (self.messages is not None and self.messages < 1):
            raise ConfigError(f"expected bounds of a history above 0, got {self}")


class ChannelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The nature of a channel, settled by who creates it.

    Attributes:
        public: whether it is listed; a private one needs its name and its key.
        key_digest: `digest(key)` of a private channel.
        lifetime_s: it ends by itself after so many seconds; None: not.
        keep: whether it outlives its owner's connection.
        many_writers: whether others than the owner may write.
        may_block: whether a reader may make writers wait (`Overflow.BLOCK`).
        history: what late readers get; None: nothing.
    """

    public: bool = True
    key_digest: bytes | None = None
    lifetime_s: float | None = None
    keep: bool = False
    many_writers: bool = False
    may_block: bool = True
    history: History | None = None

    def __post_init__(self) -> None:
        if not self.public and self.key_digest is None:
            raise ConfigError("a private channel needs a key")
        if self.key_digest is not None and len(self.key_digest) != hashlib.sha256().digest_size:
            raise ConfigError(f"expected a key digest of 32 bytes, got {len(self.key_digest)}")
        if self.lifetime_s is not None and not 0 < self.lifetime_s <= LONGEST_S:
            raise ConfigError(f"expected a lifetime above 0 and to {LONGEST_S:.0e} s, got {self.lifetime_s}")


class ReaderBuffer(msgspec.Struct, frozen=True, kw_only=True):
    """The buffer that a reader has on the hub, for each channel that it reads.

    Attributes:
        messages, bytes, age_s: bounds, whichever is reached first; None: no such bound.
        overflow: what happens beyond them; any but `RAISE`.
        unbounded: must be set where neither messages nor bytes are bounded.
        every: only each n-th message is taken in; 1: all.
        per_s: at most so many messages a second are taken in, evenly; None: all.
    """

    messages: int | None = 1000
    bytes: int | None = 64 * MIB
    age_s: float | None = None
    overflow: Overflow = Overflow.DROP_OLDEST
    unbounded: bool = False
    every: int = 1
    per_s: float | None = None

    def __post_init__(self) -> None:
        bounds = (self.messages, self.bytes, self.age_s, self.per_s)
        if any(bound is not None and not 0 < bound < math.inf for bound in bounds) or self.every < 1:
            raise ConfigError(f"expected bounds above 0, got {self}")
        if (self.age_s or 0) > LONGEST_S or (self.per_s is not None and self.per_s * LONGEST_S < 1):
            raise ConfigError(f"expected at most {LONGEST_S:.0e} s of age and between messages, got {self}")
        if self.messages is None and self.bytes is None and not self.unbounded:
            raise ConfigError("expected a bound of messages or bytes; ask for none with unbounded=True")
        if self.overflow is Overflow.RAISE:
            raise ConfigError("a reader's buffer cannot raise: the writer would get the error")
        if self.overflow is Overflow.DROP_TO_KEYFRAME and (self.every > 1 or self.per_s is not None):
            raise ConfigError("a fill rate would drop packets that the next ones need to be decoded")

    @classmethod
    def endless(cls) -> ReaderBuffer:
        """No bound at all: nothing is lost while the hub has memory. It warns and counts past a limit."""
        return cls(messages=None, bytes=None, unbounded=True)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a stranger can make the hub hold. Each is refused with a reason, and counted."""

    message_bytes: int = 32 * MIB
    clients: int = 1000
    channels: int = 10_000
    subscriptions: int = 1000
    """Of one client."""
    feeds: int = 100_000
    """Readers of channels, all together."""
    writers: int = 10_000
    """Channels that one client writes to."""
    name_bytes: int = 249
    calls: int = 10_000
    """In flight, of one client."""
    handshakes: int = 64
    """Connections that have not said who they are."""
    handshake_s: float = 5.0
    handshake_bytes: int = 4 * KIB
    silence_s: float = 15.0
    """A client of which nothing was heard for so long is gone; it pings thrice in that time."""
    window_messages: int = 65_536
    window_bytes: int = 32 * MIB
    """What a writer may have sent to a channel and the hub not yet taken in. One message always may."""
    history_bytes: int = 256 * MIB
    """What a channel may be asked to keep for those who come later."""
    warn_bytes: int = 256 * MIB
    """A buffer without bounds that holds more is warned of and counted."""
    unwanted_s: float = 2.0
    """How long nobody has read a channel before its writers are told: a reader that comes back is no news."""
    linger_s: float = 10.0
    """How long a lost client's numbers are remembered, so that it goes on where it was."""


def digest(secret: str) -> bytes:
    """What stands for a token or a key on the hub: its SHA-256, so that the secret itself is not kept."""
    return hashlib.sha256(secret.encode()).digest()


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a hub listens.

    Attributes:
        host, port: of TCP; host None: no TCP; port 0: a free one.
        unix_path: of a Unix socket; None: none.
        token: that clients must know; None: none.
        tls_certificate, tls_key: files in PEM form of what the hub shows; None: no TLS.
        tls_client_ca: file in PEM form of who signs what clients must show; None: they need not.
        metrics_port: of its figures for Prometheus, on this machine alone; 0: a free one; None: not.
        statistics_every_s: how often its statistics channel has a message while it is read.
        sharing: whether clients of this machine may hand on large payloads in shared memory.
        limits: what strangers can make it hold.
    """

    host: str | None = "127.0.0.1"
    port: int = DEFAULT_PORT
    unix_path: str | None = None
    token: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    metrics_port: int | None = None
    statistics_every_s: float = 1.0
    sharing: bool = True
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if self.host is None and self.unix_path is None:
            raise ConfigError("expected a host, a unix_path or both to listen on")
        for port in (self.port, self.metrics_port or 0):
            if not 0 <= port < 65_536:
                raise ConfigError(f"expected a port of 0 to 65535, got {port}")
        if not 0 < self.statistics_every_s < math.inf:
            raise ConfigError(f"expected statistics_every_s above 0, got {self.statistics_every_s}")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("expected tls_certificate and tls_key together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ConfigError("tls_client_ca needs tls_certificate and tls_key")
        if self.token == "":
            raise ConfigError("expected a token that is not empty")
        self._check_guarded()

    def _check_guarded(self) -> None:
        guarded = self.token is not None or self.tls_client_ca is not None
        if self.host is not None and not is_loopback(self.host) and not guarded:
            raise ConfigError(
                f"on {self.host} anybody in the network could read and write every channel: "
                "give token= (clients give the same), or tls_certificate=, tls_key= and tls_client_ca="
            )
