"""What is told of a wire between flows, whichever of them dies: each message is taken, dropped, or waits."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.overflow import Overflow
from sightline.pipe.counts.accounts import END_WORDS
from sightline.pipe.counts.audit import Audit
from sightline.pipe.counts.stats import PipeState, WireStats
from sightline.pipe.message import Message
from sightline.pipe.parent.far_flow import FarFlow
from sightline.pipe.plan import Edge
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.codec import Codec, Packed
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.landing import Landing
from sightline.shm.grants import Grants


class Carrier:
    """A trunk whose messages are in `air` until they are let land."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.air: deque[Packed] = deque()
        self.broken = False

    def has(self, outlet: Outlet, count: int) -> None:
        pass


class World:
    """Flow a with a routine s, flow b with a routine d, and a wire between them; processes are played."""

    def __init__(self, how: WireSettings) -> None:
        self.how = how
        edge = Edge(
            source="s", source_flow="a", destination="d", destination_flow="b", settings=how, transmitter=None
        )
        self.flows = {"a": FarFlow("a", b"", ["s"]), "b": FarFlow("b", b"", ["d"])}
        self.audit = Audit(self.flows, [edge])
        self.put = self.taken = 0
        self.before: WireStats | None = None
        self.carrier = Carrier(0)
        self.begin_a()
        self.begin_b()
        self.connect()

    def begin_a(self) -> None:
        words = self.audit._ledgers["a"].account("out", "s", "d", words=END_WORDS)
        self.outlet = Outlet(self.how, Codec(None), words=words)

    def begin_b(self) -> None:
        ledger = self.audit._ledgers["b"]
        self.inlet = Inlet(account=lambda source: ledger.account("in", "d", source, words=END_WORDS))
        self.inlet.link("s", self.how)

    def connect(self) -> None:
        self.outlet.dropped_by(self.carrier)
        self.carrier = Carrier(self.carrier.number + 1)
        self.landing = Landing(self.inlet, "s", self.how, trunk=self.carrier.number)
        self.look()  # one end is a trunk behind the other
        self.outlet.carried(self.carrier)
        self.send()

    def give(self, count: int) -> None:
        messages = [Message(number, "s", number, 0) for number in range(count)]
        self.put += self.outlet.put_many(messages)

    def send(self) -> None:
        self.landing.due(gladly=True)
        self.outlet.told(self.carrier, *self.landing.said())
        self.carrier.air.extend(self.outlet.take())

    def land(self, count: int) -> None:
        some = [self.carrier.air.popleft() for _ in range(min(count, len(self.carrier.air)))]
        unreadable = len(some) // 5
        messages = [Message(None, "s", one.number, 0) for one in some[unreadable:]]
        self.landing.land(messages, unreadable)

    def take(self, count: int) -> None:
        self.taken += len(self.inlet.take_many(count))

    def go(self, count: int) -> None:
        """All the way."""
        self.give(count)
        self.send()
        self.land(count)
        self.take(count // 2)

    def kill_a(self, landed: int) -> None:
        """What had left it may still land, before the other end sees that it is gone."""
        self.audit.ended("a")
        self.land(landed)
        self.landing.leave()
        self.begin_a()
        self.connect()

    def kill_b(self, sent: bool) -> None:
        self.audit.ended("b")
        if sent:
            self.carrier.air.extend(self.outlet.take())
        self.begin_b()
        self.connect()

    def wire(self) -> WireStats:
        return self.audit.stats(PipeState.RUNNING, {}, Grants[int]().stats()).wire("s", "d")

    def look(self) -> WireStats:
        """What is told now, which is right."""
        wire = self.wire()
        assert (wire.entered, wire.left) == (self.put, self.taken)
        assert wire.balanced
        assert wire.waiting >= 0
        for why, count in self.before.dropped.items() if self.before else ():
            assert wire.dropped.get(why, 0) >= count
        self.before = wire
        return wire

    def held(self) -> int:
        """What waits, as it lies in the ends themselves and between them."""
        sending = len(self.outlet._held) + len(self.carrier.air)
        return sending + len(self.landing._waiting) + len(self.inlet)

    def rest(self) -> None:
        """All gets where it was to go."""
        for _ in range(200):
            self.send()
            self.land(100)
            self.take(100)

    def end(self) -> None:
        """Both die."""
        self.audit.ended("a")
        self.audit.ended("b")


@contextmanager
def world(how: WireSettings) -> Iterator[World]:
    made = World(how)
    yield made
    made.audit.close()


HOWS = st.builds(
    WireSettings,
    policy=st.sampled_from(Policy),
    capacity=st.integers(1, 6),
) | st.builds(
    WireSettings, overflow=st.sampled_from([Overflow.DROP_NEWEST, Overflow.CLEAR]), capacity=st.just(3)
)
STEPS = st.lists(
    st.tuples(st.just("give"), st.integers(1, 8))
    | st.tuples(st.just("send"))
    | st.tuples(st.just("go"), st.integers(1, 8))
    | st.tuples(st.just("land"), st.integers(1, 8))
    | st.tuples(st.just("take"), st.integers(1, 8))
    | st.tuples(st.just("kill_a"), st.integers(0, 4))
    | st.tuples(st.just("kill_b"), st.booleans()),
    min_size=8,
    max_size=40,
)


@given(how=HOWS, steps=STEPS, last=st.sampled_from(["rest", "end"]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_message_of_a_wire_is_taken_or_dropped_or_waits(
    how: WireSettings, steps: list[Any], last: str
) -> None:
    with world(how) as made:
        for name, *arguments in steps:
            getattr(made, name)(*arguments)
            assert made.look().waiting == made.held()
        getattr(made, last)()
        wire = made.look()
        assert wire.waiting == 0
        died = {why for why in wire.dropped if why in {"died", "lost"}}
        assert not died or how.policy is not Policy.RECORD, "that is incomplete"
        if how.policy is not Policy.LIVE and last == "rest" and not any("kill" in name for name, *_ in steps):
            assert set(wire.dropped) <= {"unreadable"}


def test_what_came_and_could_not_be_told_is_not_lost() -> None:
    with world(WireSettings(policy=Policy.LOSSLESS, capacity=8)) as made:
        made.give(8)
        made.send()
        made.land(4)
        made.take(3)
        made.kill_b(sent=False)
        wire = made.wire()
        # Three were taken; one waited there and died, with what is said of it; four were on their way.
        assert (wire.left, wire.dropped, wire.waiting) == (3, {"died": 1, "lost": 4}, 0)
