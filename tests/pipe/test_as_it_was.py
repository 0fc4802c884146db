"""What goes to another flow is data as it was when it was given, whatever is done to it afterwards."""

import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.pipe.flowyard import LOSSLESS, SECONDS, FlowYard, messages

from sightline.pipe.counts.reports import State
from sightline.pipe.flow.replicas import AHEAD
from sightline.pipe.message import Message
from sightline.pipe.roles import MiddleRoutine
from sightline.pipe.settings import Policy, RoutineSettings, WireSettings
from sightline.pipe.transmitters import DataTransmitter
from sightline.pipe.wires.codec import Codec, Packed
from sightline.pipe.wires.delivery import Delivery
from sightline.pipe.wires.edge import Outlet as EdgeOutlet
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet

OTHERS = threading.Event()
"""A global, as copies of a routine share nothing else."""


class Reusing(MiddleRoutine):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.out: dict[str, int] = {}

    def main_logic(self, data: int) -> dict[str, int]:
        self.out["at"] = data
        if data == 2 * AHEAD:  # each of the others waits with several results by then
            OTHERS.set()
        if data == 0 and self.settings.replicas > 1:
            assert OTHERS.wait(SECONDS)
        return self.out


class Sent:
    """A trunk whose other end has so much room."""

    number = 1

    def __init__(self, outlet: EdgeOutlet) -> None:
        self.outlet = outlet
        outlet.carried(self)

    def has(self, outlet: EdgeOutlet, count: int) -> None: ...

    def room(self, limit: int) -> None:
        self.outlet.told(self, limit, 0)

    def data(self) -> list[Any]:
        sent: list[Packed] = []
        while batch := self.outlet.take():
            sent += batch
        return [pickle.loads(one.pickled) for one in sent]


class Changing(LocalOutlet):
    """To a reader within the flow that writes to all it gets, at once."""

    def put_many(self, messages: Sequence[Message]) -> int:
        for message in messages:
            message.data["boxes"] = 3
        return super().put_many(messages)


class Same(DataTransmitter):
    """One of somebody's own."""

    def transmit(self) -> Callable[[Any], Any]:
        return dict

    def receive(self) -> Callable[[Any], Any]:
        return dict


def wide() -> Inlet:
    return Inlet({"a": WireSettings(policy=Policy.LOSSLESS, capacity=99)})


@pytest.mark.parametrize("room", [0, 1, 9])
def test_what_a_reader_within_the_flow_does_to_data_is_not_sent(room: int) -> None:
    edge = EdgeOutlet(LOSSLESS, Codec())
    trunk = Sent(edge)
    trunk.room(room)
    delivery = Delivery({"here": Changing(wide(), "a")})
    delivery.link("there", edge)
    delivery.give(messages({"at": 0}, {"at": 1}, {"at": 2}))
    trunk.room(9)
    assert delivery.retry()
    assert trunk.data() == [{"at": 0}, {"at": 1}, {"at": 2}]


def test_what_waits_for_a_reader_within_the_flow_alone_keeps_nothing_else() -> None:
    edge, inlet = EdgeOutlet(LOSSLESS, Codec()), wide()
    trunk = Sent(edge)
    trunk.room(1)
    delivery = Delivery({"there": edge, "here": LocalOutlet(inlet, "a")})
    given = messages(b"one", b"two")
    delivery.give(given)
    assert [message.packed is None for message in given] == [True, False]
    trunk.room(9)
    delivery.retry()
    assert [message.packed for message in given] == [None, None]


@pytest.mark.parametrize("transmitters", [[None], [Same()], [None, Same()]])
@pytest.mark.parametrize("replicas", [1, 3])
def test_a_routine_may_give_the_same_object_again_and_again(
    yard: FlowYard, transmitters: list[DataTransmitter | None], replicas: int
) -> None:
    inlet = Inlet({"source": WireSettings(policy=Policy.LOSSLESS, capacity=99)})
    inlet.put_many(messages(*range(50)), "source")
    inlet.ended("source")
    settings = WireSettings(policy=Policy.LOSSLESS, capacity=99)
    edges = [EdgeOutlet(settings, Codec(), one) for one in transmitters]
    trunks = [Sent(edge) for edge in edges]
    for trunk in trunks:
        trunk.room(99)
    OTHERS.clear()
    routine = Reusing("reuse")
    routine.settings = RoutineSettings(replicas=replicas)
    runner = yard.runner(routine, inlet, {str(at): edge for at, edge in enumerate(edges)})
    runner.start(SECONDS)
    yard.until(runner, State.DONE)
    for trunk in trunks:
        assert trunk.data() == [{"at": number} for number in range(50)]
