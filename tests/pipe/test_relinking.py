"""Edges that are changed and taken away while they are used: nothing is lost by that, and nothing stays."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.trunkyard import LOSSLESS, Pair, Reader, Writer, messages, numbers

from sightline.pipe.accounts import END_WORDS, LEFT
from sightline.pipe.edge import Outlet
from sightline.pipe.inlet import Inlet
from sightline.pipe.ledger import private
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import Change, DataTransmitter

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
    words = private(END_WORDS)
    outlet = Outlet(settings, pair.codecs[0], Sealed("old"), words=words)
    inlet = Inlet({"maker": settings})
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", settings, Sealed("old"))
    pair.trunks[1].flush()  # it says what there is room for, and then reads nothing
    pair.trunks[0].start()
    outlet.listen(lambda: None)
    wait_for(lambda: outlet.put_many(messages(0)), 10, "credit")
    wait_for(lambda: words[LEFT] == 1, 10, "it to be sent: a live one takes what it has no credit for")
    assert outlet.put_many(messages(1, 2, 3, 4)) == 4
    return outlet, inlet


@pytest.mark.parametrize("seal", ["old", "new"])
def test_a_lossless_edge_that_is_changed_loses_nothing(pair: Pair, wait_for: WaitFor, seal: str) -> None:
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    more = WireSettings(policy=Policy.LOSSLESS, capacity=50)
    inlet.link("maker", more)
    pair.trunks[1].deliver(1, inlet, "maker", more, Sealed(seal))
    outlet.relink(more, Sealed(seal))
    thread = threading.Thread(target=Writer(outlet).put_all, args=(messages(*range(5, 200)),))
    thread.start()
    pair.trunks[1].start()
    taken = Reader(inlet).take(200)
    thread.join()
    assert numbers(taken) == list(range(200))
    assert [message.data for message in taken] == [{"number": number} for number in range(200)]
    assert inlet.stats()["maker"].entered == outlet.stats().entered == 200
    assert outlet.stats().peak_held > FEW.capacity, "it has the room that it was given"


def test_two_changes_at_once_are_two(pair: Pair, wait_for: WaitFor) -> None:
    outlet, inlet = with_some_held(pair, wait_for, FEW)
    for seal in ("new", "newest"):
        pair.trunks[1].deliver(1, inlet, "maker", FEW, Sealed(seal))
        outlet.relink(FEW, Sealed(seal))
    thread = threading.Thread(target=Writer(outlet).put_all, args=(messages(*range(5, 50)),))
    thread.start()
    pair.trunks[1].start()
    assert numbers(Reader(inlet).take(50)) == list(range(50))
    thread.join()


def test_a_live_edge_gives_up_for_a_new_transmitter_what_was_not_sent(pair: Pair, wait_for: WaitFor) -> None:
    live = WireSettings(capacity=5)
    outlet, inlet = with_some_held(pair, wait_for, live)
    pair.trunks[1].deliver(1, inlet, "maker", live, Sealed("new"))
    outlet.relink(live, Sealed("new"))
    assert outlet.put_many(messages(5, 6)) == 2
    pair.trunks[1].start()
    assert numbers(Reader(inlet).take(3)) == [0, 5, 6]
    assert outlet.stats().dropped == {"overflow": 4}


def test_a_changed_edge_that_another_trunk_carries_speaks_as_that_one_reads(
    pair: Pair, wait_for: WaitFor
) -> None:
    outlet, _ = with_some_held(pair, wait_for, FEW)
    outlet.relink(FEW, Sealed("new"))
    for trunk in pair.trunks:
        trunk.close()
    pair.connect()
    inlet = Inlet({"maker": FEW})
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", FEW, Sealed("new"))
    pair.start()
    Writer(outlet).put_all(messages(5, 6, 7))
    assert numbers(Reader(inlet).take(3)) == [5, 6, 7]
    stats = outlet.stats()
    assert stats.balanced
    assert stats.dropped == {"lost": 5}


def test_a_smaller_live_edge_holds_less(pair: Pair, wait_for: WaitFor) -> None:
    outlet, _ = with_some_held(pair, wait_for, WireSettings(capacity=5))
    outlet.relink(WireSettings(capacity=2), None)
    outlet.put_many([])
    outlet.relink(WireSettings(capacity=2), Sealed("old"))
    outlet.put_many(messages(5, 6, 7))
    assert outlet.stats().held == 1 + 2, "one is on its way"


def test_nothing_is_left_of_an_edge_that_was_taken_away(pair: Pair, wait_for: WaitFor) -> None:
    pair.start()
    for number in range(1, 20):
        writer, reader = pair.edge(number)
        writer.put_all(messages(0, 1, 2))
        assert numbers(reader.take(3)) == [0, 1, 2]
        writer.outlet.close()
        wait_for(lambda: pair.trunks[1].stats() == {}, 10, "the end of the edge")


def test_what_waits_of_an_edge_that_was_taken_away_goes_first(pair: Pair, wait_for: WaitFor) -> None:
    pair.start()
    writer, reader = pair.edge(1, WireSettings(policy=Policy.LOSSLESS, capacity=5))
    wait_for(lambda: writer.outlet.put_many(messages(0)), 10, "credit")
    writer.put_all(messages(1, 2, 3, 4))
    wait_for(lambda: len(reader.inlet) == 5, 10, "all of them")
    writer.outlet.close()
    reader.inlet.unlink("maker")
    wait_for(lambda: pair.trunks[1].stats() == {}, 10, "the end of the edge")
    assert numbers(reader.take(5)) == [0, 1, 2, 3, 4]


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
