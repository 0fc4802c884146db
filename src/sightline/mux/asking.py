"""Asking what a control hears: one request, and the answers of all that heard it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sightline.bus import Consumer, Log
from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, ns
from sightline.errors import BusError
from sightline.mux.requests import REPLIES, Id, Reply, reply_of, request_bytes

_MOST: Final = 64


def ask(
    log: Log,
    topic: str,
    action: str,
    value: Mapping[str, Any],
    *,
    to: str | None = None,
    reply_topic: str | None = None,
    timeout_s: float = 5.0,
    settle_s: float | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> list[Reply]:
    """Asks the controls on `topic` for an act, and gives their answers, one an instance.

    Args:
        log: where the topic is.
        topic: which the controls hear.
        action: the act's name.
        value: what it is told; `id` and `to` are set here.
        to: the instance that alone is meant; its answer is waited for and no other.
        reply_topic: as the controls have it.
        timeout_s: how long to wait once it is asked; who has not answered by then is not among the answers.
        settle_s: how long after the first answer to wait for others; None: for the whole time.
        clock: by which to wait.

    Raises:
        WireError: `value` is too large for a request, or cannot be written as JSON.
        ConfigError: a topic is no name.
        BusError: the broker does not let us ask.
    """
    request_id = uuid.uuid4().hex
    data = request_bytes(value, request_id, to)
    replies: dict[str, Reply] = {}
    with log.consume(reply_topic or topic + REPLIES) as reader:
        if not reader.ready(timeout_s):
            raise BusError(f"expected to read the answers within {timeout_s:g} s")
        log.publish(topic, data, key=action.encode())
        until_ns = clock.monotonic_ns() + ns(timeout_s)
        while to not in replies and (left_ns := until_ns - clock.monotonic_ns()) > 0:
            for reply in _answers(reader, request_id, left_ns / NS_PER_S):
                replies[reply.by] = reply
                if settle_s is not None:
                    until_ns = min(until_ns, clock.monotonic_ns() + ns(settle_s))
    return list(replies.values())


def _answers(reader: Consumer, request_id: Id, timeout_s: float) -> Iterator[Reply]:
    for message in reader.poll(_MOST, timeout_s):
        reply = reply_of(message.value)
        if reply is not None and reply.id == request_id:
            yield reply
