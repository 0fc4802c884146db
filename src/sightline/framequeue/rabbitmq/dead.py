"""What a message says of its key: how often it was handed over, and of a dead letter why and when it died.

What died by a word of ours carries reason, date and count in its headers. Of what died in the broker's own
way RabbitMQ tells in `x-death`, the latest first. A stranger may have written any of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sightline.clock import NS_PER_S
from sightline.framequeue.queue import EXPIRED, MAX_TEXT_BYTES, OVERFLOW, DeadKey
from sightline.framequeue.rabbitmq.wire import Incoming
from sightline.framequeue.reason import MAX_REASON_CHARS

NOT_A_KEY: Final = "not a key"
"""Reason of a dead letter: it is empty, too long or no text; somebody else put it into our queue."""
TOO_OFTEN: Final = "handed over too often"
"""Reason of a dead letter: it came back from its holders more often than the broker lets it."""

_REASON: Final = "sightline-reason"
_DIED_AT: Final = "sightline-died-at"
_HANDED: Final = "sightline-handed"
_BY_BROKER: Final = {
    "expired": EXPIRED,
    "maxlen": OVERFLOW,
    "rejected": NOT_A_KEY,
    "delivery_limit": TOO_OFTEN,
}


def key_of(body: bytes) -> str | None:
    """The key that is a message's body; None: it is none."""
    if not 0 < len(body) <= MAX_TEXT_BYTES:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def shown(body: bytes) -> str:
    """The key, or what is nearest to one."""
    return key_of(body) or body[:MAX_TEXT_BYTES].decode("utf-8", "backslashreplace")


def handed_over(message: Incoming) -> int:
    """How often, before now, as far as anybody counts: a classic queue knows whether, not how often."""
    counted = _number(message.headers.get("x-delivery-count"))
    return _number(message.headers.get(_HANDED)) + max(counted, int(message.redelivered))


def death(reason: str, handed: int) -> dict[str, Any]:
    """The headers of one that dies by a word of ours."""
    return {_REASON: reason, _DIED_AT: int(time.time()), _HANDED: handed}


def again(dead: DeadKey) -> dict[str, Any]:
    """The headers of one that is tried again."""
    return {_HANDED: dead.attempts}


def dead_key(message: Incoming) -> DeadKey:
    """A dead letter."""
    headers = message.headers
    died = headers.get("x-death")
    latest = died[0] if isinstance(died, list) and died and isinstance(died[0], Mapping) else {}
    reason, at = headers.get(_REASON), _number(headers.get(_DIED_AT))
    if not isinstance(reason, str):
        told = str(latest.get("reason", ""))
        reason, at = _BY_BROKER.get(told, told), _seconds(latest.get("time"))
    handed = _number(headers.get(_HANDED))
    return DeadKey(shown(message.body), reason[:MAX_REASON_CHARS], at * NS_PER_S, handed)


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _seconds(value: object) -> int:
    return int(value.replace(tzinfo=UTC).timestamp()) if isinstance(value, datetime) else 0
