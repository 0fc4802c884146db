"""Edges between two flows over real sockets: all that is promised arrives, and the counts add up."""

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from tests.conftest import WaitFor
from tests.pipe.trunkyard import LOSSLESS, Pair, Reader, Writer, messages, numbers

from sightline.errors import Closed
from sightline.overflow import Overflow
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import FileTransmitter
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.inlet import Inlet
from sightline.shm.segment import can_share


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


@pytest.fixture
def sharing() -> Iterator[Pair]:
    if not can_share():
        pytest.skip("this system cannot share pictures")
    pair = Pair(shared=True)
    yield pair
    pair.close()


def test_messages_arrive_in_order_as_they_were(pair: Pair) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    thread = threading.Thread(target=writer.put_all, args=(messages(*range(5000)),))
    thread.start()
    taken = reader.take(5000)
    thread.join()
    assert numbers(taken) == list(range(5000))
    assert (taken[7].data, taken[7].source, taken[7].made_ns) == ({"number": 7}, "maker", 5)
    assert writer.outlet.stats().left == 5000
    assert writer.outlet.stats().peak_held <= 100


def test_a_lossless_edge_holds_no_more_than_its_capacity(pair: Pair, wait_for: WaitFor) -> None:
    settings = WireSettings(policy=Policy.LOSSLESS, capacity=5)
    writer, reader = pair.edge(1, settings)
    pair.start()
    wait_for(lambda: writer.outlet.put_many(messages(0)), 5, "credit")
    rest = messages(*range(1, 20))
    wait_for(lambda: len(reader.inlet) == 1, 5, "the first")
    taken = writer.outlet.put_many(rest)
    assert taken <= 4
    wait_for(lambda: len(reader.inlet) == 1 + taken, 5, "those")
    assert writer.outlet.put_many(rest[taken:]) + taken <= 4
    thread = threading.Thread(target=writer.put_all, args=(rest[taken:],))
    thread.start()
    assert numbers(reader.take(20)) == list(range(20))
    thread.join()


def test_a_live_edge_keeps_the_newest_and_counts_the_others(pair: Pair, wait_for: WaitFor) -> None:
    writer, reader = pair.edge(1, WireSettings(capacity=2))
    assert writer.outlet.put_many(messages(*range(10))) == 10
    pair.start()
    assert numbers(reader.take(2)) == [8, 9]
    stats = writer.outlet.stats()
    assert (stats.left, stats.dropped) == (2, {"overflow": 8})
    for number in range(500):
        writer.outlet.put_many(messages(number))
    wait_for(lambda: not writer.outlet.stats().held, 5, "all to be sent")
    wait_for(
        lambda: writer.outlet.stats().left == reader.inlet.stats()["maker"].entered, 5, "all that was sent"
    )


@pytest.mark.parametrize(
    ("rule", "kept"),
    [(Overflow.DROP_OLDEST, [5, 6, 7]), (Overflow.DROP_NEWEST, [0, 1, 2]), (Overflow.CLEAR, [6, 7])],
)
def test_a_live_edge_drops_by_its_rule(pair: Pair, rule: Overflow, kept: list[int]) -> None:
    writer, reader = pair.edge(1, WireSettings(capacity=3, overflow=rule))
    writer.outlet.put_many(messages(*range(8)))
    pair.start()
    assert numbers(reader.take(len(kept))) == kept
    assert writer.outlet.stats().dropped == {"overflow": 8 - len(kept)}


def test_the_end_comes_behind_the_last_message(pair: Pair, wait_for: WaitFor) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    writer.put_all(messages(*range(50)))
    writer.outlet.ended()
    wait_for(lambda: len(reader.inlet) == 50, 5, "all")
    assert not reader.inlet.finished
    reader.take(50)
    wait_for(lambda: reader.inlet.finished, 5, "the end")


