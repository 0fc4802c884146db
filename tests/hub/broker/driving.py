"""The hub's machine driven without sockets: peers that speak the protocol to it frame by frame."""

import struct
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from tests.hub.broker.memory import Memory, Share
from tests.hub.broker.runs import batch_frame, shared_frame, single_frame

from sightline.clock import NS_PER_S
from sightline.hub.broker.machine import Hub
from sightline.hub.broker.proofs import proof
from sightline.hub.settings import ChannelSettings, Limits, ReaderBuffer, digest
from sightline.hub.wire.control import (
    Attached,
    Challenge,
    CreateChannel,
    Failure,
    GapBody,
    Hello,
    Notice,
    OpenWriter,
    Request,
    Subscribe,
    Welcome,
    WriterOpened,
)
from sightline.hub.wire.header import BATCH, KEYFRAME, SHARED, Frame, Head, Kind
from sightline.hub.wire.parser import Parser
from sightline.shm.token import Token

encode = msgspec.msgpack.encode
decode = msgspec.msgpack.decode
MUCH = 2**40
SIDE = b"sightline-hub-0"


class Fake:
    """A date for the welcome."""

    def utc_ns(self) -> int:
        return 1_700_000_000 * NS_PER_S

    def monotonic_ns(self) -> int:
        raise AssertionError("the machine is told the time")


class Got(msgspec.Struct, frozen=True):
    """A message that a reader got."""

    offset: int
    seq: int
    writer: int
    payload: bytes
    shared: bool = False


class Net:
    """A hub, its peers, and a time that the test moves."""

    def __init__(self, limits: Limits | None = None, token: str | None = None) -> None:
        self.now_ns = 1000 * NS_PER_S
        self.memory = Memory()
        self.hub = Hub(
            limits,
            token_digest=None if token is None else digest(token),
            clock=Fake(),
            began_ns=self.now_ns,
            host=cast(Any, self.memory),
        )
        self.peers: list[Peer] = []

    def stranger(self, side: bytes | None = None) -> "Peer":
        peer = Peer(self, side)
        self.peers.append(peer)
        self.pump()
        return peer

    def client(self, name: str, session: bytes | None = None, token: str | None = None) -> "Peer":
        peer = self.stranger()
        peer.hello(name, session or name.encode().ljust(16, b"."), token)
        return peer

    def neighbour(self, name: str) -> "Peer":
        """A client of the same machine, which shares memory."""
        peer = self.stranger(SIDE)
        peer.hello(name, name.encode().ljust(16, b"."), shares=True)
        assert peer.welcome is not None
        assert peer.welcome.share is not None
        assert self.hub.shares.join(peer.welcome.share, cast(Any, Share()))
        return peer

    def pass_time(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS_PER_S)
        self.hub.tick(self.now_ns)
        self.pump()

    def pump(self) -> None:
        """What the shell does after each round: settle, send, close."""
        for _ in range(10_000):
            self.hub.settle(self.now_ns)
            dirty = list(self.hub.dirty)
            self.hub.dirty.clear()
            for connection in dirty:
                for peer in self.peers:
                    if peer.connection is connection:
                        peer.flush()
            while self.hub.endings:
                ended = self.hub.endings.pop()
                for peer in self.peers:
                    if peer.connection is ended:
                        peer.flush()
                        peer.closed = ended.ending
            if not self.hub.unsettled:
                return
        raise AssertionError("the hub does not come to rest")


