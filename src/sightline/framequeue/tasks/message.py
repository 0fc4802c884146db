"""A key as a task of Celery's: what is in the message. Pure.

It is what Celery calls version 2 of its protocol ("Message Protocol" in its documentation): headers that say
which task, and as a body JSON of its arguments. The one argument is the text of the key, which is the id of
the task as well: so whoever has a key can ask Celery for its result, and one that was sent twice is one task.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

PROCESS: Final = "sightline.framequeue.process"
"""The task that works on one picture."""
SWEEP: Final = "sightline.framequeue.sweep"
"""The task that puts the store in order."""
CONTENT_TYPE: Final = "application/json"

_EMBEDDED: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_OURS: Final = "sightline-"  # headers that are of one hand-over alone
_BROKERS: Final = "x-"


def body_of(text: str) -> bytes:
    """The body of the message."""
    return msgspec.json.encode([[text], {}, _EMBEDDED])


def text_of(body: bytes) -> str | None:
    """The key that is in a body; None: it is no such task."""
    try:
        return msgspec.json.decode(body, type=tuple[tuple[str], Any, Any])[0][0]
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None


def headers_of(text: str, *, retries: int = 0, held_s: float = 0.0) -> dict[str, Any]:
    """The headers of the message.

    Args:
        text: the key.
        retries: how often it was sent again.
        held_s: how long a worker is to hold it before it begins; for brokers that cannot.
    """
    return {
        "lang": "py",
        "task": PROCESS,
        "id": text,
        "root_id": text,
        "parent_id": None,
        "group": None,
        "retries": retries,
        "eta": (datetime.now(UTC) + timedelta(seconds=held_s)).isoformat() if held_s else None,
        "expires": None,
        "timelimit": [None, None],
        "argsrepr": repr((text,)),
        "kwargsrepr": "{}",
        "origin": f"{os.getpid()}@{socket.gethostname()}",
        "ignore_result": False,
    }


def lasting(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a message that are good for another one: neither the broker's own, nor those of its death."""
    return {name: value for name, value in headers.items() if not name.startswith((_OURS, _BROKERS))}