def test_many_edges_go_side_by_side_both_ways(pair: Pair) -> None:
    edges = [pair.edge(number) for number in range(6)]
    back = Outlet(LOSSLESS, pair.codecs[1])
    inlet = Inlet({"maker": LOSSLESS})
    pair.trunks[1].carry(9, back)
    pair.trunks[0].deliver(9, inlet, "maker", LOSSLESS)
    edges.append((Writer(back), Reader(inlet)))
    pair.start()
    threads = [threading.Thread(target=writer.put_all, args=(messages(*range(500)),)) for writer, _ in edges]
    for thread in threads:
        thread.start()
    for _, reader in edges:
        assert numbers(reader.take(500)) == list(range(500))
    for thread in threads:
        thread.join()


def test_an_edge_whose_reader_stands_still_does_not_stop_another(pair: Pair) -> None:
    stuck, _ = pair.edge(1)
    writer, reader = pair.edge(2)
    pair.start()
    closed = threading.Event()

    def put() -> None:
        with suppress(Closed):
            stuck.put_all(messages(*range(1000)))
        closed.set()

    thread = threading.Thread(target=put)
    thread.start()
    other = threading.Thread(target=writer.put_all, args=(messages(*range(1000)),))
    other.start()
    assert numbers(reader.take(1000)) == list(range(1000))
    other.join()
    stuck.outlet.close()
    assert closed.wait(10)
    thread.join()
    assert stuck.outlet.stats().held == 0


def test_large_messages_go_through_the_socket_where_nothing_is_shared(pair: Pair) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    some = [Message(np.full(3_000_000, number, np.uint8), "maker", number, 0) for number in range(10)]
    thread = threading.Thread(target=writer.put_all, args=(some,))
    thread.start()
    for number, message in enumerate(reader.take(10)):
        assert message.data.shape == (3_000_000,)
        assert (message.data == number).all()
        assert not message.data.flags.writeable
    thread.join()


def test_pictures_go_in_place_and_their_slots_come_back(sharing: Pair, wait_for: WaitFor) -> None:
    writer, reader = sharing.edge(1)
    sharing.start()

    def put() -> None:
        for number in range(200):
            writer.put_all([Message(np.full(100_000, number % 251, np.uint8), "maker", number, 0)])

    thread = threading.Thread(target=put)
    thread.start()
    for number in range(200):
        (message,) = reader.take(1)
        assert message.number == number
        assert (message.data == number % 251).all()
        del message
    thread.join()
    spaces = [codec.frames for codec in sharing.codecs]
    assert spaces[0] is not None
    wait_for(lambda: spaces[0].reclaim() or sharing.host.stats().held == 0, 5, "all slots")  # type: ignore[union-attr]
    assert sharing.host.stats().freed > 150
    assert sharing.host.stats().balanced


def test_what_its_reader_keeps_does_not_stop_a_lossless_writer(sharing: Pair) -> None:
    writer, reader = sharing.edge(1)
    sharing.start()
    some = [Message(np.full(100_000, number, np.uint8), "maker", number, 0) for number in range(20)]
    thread = threading.Thread(target=writer.put_all, args=(some,))
    thread.start()
    kept = reader.take(20)
    thread.join()
    assert all((message.data == message.number).all() for message in kept)


def test_what_cannot_be_sent_or_read_is_counted_and_the_others_arrive(pair: Pair) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    some = messages(0, 1, 2, 3)
    some[1].data = threading.Lock()
    some[2].data = Unreadable()
    writer.put_all(some)
    assert numbers(reader.take(2)) == [0, 3]
    assert writer.outlet.stats().dropped == {"unsendable": 1}
    assert reader.inlet.stats()["maker"].dropped == {"unreadable": 1}
    assert writer.outlet.stats().left == 3


def refuse() -> None:
    raise RuntimeError("not to be read")


class Unreadable:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return refuse, ()


