"""Edges that are changed and taken away while they are used: nothing is lost by that, and nothing stays."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.trunkyard import LOSSLESS, Pair, Reader, Writer, messages, numbers

from sightline.errors import Closed
from sightline.pipe.counts.accounts import LEFT, TRUNK
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import Change, DataTransmitter, SharedMemoryTransmitter
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.inlet import Inlet

FEW = WireSettings(policy=Policy.LOSSLESS, capacity=5)


class Sealed(DataTransmitter):
    """What it sends only its like can open."""

    def __init__(self, seal: str) -> None:
        self.seal = seal

    def transmit(self) -> Change:
        return lambda data: (self.seal, data)

    def receive(self) -> Change:
        def opened(sent: tuple[str, Any]) -> Any:
            assert sent[0] == self.seal, f"expected what {self.seal} sealed, got {sent}"
            return sent[1]

        return opened


@pytest.fixture
def pair(no_leaks: None) -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def with_some_held(pair: Pair, wait_for: WaitFor, settings: WireSettings) -> tuple[Outlet, Inlet]:
    """An edge whose first message is on its way, with the next four behind it in the outlet."""
    outlet = Outlet(settings, pair.codecs[0], Sealed("old"))
    inlet = Inlet({"maker": settings})
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", settings, Sealed("old"))
    pair.trunks[1].flush()  # it says what there is room for, and then reads nothing
    pair.trunks[0].start()
    outlet.listen(lambda: None)
    wait_for(lambda: outlet.put_many(messages(0)), 10, "credit")
    wait_for(lambda: outlet.words[LEFT] == 1, 10, "it to be sent: a live one takes what it has no credit for")
    assert outlet.put_many(messages(1, 2, 3, 4)) == 4
    return outlet, inlet


@pytest.mark.parametrize("seal", ["old", "new"])
def test_a_lossless_edge_that_is_changed_loses_nothing(pair: Pair, wait_for: WaitFor, seal: str) -> None:
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    more = WireSettings(policy=Policy.LOSSLESS, capacity=50)
    inlet.link("maker", more)
    pair.trunks[1].deliver(1, inlet, "maker", more, Sealed(seal), version=1)
    outlet.relink(more, Sealed(seal), 1)
    thread = threading.Thread(target=Writer(outlet).put_all, args=(messages(*range(5, 200)),))
    thread.start()
    pair.trunks[1].start()
    taken = Reader(inlet).take(200)
    thread.join()
    assert numbers(taken) == list(range(200))
    assert [message.data for message in taken] == [{"number": number} for number in range(200)]
    assert inlet.stats()["maker"].entered == outlet.stats().left == 200
    assert outlet.stats().peak_held > FEW.capacity, "it has the room that it was given"


def test_two_changes_at_once_are_two(pair: Pair, wait_for: WaitFor) -> None:
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    for version, seal in enumerate(("new", "newest"), 1):
        pair.trunks[1].deliver(1, inlet, "maker", FEW, Sealed(seal), version=version)
        outlet.relink(FEW, Sealed(seal), version)
    thread = threading.Thread(target=Writer(outlet).put_all, args=(messages(*range(5, 50)),))
    thread.start()
    pair.trunks[1].start()
    assert numbers(Reader(inlet).take(50)) == list(range(50))
    thread.join()


def test_a_live_edge_with_a_new_transmitter_drops_by_its_rule_alone(pair: Pair, wait_for: WaitFor) -> None:
    live = WireSettings(capacity=5)
    outlet, inlet = with_some_held(pair, wait_for, live)
    inlet.link("maker", WireSettings(capacity=9))
    pair.trunks[1].deliver(1, inlet, "maker", live, Sealed("new"), version=1)
    outlet.relink(live, Sealed("new"), 1)
    assert outlet.put_many(messages(5, 6)) == 2
    pair.trunks[1].start()
    assert numbers(Reader(inlet).take(6)) == [0, 2, 3, 4, 5, 6]
    assert outlet.stats().dropped == {"overflow": 1}


@pytest.mark.parametrize("between", [FEW, WireSettings(capacity=5)])
def test_changes_back_and_forth_are_read_as_they_were_put(
    pair: Pair, wait_for: WaitFor, between: WireSettings
) -> None:
    """One end may be done with a change while the other is not yet."""
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    pair.trunks[1].start()
    versions = (
        (between, Sealed("new")),
        (FEW, None),
        (FEW, SharedMemoryTransmitter()),
        (FEW, Sealed("newest")),
    )
    put, got = 5, Reader(inlet).take(5)
    for version, (settings, transmitter) in enumerate(versions, 1):
        inlet.link("maker", settings)
        pair.trunks[1].deliver(1, inlet, "maker", settings, transmitter, version=version)
        outlet.relink(settings, transmitter, version)
        Writer(outlet).put_all(messages(put, put + 1))
        put += 2
        got += Reader(inlet).take(2) if version % 2 else []
    got += Reader(inlet).take(put - len(got))
    assert [message.data for message in got] == [{"number": number} for number in range(put)]


def test_a_changed_edge_that_another_trunk_carries_speaks_as_that_one_reads(
    pair: Pair, wait_for: WaitFor
) -> None:
    outlet, _ = with_some_held(pair, wait_for, FEW)
    outlet.relink(FEW, Sealed("new"), 1)
    for trunk in reversed(pair.trunks):  # so that nothing more goes
        trunk.close()
    pair.connect()
    inlet = Inlet({"maker": FEW})
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", FEW, Sealed("new"), version=1)
    pair.start()
    Writer(outlet).put_all(messages(5, 6, 7))
    assert numbers(Reader(inlet).take(3)) == [5, 6, 7]
    assert outlet.stats().dropped == {"lost": 4}, "beside the one that was on its way, which both ends tell"


def test_a_smaller_live_edge_holds_less(pair: Pair, wait_for: WaitFor) -> None:
    outlet, _ = with_some_held(pair, wait_for, WireSettings(capacity=5))
    outlet.relink(WireSettings(capacity=2), None, 1)
    outlet.put_many([])
    outlet.relink(WireSettings(capacity=2), Sealed("old"), 2)
    outlet.put_many(messages(5, 6, 7))
    assert outlet.stats().held == 2


def test_nothing_is_left_of_an_edge_that_was_taken_away(pair: Pair, wait_for: WaitFor) -> None:
    pair.start()
    for number in range(1, 20):
        writer, reader = pair.edge(number)
        writer.put_all(messages(0, 1, 2))
        assert numbers(reader.take(3)) == [0, 1, 2]
        if number % 2:
            writer.outlet.ended()
        writer.outlet.close()
        wait_for(lambda: not pair.trunks[0]._sends.outlets, 10, "the end of the edge")
    for trunk in pair.trunks:
        sends = trunk._sends
        left = [trunk._landings, trunk._early_ends, sends._numbers, sends.outlets, sends.rooms]
        assert not any(left)


def test_an_edge_that_the_other_end_does_not_know_any_more_is_taken_away(
    pair: Pair, wait_for: WaitFor
) -> None:
    """It was begun again without it, before this end heard that."""
    pair.start()
    outlet = Outlet(FEW, pair.codecs[0])
    pair.trunks[0].carry(1, outlet)
    outlet.ended()
    outlet.close()
    wait_for(lambda: not pair.trunks[0]._sends.outlets, 10, "the end of the edge")
    assert not pair.trunks[1]._early_ends


def test_what_was_under_way_when_its_edge_was_taken_away_and_its_reader_died_is_known(
    pair: Pair, wait_for: WaitFor
) -> None:
    """The two accounts tell, once both have ended the trunk: whoever closed the edge has to do so, too."""
    outlet, _ = with_some_held(pair, wait_for, FEW)
    outlet.close()
    pair.trunks[0].flush()
    assert outlet.words[LEFT] == 5
    pair.trunks[1].close()
    wait_for(lambda: len(pair.ended) == 2, 10, "the end of the trunk")
    assert outlet.words[TRUNK] < 0


@pytest.mark.parametrize("ended", [False, True])
def test_what_waits_of_an_edge_that_was_taken_away_goes_first(
    pair: Pair, wait_for: WaitFor, ended: bool
) -> None:
    """Wherever it waits: in the outlet, in the socket, or where it is read."""
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    if ended:
        outlet.ended()
    outlet.close()
    pair.trunks[1].part(1, lambda: inlet.unlink("maker"))
    pair.trunks[1].start()
    assert numbers(Reader(inlet).take(5)) == [0, 1, 2, 3, 4]
    wait_for(lambda: inlet.wires == 0, 10, "the end of the edge")
    assert inlet.stats()["maker"].dropped == outlet.stats().dropped == {}
    with pytest.raises(Closed):
        outlet.put_many(messages(5))


def test_what_was_taken_away_and_had_no_credit_is_dropped(pair: Pair) -> None:
    outlet, inlet = Outlet(WireSettings(capacity=9), pair.codecs[0]), Inlet({"maker": FEW})
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", FEW)
    pair.trunks[1].flush()
    outlet.put_many(messages(*range(9)))
    pair.trunks[0]._read()
    outlet.close()
    assert (outlet.stats().left, outlet.stats().dropped) == (5, {"closed": 4})


def test_a_wire_that_comes_in_the_place_of_one_that_was_taken_away_stays(
    pair: Pair, wait_for: WaitFor
) -> None:
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    outlet.close()
    pair.trunks[1].part(1, lambda: inlet.unlink("maker", 0))
    inlet.link("maker", FEW, 2)
    new = Outlet(FEW, pair.codecs[0])
    pair.trunks[0].carry(2, new)
    pair.trunks[1].deliver(2, inlet, "maker", FEW)
    pair.trunks[1].start()
    thread = threading.Thread(target=Writer(new).put_all, args=(messages(*range(5, 50)),))
    thread.start()
    assert numbers(Reader(inlet).take(50)) == list(range(50))
    thread.join()
    assert inlet.wires == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_wire_that_is_taken_away_from_a_trunk_that_ended_is_gone_at_once(pair: Pair, late: bool) -> None:
    inlet = Inlet({"maker": FEW})
    if late:
        pair.trunks[1].close()
    pair.trunks[1].deliver(1, inlet, "maker", FEW)
    if not late:
        pair.trunks[1].close()
    pair.trunks[1].part(1, lambda: inlet.unlink("maker"))
    assert inlet.wires == 0


def test_what_finds_no_room_when_its_trunk_ends_is_read_all_the_same(pair: Pair, wait_for: WaitFor) -> None:
    """Its writer had credit for it; then the wire got smaller."""
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    outlet.ended()
    few = WireSettings(policy=Policy.LOSSLESS, capacity=2)
    inlet.link("maker", few)
    pair.trunks[1].deliver(1, inlet, "maker", few)
    pair.trunks[1].start()
    wait_for(lambda: len(inlet) == 2, 10, "it to be full")
    pair.trunks[0].close()
    wait_for(lambda: len(pair.ended) == 2, 10, "the end of the trunk")
    assert numbers(inlet.take_many(9)) == [0, 1, 2, 3, 4]
    assert inlet.finished


def test_the_end_of_a_changed_edge_is_told_again_to_who_has_a_new_inlet(pair: Pair) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    writer.put_all(messages(0))
    writer.outlet.ended()
    assert numbers(reader.take(1)) == [0]
    writer.outlet.ended()
    reader.inlet.unlink("maker")
    reader.inlet.link("maker", LOSSLESS)
    assert not reader.inlet.finished
    writer.outlet.ended()
    while not reader.inlet.finished:
        reader.wait()


def test_a_line_that_is_changed_stays_ended() -> None:
    inlet = Inlet({"maker": LOSSLESS})
    inlet.ended("maker")
    inlet.link("maker", FEW)
    assert inlet.finished


def test_who_is_killed_does_not_hold_up_who_writes_to_it(pair: Pair) -> None:
    """As within a flow: what comes is dropped, and counted."""
    writer, reader = pair.edge(1, FEW)
    pair.start()
    writer.put_all(messages(0, 1, 2))
    reader.take(1)
    reader.inlet.close()
    writer.put_all(messages(*range(3, 100)))
    counts = reader.inlet.stats()["maker"]
    while counts.entered < 100:
        counts = reader.inlet.stats()["maker"]
    assert (counts.left, counts.held, sum(counts.dropped.values())) == (1, 0, 99)


def test_an_inlet_that_was_closed_holds_nothing_of_a_wire_that_comes_later() -> None:
    inlet = Inlet({"one": FEW})
    inlet.close()
    for source in ("one", "other"):
        inlet.link(source, FEW)
        assert inlet.put_many([Message(0, source, 0, 0)] * 9, source) == 9
    assert len(inlet) == 0
