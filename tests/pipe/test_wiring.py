"""The wires of a flow: what another flow had sent before it was no more is read before its end is told."""

import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest
from tests.pipe.trunkyard import Reader, Writer, messages
from tools.services.waiting import wait_for

from sightline.errors import ConfigError, SharingError
from sightline.pipe.counts.ledger import private
from sightline.pipe.directory import Directory
from sightline.pipe.plan import Edge, FlowSpec
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.transmitters import BasicTransmitter, Change
from sightline.pipe.wires.edge import BATCH, Outlet
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.wiring import Wiring

MANY = 1 + 8 * BATCH
SETTINGS = WireSettings(policy=Policy.LOSSLESS, capacity=2 * MANY)
EDGE = Edge(
    source="maker",
    source_flow="a",
    destination="taker",
    destination_flow="b",
    settings=SETTINGS,
    transmitter=None,
    number=1,
)


class Named:
    def __init__(self, name: str) -> None:
        self.name = name


def wiring(name: str, routine: str) -> Wiring:
    spec = FlowSpec(
        name=name,
        routines=[Named(routine)],  # type: ignore[list-item]
        sources=frozenset({"maker"}),
        directory=Directory(),
        logger="test",
        level=logging.INFO,
        root_level=logging.INFO,
        stop_s=1.0,
    )
    return Wiring(spec, None, lambda *_key, words: private(words), failed=pytest.fail)


@pytest.fixture
def flows(no_leaks: None) -> Iterator[tuple[Wiring, Wiring]]:
    """`maker` of flow a, wired to `taker` of flow b."""
    with ExitStack() as stack:
        pair = wiring("a", "maker"), wiring("b", "taker")
        for one in pair:
            stack.callback(one.close, 0.0)
        yield pair


def send_first(flows: tuple[Wiring, Wiring]) -> tuple[Outlet, Inlet]:
    """There is credit then."""
    maker, taker = flows
    (outlet,) = maker.add([EDGE]).values()
    assert isinstance(outlet, Outlet)
    taker.add([EDGE])
    ours, theirs = socket.socketpair()
    maker.connect("b", 1, ours)
    taker.connect("a", 1, theirs)
    Writer(outlet).put_all(messages(0))
    return outlet, taker.inlets["taker"]


def test_all_that_waits_in_a_wire_that_is_taken_away_is_read(flows: tuple[Wiring, Wiring]) -> None:
    outlet, inlet = send_first(flows)
    assert outlet.put_many(messages(*range(1, MANY))) == MANY - 1
    for one in flows:
        one.remove([EDGE])
    Reader(inlet).take(MANY, 20)
    wait_for(lambda: inlet.wires == 0, 20, "the end of the wire")
    assert inlet.stats()["maker"].dropped == {}


def test_a_transmitter_that_raises_is_told_with_its_wire(flows: tuple[Wiring, Wiring]) -> None:
    class Broken(BasicTransmitter):
        def transmit(self) -> Change:
            raise OSError("no key")

        receive = transmit

    maker, taker = flows
    edge = replace(EDGE, transmitter=Broken(), version=1)
    raises = partial(pytest.raises, ConfigError, match="wire maker > taker: OSError.'no key'.")
    with raises():
        maker.add([replace(edge, number=2)])
    (outlet,) = maker.add([EDGE]).values()
    with raises():
        maker.add([edge])
    assert outlet.put_many([]) == 0, "it is as it was"
    taker.add([edge])
    ours, theirs = socket.socketpair()
    with raises(), theirs:
        taker.connect("a", 1, ours)


def test_a_flow_without_a_descriptor_for_the_way_to_another_says_so(
    flows: tuple[Wiring, Wiring], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()

    def scarce() -> None:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(socket, "socketpair", scarce)
    with theirs, pytest.raises(SharingError, match="for the way to flow a: .* too many"):
        flows[1].connect("a", 1, ours)
    assert ours.fileno() == -1


def send_and_die(flows: tuple[Wiring, Wiring], then: Callable[[], object]) -> None:
    """All is in the socket when the first flow is no more; the second hears of that before it reads it."""
    maker, taker = flows
    outlet, inlet = send_first(flows)
    trunk = taker._trunks["a"]
    wait_for(lambda: len(inlet) == 1, 20, "the first")
    with inlet._lock:
        read = trunk._read_here
        for at in range(1, MANY, BATCH):
            assert outlet.put_many(messages(*range(at, at + BATCH))) == BATCH
            wait_for(lambda: trunk._read_here > read, 20, "its thread to be held up with the first")
        maker.close(0.0)
        thread = threading.Thread(target=then)
        thread.start()
        wait_for(lambda: trunk._close_by is not None, 20, "it to hear of the end")
    thread.join()


def test_all_that_a_flow_had_sent_is_there_before_its_end(flows: tuple[Wiring, Wiring]) -> None:
    send_and_die(flows, lambda: flows[1].part("a"))
    inlet = flows[1].inlets["taker"]
    assert len(inlet) == MANY
    inlet.take_many(MANY)
    assert inlet.finished


def test_all_that_a_flow_had_sent_is_there_when_it_was_begun_again(flows: tuple[Wiring, Wiring]) -> None:
    ours, theirs = socket.socketpair()
    send_and_die(flows, lambda: flows[1].connect("a", 2, ours))
    assert len(flows[1].inlets["taker"]) == MANY
    theirs.close()
