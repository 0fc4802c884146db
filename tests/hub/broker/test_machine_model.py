"""Any order of writing, reading, blocking, leaving and coming back: what must hold, holds after each step.

The model is simple: each channel has the list of all messages that were ever taken in. A reader that loses
nothing gets exactly its part of that list; any other gets a part of it in order, and for each message that it
does not get there is a count. All accounts add up at every step, and nobody who may not wait ever waits.
"""

from collections import Counter, defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.hub.broker.driving import Net, Peer

from sightline.hub.broker.statistics import statistics
from sightline.hub.settings import History, Limits, ReaderBuffer
from sightline.hub.wire.control import Attached, Detached, Unsubscribe
from sightline.overflow import Overflow

CHANNELS = ("a", "b")
WRITERS = ("w", "x")
READERS = ("r", "s", "t")
AWAY = {"x", "t"}
"""These share no memory with the others."""
SETTINGS: dict[str, dict[str, Any]] = {
    "a": {"many_writers": True, "keep": True},
    "b": {"many_writers": True, "keep": True, "history": History(messages=7)},
}
BUFFERS = (
    ReaderBuffer(messages=3, overflow=Overflow.BLOCK),
    ReaderBuffer(messages=None, bytes=20, overflow=Overflow.BLOCK),
    ReaderBuffer.endless(),
    ReaderBuffer(messages=4),
    ReaderBuffer(messages=4, overflow=Overflow.DROP_NEWEST),
    ReaderBuffer(messages=4, overflow=Overflow.CLEAR),
    ReaderBuffer(messages=1, overflow=Overflow.LATEST_PER_KEY),
    ReaderBuffer(messages=5, every=2),
)
LOSSLESS = {0, 1, 2}


class Reading:
    """One subscription of the model."""

    def __init__(self, peer: Peer, number: int, kind: int) -> None:
        self.peer = peer
        self.number = number
        self.kind = kind
        self.feeds: dict[str, Attached] = {}
        self.granted = 0
        self.taken = 0

    def got(self) -> int:
        return sum(len(self.peer.got[feed.feed]) for feed in self.feeds.values())


class HubMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.net = Net(Limits(silence_s=10**9, linger_s=10**9))
        owner = self.net.client("owner")
        for name in CHANNELS:
            owner.create(name, **SETTINGS[name])
        self.writers: dict[str, Peer] = {name: self._client(name) for name in WRITERS}
        self.numbers: dict[str, int] = {}
        self.readers: dict[str, Peer] = {name: self._client(name) for name in READERS}
        self.readings: list[Reading] = []
        self.texts: dict[tuple[str, str], list[bytes]] = defaultdict(list)  # all that a writer ever wrote
        self.sent: Counter[tuple[str, str]] = Counter()  # how far it was sent on this connection
        self.open: set[tuple[str, str]] = set()  # who has said on this connection that it writes where
        self.serial = 0

    def _client(self, name: str) -> Peer:
        return self.net.client(name) if name in AWAY else self.net.neighbour(name)

    # Writers.

    def _open(self, writer: str, channel: str) -> int:
        opened = self.writers[writer].write_to(channel)
        self.numbers[channel] = opened.channel
        if (writer, channel) not in self.open:
            self.open.add((writer, channel))
            self.sent[writer, channel] = opened.accepted_seq
        return opened.channel

    @rule(
        writer=st.sampled_from(WRITERS),
        channel=st.sampled_from(CHANNELS),
        sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    )
    def puts(self, writer: str, channel: str, sizes: list[int]) -> None:
        number = self._open(writer, channel)
        texts = self.texts[writer, channel]
        first = self.sent[writer, channel]
        for size in sizes:
            self.serial += 1
            texts.append(b"%s%s%06d" % (writer.encode(), channel.encode(), self.serial) + b"." * size)
        self.writers[writer].put(number, texts[first:], first)
        self.sent[writer, channel] = len(texts)

    @rule(channel=st.sampled_from(CHANNELS), size=st.integers(0, 9), spilled=st.booleans())
    def shares(self, channel: str, size: int, spilled: bool) -> None:
        number = self._open("w", channel)
        texts = self.texts["w", channel]
        self.serial += 1
        texts.append(b"w%s%06d" % (channel.encode(), self.serial) + b"." * size)
        self.writers["w"].put_shared(number, texts[-1], len(texts) - 1)
        self.sent["w", channel] = len(texts)
        for claim in self.net.memory.claimed:
            claim.spilled |= spilled

    @rule(writer=st.sampled_from(WRITERS))
    def a_writer_is_cut_off(self, writer: str) -> None:
        self.writers[writer].lose()
        for channel in CHANNELS:
            self.open.discard((writer, channel))
        self.writers[writer] = self._client(writer)
        for channel in CHANNELS:
            if texts := self.texts[writer, channel]:
                number = self._open(writer, channel)
                first = self.sent[writer, channel]
                if texts[first:]:
                    self.writers[writer].put(number, texts[first:], first)
                    self.sent[writer, channel] = len(texts)

    # Readers.

    @precondition(lambda self: len(self.readings) < 6)
    @rule(
        reader=st.sampled_from(READERS),
        kind=st.integers(0, len(BUFFERS) - 1),
        names=st.sampled_from([("a",), ("b",), ("a", "b")]),
        start=st.sampled_from(["new", "history"]),
    )
    def subscribes(self, reader: str, kind: int, names: tuple[str, ...], start: str) -> None:
        self.serial += 1
        peer = self.readers[reader]
        reading = Reading(peer, self.serial, kind)
        feeds = peer.read(reading.number, *names, buffer=BUFFERS[kind], start=start)
        reading.feeds = {feed.name: feed for feed in feeds}
        assert set(reading.feeds) == set(names)
        self.readings.append(reading)

    @precondition(lambda self: self.readings)
    @rule(data=st.data(), messages=st.integers(0, 5), taken=st.integers(0, 5))
    def allows(self, data: st.DataObject, messages: int, taken: int) -> None:
        reading = data.draw(st.sampled_from(self.readings))
        reading.taken = min(reading.taken + taken, reading.got())
        reading.granted = max(reading.granted, reading.got()) + messages
        reading.peer.credit(reading.number, reading.granted, reading.taken)

    @precondition(lambda self: self.readings)
    @rule(data=st.data())
    def unsubscribes(self, data: st.DataObject) -> None:
        reading = data.draw(st.sampled_from(self.readings))
        self.readings.remove(reading)
        assert reading.peer.ask(Unsubscribe(number=reading.number)) is None

    @rule(reader=st.sampled_from(READERS))
    def a_reader_is_cut_off(self, reader: str) -> None:
        peer = self.readers[reader]
        peer.lose()
        self.readings = [reading for reading in self.readings if reading.peer is not peer]
        self.readers[reader] = self._client(reader)

    @rule()
    def all_readers_catch_up(self) -> None:
        """With credit for all, nothing may be left anywhere."""
        for reading in self.readings:
            reading.granted += 10**6
            reading.peer.credit(reading.number, reading.granted, reading.taken)
        for reading in self.readings:
            reading.taken = reading.got()
            reading.peer.credit(reading.number, reading.granted, reading.taken)
        for stats in statistics(self.net.hub, self.net.now_ns).channels:
            assert (stats.waiting, stats.held, stats.in_flight) == (0, 0, 0)
        kept = self.net.hub.channels.by_name["b"].kept
        assert kept is not None
        shared = {id(run.shared) for run in kept.runs() if run.shared is not None}
        assert {id(claim) for claim in self.net.memory.claimed} == shared
        for (writer, channel), texts in self.texts.items():
            if texts and (writer, channel) in self.open:
                assert self.writers[writer].acks.get(self.numbers[channel], len(texts)) == len(texts)
        for reading in self.readings:
            for name, feed in reading.feeds.items():
                if reading.kind in LOSSLESS:
                    offsets = [message.offset for message in reading.peer.got[feed.feed]]
                    end = self.net.hub.channels.by_name[name].next_offset
                    assert offsets == list(range(feed.next_offset, end))
                    assert not reading.peer.gaps[feed.feed]
                self._is_accounted_for(reading, name, feed)
            reading.granted = reading.taken
            reading.peer.credit(reading.number, reading.granted, reading.taken)

    def _is_accounted_for(self, reading: Reading, name: str, feed: Attached) -> None:
        """What did not come is counted, and what is told as a gap is what is missing."""
        offsets = {message.offset for message in reading.peer.got[feed.feed]}
        end = self.net.hub.channels.by_name[name].next_offset
        missing = set(range(feed.next_offset, end)) - offsets
        (stats,) = [
            stats
            for stats in statistics(self.net.hub, self.net.now_ns).feeds
            if (stats.subscription, stats.channel) == (reading.number, name)
        ]
        assert stats.buffer.entered == end - feed.next_offset
        assert sum(stats.buffer.dropped.values()) == len(missing)
        told = sum(messages for _, _, messages, _ in reading.peer.gaps[feed.feed])
        untold = stats.buffer.dropped.get("fill_rate", 0) + stats.buffer.dropped.get("replaced", 0)
        assert told + untold == len(missing)

    # What always holds.

    @invariant()
    def all_accounts_add_up(self) -> None:
        stats = statistics(self.net.hub, self.net.now_ns)
        for feed in stats.feeds:
            assert feed.buffer.balanced
            assert feed.buffer.left == feed.taken + feed.in_flight + sum(feed.lost.values())
            assert sum(feed.latency) == feed.taken
        for channel in stats.channels:
            lost = sum(channel.lost.values())
            assert channel.entered == channel.taken + lost + channel.held + channel.in_flight
            assert channel.received == channel.taken_in + channel.waiting + channel.dropped
            for writer in channel.writers:
                assert writer.received == writer.taken_in + writer.waiting + writer.dropped
        assert stats.dropped == _merged(channel.lost for channel in stats.channels)

    @invariant()
    def readers_get_what_was_written_in_the_order_of_each_writer(self) -> None:
        for reading in self.readings:
            for name, feed in reading.feeds.items():
                last: dict[bytes, int] = {}
                for message in reading.peer.got[feed.feed]:
                    writer = message.payload[:1]
                    texts = self.texts[writer.decode(), name]
                    assert texts[message.seq] == message.payload
                    assert last.get(writer, -1) < message.seq
                    last[writer] = message.seq

    @invariant()
    def all_that_is_handed_on_of_shared_memory_is_counted(self) -> None:
        stats = statistics(self.net.hub, self.net.now_ns).channels
        assert sum(channel.shared_in for channel in stats) == len(self.net.memory.payloads)
        assert sum(channel.shared_out for channel in stats) == len(self.net.memory.handed)
        for name in AWAY & self.readers.keys():
            got = self.readers[name].got.values()
            assert not any(message.shared for messages in got for message in messages)

    @invariant()
    def nobody_is_sent_more_than_he_allowed(self) -> None:
        for reading in self.readings:
            assert reading.got() <= max(reading.granted, reading.taken)

    @invariant()
    def only_blocking_readers_make_a_writer_wait(self) -> None:
        for channel in self.net.hub.channels.by_name.values():
            assert not channel.waiting or channel.blocking
            assert channel.blocking == [feed for feed in channel.feeds if feed.blocks]
            for writer in channel.writers.values():
                waiting = [run for one, run in channel.waiting if one is writer]
                assert writer.waiting == sum(run.messages for run in waiting)
                assert writer.waiting_bytes == sum(run.size for run in waiting)

    @invariant()
    def nobody_was_cut_and_nothing_is_left_to_do(self) -> None:
        assert not self.net.hub.refused
        assert not self.net.hub.unsettled
        for peer in (*self.writers.values(), *self.readers.values()):
            assert peer.closed is None
            assert not peer.noticed(Detached)


def _merged(counts: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


TestHub = HubMachine.TestCase
TestHub.settings = settings(max_examples=60, stateful_step_count=40)
