"""What came, as messages of the fleet: what is none is counted and told, and never raised.

A configuration is the last of its key: whoever begins to read gets the newest of each key, and what came
before that is passed over. What is for others is passed over by its key, before it is parsed. Of all other
topics a reader gets what is sent from its begin on.

Deliberately not here: who is to be believed (`Received.signed_by` says who sent it, whoever asks has the
key), and putting right what was missed: it is sent again, or asked for.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Final

import msgspec

from sightline.bus import Consumer, Event, Gained, Gap, Log
from sightline.bus import Message as BusMessage
from sightline.errors import BusError, Closed, WireError
from sightline.fleet.keys.identity import PublicKey
from sightline.fleet.messages.topics import AgentConfig, Message
from sightline.fleet.post.counts import ReadCounts, Tally
from sightline.fleet.post.envelope import Envelope, envelope_of
from sightline.fleet.post.link import Link
from sightline.hub.client.positions import HUB_RESTART
from sightline.log import Repeated, get_logger

LAST_OF_EACH_KEY: Final[tuple[type[Message], ...]] = (AgentConfig,)
_MOST_A_POLL: Final = 1000
_BEGIN_POLL_S: Final = 0.05
_AGAIN_S: Final = 0.1
_BEGIN_OVER_S: Final = 3.0
"""After so long without another message the begin is over, whatever the log says of its end."""


class Received(msgspec.Struct, frozen=True):
    """A message that came; `key` as it was sent with, "" where it had none."""

    message: Message
    key: str
    envelope: Envelope

    @property
    def by(self) -> str:
        """Who says that they sent it."""
        return self.envelope.by

    def signed_by(self, key: PublicKey) -> bool:
        return self.envelope.signed_by(key)


class Reader:
    """One reader of some of the six topics. One thread polls; any may ask for counts or close.

    Args:
        link: to the bus.
        kinds: by topic.
        keys: those that are read; None: all. A message without a key is for everybody.
        believed: whose messages are read; None: anybody's.
        on_unreadable: called within `poll` with what is no message of its kind.
        on_reset: called within `poll` when the broker lost what it had.
        on_close: called first of all when it closes.
    """

    def __init__(
        self,
        link: Link,
        kinds: Mapping[str, type[Message]],
        keys: Collection[str] | None,
        *,
        believed: PublicKey | None = None,
        on_unreadable: Callable[[type[Message], bytes, str], None] | None = None,
        on_reset: Callable[[], None],
        on_close: Callable[[Reader], None],
    ) -> None:
        self._link = link
        self._kinds = dict(kinds)
        self._kept = frozenset(topic for topic, kind in kinds.items() if kind in LAST_OF_EACH_KEY)
        self._keys = None if keys is None else frozenset(key.encode() for key in keys)
        self._believed = believed
        self._on_unreadable = on_unreadable
        self._on_reset = on_reset
        self._on_close = on_close
        self._tally = Tally()
        self._repeated = Repeated(get_logger(__name__), "a message of the fleet could not be read")
        self._consumer: tuple[Log, Consumer] | None = None
        self._begun: set[str] = set()  # of the topics that keep the last of each key
        self._beginning: dict[str, float] = {}  # with the time of their last message
        self._newest: dict[tuple[str, bytes | None], Received] = {}
        self._given: deque[Received] = deque()
        self._closed = threading.Event()

    def ready(self, timeout_s: float) -> bool:
        """Waits until all that is sent from now on will come; False when it took longer. Raises Closed."""
        until_s = time.monotonic() + timeout_s
        consumer = self._consuming(timeout_s)
        try:
            return consumer is not None and consumer.ready(max(0.0, until_s - time.monotonic()))
        except (BusError, Closed) as error:
            self._broke(error)
            return False

    def poll(self, most: int, timeout_s: float) -> list[Received]:
        """1 to `most`, as soon as there is one; [] when none came in time, whatever the reason.

        Raises:
            Closed: this reader or its post was closed.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            self._check_open()
            left_s = max(0.0, until_s - time.monotonic())
            if not self._given:
                self._fetch(min(left_s, _BEGIN_POLL_S) if self._beginning else left_s)
            if self._given or time.monotonic() >= until_s:
                taken = [self._given.popleft() for _ in range(min(most, len(self._given)))]
                self._tally.add("given", times=len(taken))
                return taken

    def counts(self) -> ReadCounts:
        of = self._tally.total
        return ReadCounts(
            came=of("came"),
            given=of("given"),
            others=of("others"),
            superseded=of("superseded"),
            gone=of("gone"),
            invalid=self._tally.by_reason("invalid"),
            lost=self._tally.by_reason("lost"),
            held=len(self._given) + len(self._newest),
        )

    def close(self) -> None:
        """Again is allowed."""
        self._on_close(self)
        self._closed.set()
        if self._consumer is not None:
            self._consumer[1].close()
        self._repeated.flush()

    # What comes.

    def _fetch(self, timeout_s: float) -> None:
        until_s = time.monotonic() + timeout_s
        try:
            consumer = self._consuming(timeout_s)
            if consumer is None:
                return
            for message in consumer.poll(_MOST_A_POLL, max(0.0, until_s - time.monotonic())):
                self._came(message)
            if self._beginning:
                self._end_begin(consumer)
        except (BusError, Closed) as error:
            self._broke(error)

    def _came(self, message: BusMessage) -> None:
        self._tally.add("came")
        if self._keys is not None and message.key is not None and message.key not in self._keys:
            self._tally.add("others")
        elif message.topic in self._kept and not message.value:
            if self._envelope(message) is not None:
                self._tally.add("gone")
                self._supersede(message)
        elif (received := self._read(message)) is not None:
            self._take(message, received)

    def _take(self, message: BusMessage, received: Received) -> None:
        if message.topic not in self._beginning:
            self._given.append(received)
            return
        self._supersede(message)
        self._newest[message.topic, message.key] = received

    def _supersede(self, message: BusMessage) -> None:
        if message.topic in self._beginning:
            self._beginning[message.topic] = time.monotonic()
        if self._newest.pop((message.topic, message.key), None) is not None:
            self._tally.add("superseded")

    def _read(self, message: BusMessage) -> Received | None:
        kind, envelope = self._kinds[message.topic], self._envelope(message)
        if envelope is None:
            return None
        try:
            return Received(kind.from_json(message.value), (message.key or b"").decode(), envelope)
        except (WireError, UnicodeDecodeError) as error:
            self._invalid("message", kind, error)
            if self._on_unreadable is not None:
                self._on_unreadable(kind, message.value, str(error))
            return None

    def _envelope(self, message: BusMessage) -> Envelope | None:
        """None where nobody sent it whose messages are read: then it is not looked into, whatever it is."""
        kind = self._kinds[message.topic]
        try:
            envelope = envelope_of(message)
        except WireError as error:
            self._invalid("envelope", kind, error)
            return None
        if self._believed is None or envelope.signed_by(self._believed):
            return envelope
        self._invalid("signature", kind, WireError(f"not signed as it is to be, by {envelope.by[:80]!r}"))
        return None

    def _invalid(self, reason: str, kind: type[Message], error: Exception) -> None:
        self._tally.add("invalid", reason)
        self._repeated.add(kind=kind.topic, reason=str(error))

    # The begin of topics that keep the last of each key.

    def _happened(self, consumer: Consumer, event: Event) -> None:
        if isinstance(event, Gained):
            for topic in (event.positions.keys() & self._kept) - self._begun:
                self._begun.add(topic)
                self._beginning[topic] = time.monotonic()
                consumer.seek(topic, "earliest")
        elif isinstance(event, Gap):
            self._tally.add("lost", event.reason, max(0, event.next - event.first))
            if event.reason == HUB_RESTART:
                self._on_reset()

    def _end_begin(self, consumer: Consumer) -> None:
        now_s, lag = time.monotonic(), consumer.lag()
        for topic, since_s in list(self._beginning.items()):
            if lag.get(topic, 1) and now_s - since_s < _BEGIN_OVER_S:
                continue
            del self._beginning[topic]
            for of, key in [each for each in self._newest if each[0] == topic]:
                self._given.append(self._newest.pop((of, key)))

    # The consumer.

    def _consuming(self, timeout_s: float) -> Consumer | None:
        log = self._link.log(timeout_s)
        if log is None:
            return None
        if self._consumer is None or self._consumer[0] is not log:
            self._begin_anew()
            self._consumer = log, log.consume(tuple(self._kinds), start="latest", on_event=self._happened)
        if self._closed.is_set():  # closed meanwhile, before there was one to close
            self._consumer[1].close()
        return self._consumer[1]

    def _begin_anew(self) -> None:
        self._begun.clear()
        self._beginning.clear()
        self._tally.add("superseded", times=len(self._newest))
        self._newest.clear()

    def _broke(self, error: BusError | Closed) -> None:
        """A handle that was closed is no longer the link's; of any other the link is told."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None and isinstance(error, BusError):
            self._link.broke(consumer[0], error)
        self._closed.wait(_AGAIN_S)

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise Closed("this reader is closed")