def test_files_carry_large_data_and_are_removed(pair: Pair, tmp_path: Any) -> None:
    transmitter = FileTransmitter(tmp_path, data_size_threshold=1000)
    writer, reader = pair.edge(1, transmitter=transmitter)
    pair.start()
    some = [Message("x" * 5000, "maker", 0, 0), Message("small", "maker", 1, 0)]
    writer.put_all(some)
    assert [message.data for message in reader.take(2)] == ["x" * 5000, "small"]
    (folder,) = tmp_path.iterdir()
    assert list(folder.iterdir()) == []
    transmitter.close()
    assert list(tmp_path.iterdir()) == []


def test_an_outlet_outlives_the_flow_at_its_other_end(pair: Pair, wait_for: WaitFor) -> None:
    settings = WireSettings(policy=Policy.LOSSLESS, capacity=5)
    outlet = Outlet(settings, pair.codecs[0])
    writer = Writer(outlet)
    assert outlet.put_many(messages(0)) == 0, "nobody is there"
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, Inlet({"maker": settings}), "maker", settings)
    pair.trunks[1].flush()  # it says what there is room for, and then reads no more
    pair.trunks[0].start()
    wait_for(lambda: outlet.put_many(messages(0)), 5, "credit")
    wait_for(lambda: outlet.put_many(messages(1)), 5, "credit")
    pair.trunks[1].close()
    wait_for(lambda: len(pair.ended) == 2, 5, "the end of the trunk")
    lost = outlet.stats().left
    assert lost in {1, 2}, "the second went if the first was known to be read"
    thread = threading.Thread(target=writer.put_all, args=(messages(*range(2, 20)),))
    thread.start()
    pair.connect()
    inlet = Inlet({"maker": settings})
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", settings)
    pair.start()
    assert numbers(Reader(inlet).take(20 - lost)) == list(range(lost, 20))
    thread.join()
    assert (outlet.stats().left, outlet.stats().dropped) == (20, {})


def test_what_is_put_before_the_close_is_read(pair: Pair, wait_for: WaitFor) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    writer.put_all(messages(*range(90)))
    pair.trunks[0].close(5)
    assert numbers(reader.take(90)) == list(range(90))
    wait_for(lambda: len(pair.ended) == 2, 5, "both ends")
    assert writer.outlet.stats().left == 90


def test_a_trunk_that_is_closed_twice_before_it_began_ends_once(pair: Pair) -> None:
    for _ in range(2):
        pair.trunks[0].close()
    assert pair.ended == [1]


def test_what_comes_to_a_trunk_as_it_ends_stays_where_it_is(pair: Pair) -> None:
    """Whoever flushes may have seen that it has not ended, and be slow to take its turn."""
    writer, _ = pair.edge(1)
    trunk, lock = pair.trunks[0], threading.Lock()
    writer.outlet.told(trunk, 5, 0)

    class Slow:
        def acquire(self, *, blocking: bool) -> bool:
            trunk._sending = lock
            trunk._ended = True
            trunk._stream.close()
            return lock.acquire(blocking=blocking)

        def release(self) -> None:
            lock.release()

    trunk._sending = Slow()  # type: ignore[assignment]
    assert writer.outlet.put_many(messages(0)) == 1
    assert (writer.outlet.stats().left, writer.outlet.stats().held) == (0, 1)
    trunk._end()


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS])
def test_what_the_system_has_no_means_to_send_is_sent_when_it_has(pair: Pair, number: int) -> None:
    writer, reader = pair.edge(1)
    stream = pair.trunks[0]._stream
    sock, failures = stream._sock, [1] * 3

    class Scarce:
        def __getattr__(self, name: str) -> Any:
            return getattr(sock, name)

        def sendmsg(self, *of: Any) -> int:
            if failures:
                failures.pop()
                raise OSError(number, "none left")
            return sock.sendmsg(*of)

    pair.start()
    writer.put_all(messages(0))
    assert numbers(reader.take(1)) == [0]
    stream._sock = Scarce()  # type: ignore[assignment]
    writer.outlet.put_many(messages(1))  # nobody puts again
    assert numbers(reader.take(1)) == [1]
    assert failures == []