class Peer:
    """One connection from the other side."""

    def __init__(self, net: Net, side: bytes | None = None) -> None:
        self.net = net
        self.connection = net.hub.connected("test", net.now_ns, side)
        self.closed: str | None = None
        self.reads = True
        self.frames: list[Frame] = []
        self.notices: list[Notice] = []
        self.acks: dict[int, int] = {}
        self.answers: dict[int, Any] = {}
        self.calls: list[Frame] = []
        self.cancels: list[Frame] = []
        self.got: dict[int, list[Got]] = defaultdict(list)
        self.gaps: dict[int, list[tuple[int, int, int, str]]] = defaultdict(list)
        self.order: dict[int, list[str]] = defaultdict(list)
        self.received = [0, 0]  # messages, bytes of bodies
        self.challenge: Challenge | None = None
        self.welcome: Welcome | None = None
        self.failure: Failure | None = None
        self._parser = Parser()
        self._number = 0

    # What it says.

    def say(self, frame: Frame) -> None:
        self.net.hub.received(self.connection, frame, self.net.now_ns)
        self.net.pump()

    def send(self, kind: Kind, body: bytes = b"", **fields: int) -> None:
        self.say(Frame(Head(len(body), kind, **fields), body))

    def hello(self, name: str, session: bytes, token: str | None = None, *, shares: bool = False) -> None:
        assert self.challenge is not None
        nonce = b"n" * 16
        shown = None
        if token is not None:
            shown = proof(digest(token), b"client", self.challenge.nonce, nonce, name.encode())
        hello = Hello(name=name, session=session, nonce=nonce, proof=shown, shares=shares)
        self.send(Kind.HELLO, encode(hello))

    def ask(self, request: Request) -> Any:
        """The answer, or the Failure; None also where the answer has not come yet."""
        self._number += 1
        self.send(Kind.REQUEST, encode(request), seq=self._number)
        return self.answers.get(self._number)

    def create(self, name: str, **settings: Any) -> Any:
        return self.ask(CreateChannel(name=name, settings=ChannelSettings(**settings)))

    def write_to(self, name: str, **fields: Any) -> WriterOpened:
        answer = self.ask(OpenWriter(name=name, **fields))
        return msgspec.convert(answer, WriterOpened)

    def read(
        self, number: int, *names: str, buffer: ReaderBuffer | None = None, **fields: Any
    ) -> list[Attached]:
        """Subscribe; the feeds that it got."""
        before = len(self.notices)
        answer = self.ask(Subscribe(number=number, names=names, buffer=buffer or ReaderBuffer(), **fields))
        assert answer is None, answer
        return [notice for notice in self.notices[before:] if isinstance(notice, Attached)]

    def put(
        self,
        channel: int,
        payloads: Sequence[bytes],
        seq: int,
        *,
        keyframe: bool = False,
        key: bytes | None = None,
    ) -> None:
        """One DATA frame: a batch where there is more than one payload."""
        if len(payloads) == 1:
            head, body = single_frame(payloads[0], seq=seq, keyframe=keyframe, key=key)
        else:
            head, body = batch_frame(payloads, seq=seq)
        self.say(Frame(head._replace(channel=channel), body))

    def put_shared(self, channel: int, payload: bytes, seq: int, *, key: bytes | None = None) -> Token:
        """One DATA frame with a token of `payload`."""
        token = self.net.memory.put(payload)
        head, body = shared_frame(token, seq=seq, key=key)
        self.say(Frame(head._replace(channel=channel), body))
        return token

    def credit(self, number: int, messages: int, taken: int, most_bytes: int = MUCH) -> None:
        self.send(Kind.CREDIT, channel=number, seq=messages, offset=taken, time_ns=most_bytes)

    def lose(self) -> None:
        """The connection breaks."""
        self.net.hub.disconnected(self.connection, self.net.now_ns)
        self.closed = self.closed or "lost"
        self.net.pump()

    # What it gets.

    def flush(self) -> None:
        if not self.reads:
            return
        while buffers := self.connection.lanes.take(2**20, self.net.now_ns):
            for buffer in buffers:
                self._feed(memoryview(buffer).cast("B"))

    def flush_part(self) -> None:
        """Get one part of what waits, whether it reads or not."""
        for buffer in self.connection.lanes.take(1, self.net.now_ns):
            self._feed(memoryview(buffer).cast("B"))

    def payloads(self, feed: int) -> list[bytes]:
        return [message.payload for message in self.got[feed]]

    def noticed(self, kind: type) -> list[Any]:
        return [notice for notice in self.notices if isinstance(notice, kind)]

    def _feed(self, data: memoryview) -> None:
        while data:
            room = self._parser.get_buffer()
            count = min(len(room), len(data))
            room[:count] = data[:count]
            for frame in self._parser.buffer_updated(count):
                self._take(frame)
            data = data[count:]

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        head, body = frame
        match Kind(head.kind):
            case Kind.CHALLENGE:
                self.challenge = decode(body, type=Challenge)
            case Kind.WELCOME:
                self.welcome = decode(body, type=Welcome)
            case Kind.ANSWER | Kind.REPLY:
                self.answers[head.seq] = decode(body) if body else None
            case Kind.ERROR:
                failure = decode(body, type=Failure)
                self.answers[head.seq] = failure
                self.failure = failure if not head.seq else self.failure
            case Kind.NOTICE:
                self.notices.append(decode(body, type=Notice))
            case Kind.ACK:
                assert head.seq >= self.acks.get(head.channel, 0), "what was acknowledged is taken back"
                self.acks[head.channel] = head.seq
            case Kind.DATA:
                self._take_data(head, bytes(body))
            case Kind.GAP:
                gap = decode(body, type=GapBody)
                self.order[head.channel].append("gap")
                self.gaps[head.channel].append((head.offset, gap.last_offset, head.messages, gap.reason))
            case Kind.CALL:
                self.calls.append(frame)
            case Kind.CANCEL:
                self.cancels.append(frame)
            case Kind.PING | Kind.PONG | Kind.BYE:
                pass
            case kind:
                raise AssertionError(f"a client gets no {kind!r}")

    def _take_data(self, head: Head, body: bytes) -> None:
        self.received[0] += head.messages
        self.received[1] += head.body_bytes
        payloads = [body[head.ext_bytes :]]
        shared = bool(head.flags & SHARED)
        if shared:
            token = Token.unpacked(payloads[0])
            payloads = [self.net.memory.payloads[token]]
            self.received[1] += token.size - len(token.packed())
        if head.flags & BATCH:
            payloads, at = [], 4 * head.messages
            for length in struct.unpack_from(f"<{head.messages}I", body):
                payloads.append(body[at : at + length])
                at += length
        else:
            assert head.messages == 1
        assert not (head.flags & BATCH and head.flags & KEYFRAME)
        feed = self.got[head.channel]
        for index, payload in enumerate(payloads):
            assert not feed or feed[-1].offset < head.offset + index, "out of order"
            feed.append(Got(head.offset + index, head.seq + index, head.writer, payload, shared))
        self.order[head.channel].append("data")
