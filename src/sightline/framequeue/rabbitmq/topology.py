"""What a queue of keys is at RabbitMQ: the queue, an exchange of dead letters, and a queue of those.

RabbitMQ never changes a queue that is there, and ends the channel of whoever declares it with other
arguments. Where that happens it is said which argument it is, what is there, what was wanted, and how to go
on. Without limits a queue that is there is used as it is, whoever made it.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from sightline.errors import ConfigError
from sightline.framequeue.queues.limits import QueueLimits, WhenFull
from sightline.framequeue.rabbitmq.address import RabbitAddress
from sightline.framequeue.rabbitmq.wire import Connection, Cut, Wire

NOT_FOUND: Final = 404
PRECONDITION_FAILED: Final = 406

_OVERFLOW: Final = {WhenFull.REJECT: "reject-publish", WhenFull.DROP_OLDEST: "drop-head"}
_MOST_DELIVERIES: Final = 2**31 - 1
"""To look at dead letters is to be handed them; RabbitMQ 4 lets go of a quorum queue's after 20 times."""
_INEQUIVALENT: Final = re.compile(
    r"inequivalent arg '(?P<name>[^']+)' for (?P<what>queue|exchange) '(?P<of>.*)' in vhost '.*': "
    r"received (?P<wanted>.*) but current is (?P<there>.*)",
    re.DOTALL,
)
_VALUE: Final = re.compile(r"(?:the value )?'(?P<value>.*?)'(?: of type '\w+')?", re.DOTALL)
_SETTINGS: Final = {
    "x-max-length": "max_keys; for dead letters max_dead",
    "x-max-length-bytes": "max_bytes",
    "x-overflow": "when_full",
    "x-dead-letter-strategy": "by when_full",
    "x-message-ttl": "ttl_s, here in ms",
    "x-queue-type": "type= in the URL",
}


class Places(NamedTuple):
    """The names of what is at the broker. The exchange of dead letters is called as their queue."""

    queue: str
    dead: str

    @classmethod
    def of(cls, address: RabbitAddress) -> Places:
        return cls(address.queue, f"{address.queue}.dead")


def queue_arguments(limits: QueueLimits, kind: str, dead: str) -> dict[str, Any]:
    """Of the queue of keys."""
    quorum = kind == "quorum"
    arguments: dict[str, Any] = {
        # A quorum queue sees that it is full when it is beyond its cap.
        "x-max-length": limits.max_keys - (quorum and limits.when_full is WhenFull.REJECT),
        "x-max-length-bytes": limits.max_bytes,
        "x-overflow": _OVERFLOW[limits.when_full],
        "x-dead-letter-exchange": dead,
        **_kind(kind),
    }
    if limits.ttl_s is not None:
        arguments["x-message-ttl"] = max(1, round(limits.ttl_s * 1000))
    if quorum and limits.when_full is WhenFull.REJECT:  # RabbitMQ offers it beside no other overflow
        arguments["x-dead-letter-strategy"] = "at-least-once"
    return arguments


def dead_arguments(limits: QueueLimits, kind: str) -> dict[str, Any]:
    """Of the queue of dead letters: the oldest give way."""
    bounds: dict[str, Any] = {"x-max-length": limits.max_dead, "x-overflow": "drop-head"}
    if kind == "quorum":
        bounds["x-delivery-limit"] = _MOST_DELIVERIES
    return {**bounds, **_kind(kind)}


async def declare(connection: Connection, address: RabbitAddress, limits: QueueLimits | None) -> None:
    """Sees that all is there, and is durable.

    Args:
        connection: to the broker.
        address: names the queue, and its type.
        limits: None: what is there stays as it is; what is not there gets those of `QueueLimits`.

    Raises:
        ConfigError: something is there with other arguments than these limits ask for.
    """
    places, kind = Places.of(address), address.kind
    declaring = _Declaring(connection, address, as_it_is=limits is None)
    wanted = limits or QueueLimits()
    # A broker that is killed may forget what it made last, a queue with all that was confirmed. The binding
    # holds nothing, and is made anew.
    await declaring.queue(places.dead, dead_arguments(wanted, kind))
    await declaring.queue(places.queue, queue_arguments(wanted, kind, places.dead))
    await declaring.ask("exchange_declare", exchange=places.dead, exchange_type="fanout", durable=True)
    await declaring.ask("queue_bind", queue=places.dead, exchange=places.dead)
    await declaring.close()


class _Declaring:
    """Asks over a channel, and over another where the broker ended it as an answer."""

    def __init__(self, connection: Connection, address: RabbitAddress, *, as_it_is: bool) -> None:
        self._connection = connection
        self._address = address
        self._as_it_is = as_it_is
        self._wire: Wire | None = None

    async def queue(self, name: str, arguments: dict[str, Any]) -> None:
        if not (self._as_it_is and await self._is_there(name)):
            await self.ask("queue_declare", queue=name, durable=True, arguments=arguments)

    async def ask(self, method: str, **arguments: Any) -> None:
        wire = await self._open()
        try:
            await wire.ask(method, **arguments)
        except Cut as error:
            if error.code != PRECONDITION_FAILED:
                raise
            # Else another process made it a moment ago, and as it is it is right.
            if not self._as_it_is:
                raise ConfigError(explained(error.message, self._address)) from error

    async def close(self) -> None:
        if self._wire is not None:
            await self._wire.close()

    async def _is_there(self, name: str) -> bool:
        wire = await self._open()
        try:
            await wire.ask("queue_declare", queue=name, passive=True)
        except Cut as error:
            if error.code != NOT_FOUND:
                raise
            return False
        return True

    async def _open(self) -> Wire:
        if self._wire is None or self._wire.cut is not None:
            self._wire = await self._connection.wire()
        return self._wire


def explained(told: str, address: RabbitAddress) -> str:
    """What RabbitMQ told of arguments that differ, and how to go on."""
    found = _INEQUIVALENT.search(told)
    if found is None:
        return f"{address.shown} cannot be used as it is wanted: {told}"
    name, what, of = found["name"], found["what"], found["of"]
    setting = f" ({_SETTINGS[name]})" if name in _SETTINGS else ""
    delete = f"`rabbitmqctl delete_queue {of} --vhost {address.vhost}`" if what == "queue" else "delete it"
    return (
        f"{address.shown}: the {what} {of!r} is there with {name} {_value(found['there'])}, and"
        f" {_value(found['wanted'])} was wanted{setting}. RabbitMQ changes none that is there. To go on: open"
        f" it without limits, and it is used as it is; or name another queue; or stop who uses it, let it run"
        f" empty, {delete}, and it is made as wanted"
    )


def _value(told: str) -> str:
    value = _VALUE.fullmatch(told)
    return told if value is None else value["value"]


def _kind(kind: str) -> dict[str, Any]:
    """Nothing for a classic queue: so it is the same as one that says nothing of its type."""
    return {"x-queue-type": kind} if kind != "classic" else {}
