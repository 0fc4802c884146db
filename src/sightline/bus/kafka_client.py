"""What all clients of Kafka share: the library, its errors as ours, and its complaints as log lines."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from sightline.clock import SYSTEM_CLOCK, Clock, ns
from sightline.errors import BusError, ConfigError, MissingExtra
from sightline.log import get_logger, redact

_AGAIN_NS: Final = ns(60.0)
"""The same complaint is logged once in so long."""
NO_TOPIC: Final = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"})


def confluent_kafka(part: str = "") -> Any:
    """The library, or a part of it such as `.admin`. Raises MissingExtra where it is not installed."""
    try:
        return importlib.import_module(f"confluent_kafka{part}")
    except ModuleNotFoundError as error:
        if error.name != "confluent_kafka":
            raise
        raise MissingExtra(
            "confluent-kafka is not installed; it comes with: pip install 'sightline[kafka]'"
        ) from error


def told(client: Callable[[dict[str, Any]], Any], settings: Mapping[str, Any]) -> Any:
    """A client with these settings. Raises ConfigError where librdkafka does not take one of them."""
    try:
        return client(dict(settings))
    except (ValueError, TypeError, confluent_kafka().KafkaException) as error:
        kafka = error.args[0] if error.args else error
        text = kafka.str() if hasattr(kafka, "str") else str(kafka)
        raise ConfigError(f"expected settings that librdkafka takes: {redact(text)}") from None


def bus_error(error: Any, servers: str, topic: str | None = None) -> BusError:
    """A `KafkaError` as ours, which names the broker and the topic."""
    what = f"topic {topic} at {servers}" if topic else f"the broker at {servers}"
    text = f"{what}: {redact(error.str())} ({error.name()})"
    if topic and error.name() in NO_TOPIC:
        text += f"; where brokers make none by themselves: {how_to_make(topic, servers)}"
    return BusError(text)


def how_to_make(topic: str, servers: str) -> str:
    """The command that makes a topic as Sightline needs it."""
    return f"sightline topics create {topic} --bus kafka://{servers}"


class Complaints:
    """Tells the log of trouble that librdkafka gets over by itself: each kind once, and again a minute later.

    Args:
        servers: the brokers, as the log names them.
        clock: its monotonic time says what is again.
    """

    def __init__(self, servers: str, clock: Clock = SYSTEM_CLOCK) -> None:
        self._servers = servers
        self._clock = clock
        self._logger = get_logger(__name__)
        self._lock = threading.Lock()
        self._said_ns: dict[tuple[str, ...], int] = {}

    def error(self, error: Any) -> None:
        """What librdkafka calls as its `error_cb`."""
        self.say("kafka trouble", code=error.name(), reason=redact(error.str()))

    def say(self, event: str, *, reason: str = "", **beside: str) -> None:
        """Logs it, unless it was said within the last minute for another reason."""
        now_ns = self._clock.monotonic_ns()
        kind = (event, *beside.values())
        with self._lock:
            said_ns = self._said_ns.get(kind)
            if said_ns is not None and now_ns - said_ns < _AGAIN_NS:
                return
            self._said_ns[kind] = now_ns
        self._logger.warning(event, brokers=self._servers, reason=reason, **beside)
