"""Clients' sessions and a hub's machine, joined without sockets: bytes go over when the test says so."""

import time

from sightline.errors import BusError, SightlineError
from sightline.hub.broker.connection import Connection
from sightline.hub.broker.machine import Hub
from sightline.hub.client.handshake import Handshake
from sightline.hub.client.positions import Gap
from sightline.hub.client.reading import Inbox, Prefetch
from sightline.hub.client.runs import Message
from sightline.hub.client.session import Session
from sightline.hub.client.subscription import Subscription
from sightline.hub.client.writers import Writer
from sightline.hub.client.writing import Outbox, Put
from sightline.hub.settings import ChannelSettings, Limits, ReaderBuffer, digest
from sightline.hub.wire.control import CreateChannel, Subscribe, Welcome
from sightline.hub.wire.header import Frame, Head, Kind
from sightline.hub.wire.parser import Parser

MUCH = 2**30
START_NS = 1_000_000_000_000


class NoCalls:
    def received(self, frame: Frame) -> None:
        raise AssertionError(f"no call was made, and {frame.head} came")

    def lost(self, error: SightlineError) -> None:
        pass


class World:
    """A hub and its clients."""

    def __init__(self, limits: Limits | None = None, token: str | None = None) -> None:
        self.now_ns = START_NS
        self._limits = limits
        self._token = token
        self.ends: list[End] = []
        self.hub = self._new_hub()

    def _new_hub(self) -> Hub:
        token_digest = None if self._token is None else digest(self._token)
        return Hub(self._limits, token_digest=token_digest, began_ns=self.now_ns)

    def client(self, name: str, token: str | None = None) -> "End":
        end = End(self, name, token)
        self.ends.append(end)
        return end

    def restart(self) -> None:
        """The hub is killed, and another one is started."""
        for end in self.ends:
            end.cut()
        self.hub = self._new_hub()

    def settle(self) -> None:
        self.hub.settle(self.now_ns)
        self.hub.dirty.clear()

    def pass_time(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)
        self.hub.tick(self.now_ns)
        for end in self.ends:
            if end.session.lanes is not None:
                assert end.session.tick(self.now_ns) is None

    def rest(self) -> None:
        """All is sent that can be."""
        for _ in range(10_000):
            moved = [end.to_hub() + end.to_client() for end in self.ends]
            if not any(moved):
                return
        raise AssertionError("it does not come to rest")


class End:
    """One client."""

    def __init__(self, world: World, name: str, token: str | None = None) -> None:
        self.world = world
        self.name = name
        self.token = token
        self.session = Session(NoCalls())
        self.session_id = name.encode().ljust(16, b".")
        self.connection: Connection | None = None
        self.failures: list[SightlineError] = []
        self.answers: list[object] = []

    def connect(self) -> None:
        """With the whole handshake."""
        world = self.world
        assert self.connection is None
        self._handshake = Handshake(self.name, self.session_id, self.token)
        self._in, self._out = Parser(), Parser()
        self.connection = world.hub.connected("test", world.now_ns)
        self.to_client()
        self.to_client()

    def cut(self) -> None:
        """The connection breaks; what was on its way is lost."""
        if self.connection is not None:
            self.world.hub.disconnected(self.connection, self.world.now_ns)
            self.world.settle()
            self.connection = None
            self.session.end(BusError("cut"))

    def to_hub(self, budget: int = MUCH) -> int:
        """So many bytes of what waits here go over."""
        if self.connection is None or self.session.lanes is None:
            return 0
        sent = 0
        for frame in _carried(self._out, self.session.lanes.take(budget, self.world.now_ns)):
            self.world.hub.received(self.connection, frame, self.world.now_ns)
            sent += 1
        self.world.settle()
        return sent

    def to_client(self, budget: int = MUCH) -> int:
        if self.connection is None:
            return 0
        sent = 0
        for frame in _carried(self._in, self.connection.lanes.take(budget, self.world.now_ns)):
            sent += 1
            if self.session.lanes is not None:
                self.session.received(frame, self.world.now_ns)
                continue
            said = self._handshake.received(frame)
            if isinstance(said, Welcome):
                self.session.begin(self._handshake.nonce, said, self.world.now_ns)
            else:
                self.world.hub.received(
                    self.connection, Frame(Head(len(said), Kind.HELLO), said), self.world.now_ns
                )
        self.world.settle()
        return sent

    def creates(self, name: str, settings: ChannelSettings | None = None, key: str | None = None) -> Outbox:
        """As `create_new_channel` does."""
        request = CreateChannel(name=name, settings=settings or ChannelSettings())
        self.session.asking.ask(request, self.answers.append, self.failures.append)
        self.session.channels[name] = request
        return self.writes(name, key)

    def writes(self, name: str, key: str | None = None) -> Outbox:
        writer = Writer(Outbox(name, self._ready), key)
        self.session.writers.open(writer, self.answers.append, self.failures.append)
        self.session.writers.by_name[name] = writer
        return writer.outbox

    def reads(
        self,
        *names: str,
        buffer: ReaderBuffer | None = None,
        prefetch: Prefetch | None = None,
        key: str | None = None,
        start: str = "new",
    ) -> Subscription:
        buffer = buffer or ReaderBuffer()
        wish = Subscribe(number=0, names=names, buffer=buffer, wait=True, start=start)
        subscription = Subscription(wish, Inbox(prefetch or Prefetch.of(buffer)), key=key)
        self.session.subscribe(subscription, self.answers.append, self.failures.append)
        return subscription

    def puts(self, outbox: Outbox, *payloads: bytes) -> int:
        """How many were taken."""
        return [outbox.offer(0, [payload], time.time_ns()) for payload in payloads].count(Put.TAKEN)

    def takes(self, subscription: Subscription, most: int) -> list[Message | Gap]:
        taken: list[Message | Gap] = []
        for _ in range(most):
            taken += subscription.inbox.next_or_gap()
            if subscription.inbox.claim_credit():
                self.session.give_credit(subscription)
        return taken

    def _ready(self, outbox: Outbox) -> None:
        if self.session.lanes is not None:
            self.session.lanes.wake(outbox)


def _carried(parser: Parser, buffers: list) -> list[Frame]:  # type: ignore[type-arg]
    frames: list[Frame] = []
    data = b"".join(buffers)
    while data:
        room = parser.get_buffer()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        data = data[count:]
        frames += parser.buffer_updated(count)
    return frames
