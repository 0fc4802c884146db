"""The words of a client's calls, as the settings that travel."""

from __future__ import annotations

from sightline.errors import ConfigError
from sightline.hub.settings import ChannelSettings, History, ReaderBuffer, digest
from sightline.overflow import Overflow


def channel_settings(
    *,
    public: bool,
    key: str | None,
    lifetime_s: float | None,
    keep: bool,
    many_writers: bool,
    may_block: bool,
    history: History | int | None,
) -> ChannelSettings:
    """Raises ConfigError where these do not go together."""
    if public and key is not None:
        raise ConfigError("a key is for a private channel: say public=False")
    return ChannelSettings(
        public=public,
        key_digest=None if key is None else digest(key),
        lifetime_s=lifetime_s,
        keep=keep,
        many_writers=many_writers,
        may_block=may_block,
        history=History(messages=history) if isinstance(history, int) else history,
    )


def reader_buffer(
    *,
    server_buffer_size: int | None,
    server_buffer_bytes: int | None,
    server_full_behavior: Overflow | str,
    fill_rate: int,
    max_per_s: float | None,
    max_age_s: float | None,
) -> ReaderBuffer:
    """Raises ConfigError where these do not go together."""
    words = ", ".join(word.value for word in Overflow if word is not Overflow.RAISE)
    try:
        overflow = Overflow(server_full_behavior)
    except ValueError as error:
        raise ConfigError(
            f"expected a server_full_behavior of {words}, got {server_full_behavior!r}"
        ) from error
    endless = server_buffer_size is None
    return ReaderBuffer(
        messages=server_buffer_size,
        bytes=None if endless else server_buffer_bytes,
        unbounded=endless,
        age_s=max_age_s,
        overflow=overflow,
        every=fill_rate,
        per_s=max_per_s,
    )
