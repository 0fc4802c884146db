"""The fleet's post: its messages over any bus, signed; sent and read while the broker comes and goes.

Promises: `send` never waits and never raises for a broker that is away; readers give messages, and count and
tell what is none. Where messages may have been missed, because the broker was away, began anew or lost some,
`on_reconnected` is called once it is back: whoever sends what is to be so then sends it again.

A prefix before the topics' names has several fleets share a broker. A post of `memory://name` meets others of
that name in its process.

Deliberately not here: whom to believe, and what to do with a message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Final, Self

from sightline.bus.names import checked_topic
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.fleet.messages.topics import AgentConfig, AgentInfo, Message
from sightline.fleet.post.counts import SentCounts
from sightline.fleet.post.envelope import headers_of, key_of
from sightline.fleet.post.link import Link
from sightline.fleet.post.reading import LAST_OF_EACH_KEY, Reader
from sightline.fleet.post.sending import Letter, Sending
from sightline.fleet.post.watching import Watching

_NEWEST_HOLDS: Final[tuple[type[Message], ...]] = (AgentInfo, AgentConfig)
_FLUSH_S: Final = 2.0


class Post:
    """Any thread may use it; a `with` block closes it.

    Args:
        url: of the bus: kafka://, hub:// or memory://.
        identity: that signs what is sent; None: it is not signed.
        by: who that is: the node_id of an agent, or a name.
        prefix: before the names of the topics, such as "north." .
        on_reconnected: called in a thread of its own, when messages may have been missed.

    Raises:
        ConfigError, MissingExtra: the URL or the prefix is wrong. A broker that is away is none of this.
    """

    def __init__(
        self,
        url: str,
        *,
        identity: Identity | None,
        by: str,
        prefix: str = "",
        on_reconnected: Callable[[], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._identity, self._by, self._prefix = identity, by, prefix
        for kind in (AgentInfo, AgentConfig):
            checked_topic(self.topic(kind))
        self._watching: Watching | None = None
        self._readers: set[Reader] = set()
        self._closing = threading.Lock()
        self._closed = False
        self._link = Link(url, self._missed)
        if on_reconnected is not None:
            self._watching = Watching(self._link, self.topic(AgentConfig), on_reconnected)
        self._sending = Sending(self._link, self._missed, clock)

    def topic(self, kind: type[Message]) -> str:
        """The topic of messages of this kind."""
        return f"{self._prefix}{kind.topic}"

    @property
    def connected(self) -> bool:
        """Whether there was a broker, last time that it mattered."""
        try:
            return self._link.log(0) is not None and (self._watching is None or self._watching.answers)
        except Closed:
            return False

    def wait_connected(self, timeout_s: float) -> bool:
        """Whether there is a broker within so long. Raises Closed."""
        return self._link.log(timeout_s) is not None

    def send(
        self,
        message: Message,
        *,
        key: str | None = None,
        identity: Identity | None = None,
        by: str | None = None,
    ) -> None:
        """Have it sent; what becomes of it is counted.

        Args:
            message: one of the six.
            key: another than `key_of` says.
            identity: that signs it, where that is not the post's own.
            by: who that is.

        Raises:
            Closed: this post was closed.
            WireError: it is a configuration of none or several.
        """
        kind, sender = type(message), self._by if by is None else by
        topic, named = self.topic(kind), key_of(message) if key is None else key
        keyed, value = None if named is None else named.encode(), message.to_json()
        headers = headers_of(identity or self._identity, sender, topic, keyed, value)
        newest = (topic, keyed) if kind in _NEWEST_HOLDS else None
        self._sending.put(Letter(topic, keyed, value, headers, newest, kind in LAST_OF_EACH_KEY))

    def forget(self, kind: type[Message], key: str) -> None:
        """Have the log forget the last message of this key, such as the configuration of an agent that is no
        more. Raises Closed.
        """
        topic, keyed = self.topic(kind), key.encode()
        headers = headers_of(self._identity, self._by, topic, keyed, b"")
        self._sending.put(Letter(topic, keyed, b"", headers, (topic, keyed), kind in LAST_OF_EACH_KEY))

    def reader(
        self,
        *kinds: type[Message],
        keys: Collection[str] | None = None,
        believed: PublicKey | None = None,
        on_unreadable: Callable[[type[Message], bytes, str], None] | None = None,
    ) -> Reader:
        """Of messages of these kinds, with one of these keys or without a key; None: with any. `believed`:
        what the owner of this key did not sign is not even looked into; None: anybody's is. `on_unreadable`
        is given what was looked into and is no message of its kind, and why, within `poll`. Raises Closed.

        Nothing comes before the first `poll` or `ready`.
        """
        with self._closing:
            if self._closed:
                raise Closed("this post is closed")
            reader = Reader(
                self._link,
                {self.topic(kind): kind for kind in kinds},
                keys,
                believed=believed,
                on_unreadable=on_unreadable,
                on_reset=self._missed,
                on_close=self._readers.discard,
            )
            self._readers.add(reader)
        return reader

    def counts(self) -> SentCounts:
        """Of what was to be sent; each reader has its own."""
        return self._sending.counts()

    def close(self) -> None:
        """What was to be sent is sent, as far as that takes seconds. Readers end. Again is allowed."""
        with self._closing:
            closed, self._closed = self._closed, True
            readers = tuple(self._readers)
        if closed:
            return
        for reader in readers:
            reader.close()
        self._sending.end(_FLUSH_S)
        self._link.close()
        self._sending.join()
        if self._watching is not None:
            self._watching.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _missed(self) -> None:
        if self._watching is not None:
            self._watching.missed()
