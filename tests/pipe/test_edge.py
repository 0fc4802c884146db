"""What an edge holds and sends: turns of a fair size, whatever messages are made of, each of one version."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from tests.conftest import WaitFor
from tests.pipe.trunkyard import LOSSLESS, Carrier, Pair, messages, numbers

from sightline.pipe.counts.accounts import SENT_BYTES
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import SHARED_FROM_BYTES, BasicTransmitter, Change, SharedMemoryTransmitter
from sightline.pipe.wires.codec import Codec, Packed
from sightline.pipe.wires.edge import BATCH, BATCH_BYTES, Outlet
from sightline.pipe.wires.frames import MOST_GRANTED
from sightline.shm.segment import can_share


@pytest.fixture(params=[False, True], ids=["copied", "shared"])
def pair(request: pytest.FixtureRequest, no_leaks: None) -> Iterator[Pair]:
    if request.param and not can_share():
        pytest.skip("this system cannot share pictures")
    pair = Pair(shared=request.param)
    yield pair
    pair.close()


@pytest.mark.parametrize("arrays", [33, 64, 1000])
def test_a_message_of_many_large_arrays_arrives_and_holds_up_none(pair: Pair, arrays: int) -> None:
    writer, reader = pair.edge(1)
    other_writer, other = pair.edge(2)
    pair.start()
    crops = [np.full(SHARED_FROM_BYTES, number % 251, np.uint8) for number in range(arrays)]
    some = [Message(crops, "maker", number, 0) for number in range(2)]
    thread = threading.Thread(target=writer.put_all, args=(some,), daemon=True)
    thread.start()
    for message in reader.take(2):
        assert [int(crop[-1]) for crop in message.data] == [number % 251 for number in range(arrays)]
    thread.join(30)
    other_writer.put_all(messages(0))
    assert numbers(other.take(1)) == [0]


def test_what_is_large_and_inline_goes_a_little_at_a_time() -> None:
    outlet = Outlet(LOSSLESS, Codec())
    Carrier(outlet)
    large = np.zeros(BATCH_BYTES // 4 - 500, np.uint8)
    outlet.put_many([Message(large, "maker", number, 0) for number in range(8)])
    outlet.put_many([Message(bytes(2 * BATCH_BYTES), "maker", number, 0) for number in (8, 9)])
    outlet.put_many(messages(*range(10, 80)))
    turns = []
    while batch := outlet.take():
        turns.append(len(batch))
    assert turns == [4, 4, 1, 1, BATCH, 70 - BATCH]
    assert outlet.words[SENT_BYTES] > 8 * large.nbytes + 4 * BATCH_BYTES


def test_no_more_goes_at_once_than_the_parent_can_be_told_of(no_leaks: None) -> None:
    if not can_share():
        pytest.skip("this system cannot share pictures")
    pair = Pair(shared=True, slots=70)
    outlet = Outlet(LOSSLESS, pair.codecs[0])
    Carrier(outlet)
    crops = [np.zeros(SHARED_FROM_BYTES, np.uint8)] * (MOST_GRANTED - 1)
    outlet.put_many([Message(list(map(np.copy, crops)), "maker", number, 0) for number in range(2)])
    outlet.put_many([Message(np.copy(crops[0]), "maker", 2, 0)])
    turns = [len(outlet.take()), len(outlet.take())]
    outlet.close()
    pair.close()
    assert turns == [1, 2]


def test_a_glance_while_some_are_taken_sees_no_more_room_than_there_is() -> None:
    """Its writer looks without the lock: between any two steps of `take` there is room for what may enter."""
    outlet = Outlet(LOSSLESS, Codec())
    Carrier(outlet, limit=10)
    outlet.put_many(messages(*range(10)))
    seen = []

    def trace(frame: Any, event: str, _arg: Any) -> Any:
        if frame.f_code.co_name == "_room":
            return None
        seen.append(outlet._room())
        return trace

    sys.settrace(trace)
    try:
        taken = outlet.take()
    finally:
        sys.settrace(None)
    assert len(taken) == 10
    assert len(seen) > 5
    assert max(seen) == 0


class Leaving:
    def __reduce__(self) -> Any:
        raise SystemExit("not to be sent")


def leave() -> None:
    raise SystemExit("not to be read")


class LeavingThere:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return leave, ()


class Odd(BasicTransmitter):
    """Leaves where data is odd, at this end or the other."""

    def transmit(self) -> Change:
        return lambda number: sys.exit(1) if number == 1 else number

    def receive(self) -> Change:
        return lambda number: sys.exit(1) if number == 3 else number


def test_data_that_ends_the_thread_costs_its_message_alone(pair: Pair) -> None:
    writer, reader = pair.edge(1)
    large_writer, large = pair.edge(2)
    odd_writer, odd = pair.edge(3, transmitter=Odd())
    pair.start()
    some = messages(0, 1, 2, 3)
    some[1].data, some[2].data = Leaving(), LeavingThere()
    writer.put_all(some)
    assert numbers(reader.take(2)) == [0, 3]
    array = np.zeros(SHARED_FROM_BYTES, np.uint8)
    large_writer.put_all(
        [Message([data, array], "maker", at, 0) for at, data in enumerate([LeavingThere(), 5])]
    )
    assert numbers(large.take(1)) == [1]
    odd_writer.put_all([Message(number, "maker", number, 0) for number in range(5)])
    assert numbers(odd.take(3)) == [0, 2, 4]


class Reversed(SharedMemoryTransmitter):
    """Shared, and changed."""

    def transmit(self) -> Change:
        return lambda data: data[::-1]

    def receive(self) -> Change:
        return lambda data: data[::-1]


def test_a_transmitter_made_of_ours_changes_data_at_both_ends(pair: Pair) -> None:
    writer, reader = pair.edge(1, transmitter=Reversed())
    pair.start()
    writer.put_all([Message("abc", "maker", 0, 0)])
    assert reader.take(1)[0].data == "abc"
    assert Codec().packer(Reversed()).pack(Message("abc", "maker", 0, 0)).pickled.find(b"cba") > 0


def test_a_change_while_data_is_packed_is_heeded() -> None:
    """What was packed as before is packed again: whoever reads it may know the new way alone."""
    outlet = Outlet(LOSSLESS, Codec())
    Carrier(outlet)

    class Text:
        def __getitem__(self, _all: slice) -> str:
            return "reversed"

        def __reduce__(self) -> Any:
            outlet.relink(LOSSLESS, Reversed(), 1)
            return str, ("as it was",)

    assert outlet.put_many([Message(Text(), "maker", 0, 0)]) == 1
    (packed,) = outlet.take()
    assert (packed.version, b"reversed" in packed.pickled) == (1, True)


def test_an_edge_told_of_room_before_it_is_carried_has_that_room(pair: Pair, wait_for: WaitFor) -> None:
    """The other end may have said so while this one begins to carry it, and will not say so again."""
    outlet = Outlet(LOSSLESS, pair.codecs[0])
    trunk, begin = pair.trunks[0], outlet.carried

    def slowly(carrier: Any) -> None:
        trunk._heed_room(0, [(1, 7, 0)])
        begin(carrier)

    outlet.carried = slowly  # type: ignore[method-assign]
    trunk.carry(1, outlet)
    assert outlet.put_many(messages(*range(9))) == 7


def test_packed_is_told_apart_by_version() -> None:
    """One turn is of one version: its reader changes all of it back alike."""
    outlet = Outlet(LOSSLESS, Codec())
    Carrier(outlet)
    for version in range(3):
        outlet.put_many(messages(0, 1))
        outlet.relink(LOSSLESS, None, version + 1)
    turns: list[list[Packed]] = []
    while batch := outlet.take():
        turns.append(batch)
    assert [[one.version for one in batch] for batch in turns] == [[0, 0], [1, 1], [2, 2]]


def test_a_lossless_edge_that_becomes_live_and_otherwise_loses_nothing() -> None:
    outlet = Outlet(WireSettings(policy=Policy.LOSSLESS, capacity=5), Codec())
    carrier = Carrier(outlet, limit=5)
    assert outlet.put_many(messages(*range(5))) == 5
    outlet.relink(WireSettings(capacity=6), Reversed(), 1)
    outlet.put_many([Message("abc", "maker", 5, 0)])
    outlet.told(carrier, 20, 0)
    taken = [one.number for _ in range(3) for one in outlet.take()]
    assert taken == [0, 1, 2, 3, 4, 5]
