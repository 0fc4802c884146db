"""The wires that lead from a routine, where they are full, gone, or new."""

from collections.abc import Callable, Sequence

from tests.pipe.flowyard import data_of, messages

from sightline.errors import Closed
from sightline.pipe.counts.accounts import LOST, UNSENT, Drops
from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.delivery import Delivery
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=2)


def lost(delivery: Delivery) -> dict[str, int]:
    return Drops(delivery.words, LOST).by_reason


class ClosedOutlet:
    def listen(self, on_room: Callable[[], None]) -> None: ...

    def put_many(self, messages: Sequence[Message]) -> int:
        raise Closed(f"nothing more, and not {len(messages)}")

    def ended(self) -> None: ...

    def pack(self, messages: Sequence[Message]) -> None: ...


def test_what_finds_no_room_waits_in_order_for_its_wire_alone() -> None:
    full, wide = Inlet({"a": LOSSLESS}), Inlet({"a": WireSettings(policy=Policy.LOSSLESS, capacity=99)})
    delivery = Delivery({"full": LocalOutlet(full, "a"), "wide": LocalOutlet(wide, "a")})
    rung: list[str] = []
    delivery.listen(lambda: rung.append("room"))
    delivery.give(messages(1, 2, 3))
    delivery.give(messages(4))
    assert (delivery.unsent, delivery.blocked) == (2, True)
    assert data_of(wide.take_many(9)) == [1, 2, 3, 4]
    rung.clear()
    assert data_of(full.take_many(1)) == [1]
    assert rung == ["room"]
    assert not delivery.retry()
    assert data_of(full.take_many(9)) == [2, 3]
    assert delivery.retry()
    assert data_of(full.take_many(9)) == [4]
    assert lost(delivery) == {}


def test_what_a_wire_will_never_take_is_counted() -> None:
    delivery = Delivery({"gone": ClosedOutlet()})
    delivery.give(messages(1, 2))
    assert (lost(delivery), delivery.blocked) == ({"closed": 2}, False)


def test_what_waits_goes_by_the_wire_that_took_the_place_of_another() -> None:
    old, new = Inlet({"a": LOSSLESS}), Inlet({"a": LOSSLESS})
    delivery = Delivery({"b": LocalOutlet(old, "a")})
    delivery.give(messages(1, 2, 3))
    delivery.link("b", LocalOutlet(new, "a"))
    assert delivery.retry()
    assert (data_of(old.take_many(9)), data_of(new.take_many(9))) == ([1, 2], [3])


def test_what_is_given_up_is_counted() -> None:
    delivery = Delivery({"b": LocalOutlet(Inlet({"a": LOSSLESS}), "a")})
    delivery.give(messages(1, 2, 3, 4))
    delivery.drop("killed")
    delivery.drop("killed")
    assert (lost(delivery), delivery.unsent) == ({"killed": 2}, 0)


def test_what_a_wire_refuses_that_was_just_replaced_goes_by_the_new_one() -> None:
    new = Inlet({"a": LOSSLESS})
    delivery = Delivery({"b": ClosedOutlet()})

    class Replaced(ClosedOutlet):
        def put_many(self, messages: Sequence[Message]) -> int:
            delivery.link("b", LocalOutlet(new, "a"))  # as another thread does at this moment
            return super().put_many(messages)

    delivery.link("b", Replaced())
    delivery.give(messages(1, 2))
    assert (data_of(new.take_many(9)), lost(delivery)) == ([1, 2], {})


def test_a_wire_that_comes_after_the_end_has_ended() -> None:
    delivery = Delivery({})
    delivery.ended()
    late = Inlet({"a": LOSSLESS})
    delivery.link("b", LocalOutlet(late, "a"))
    assert late.finished


def test_what_a_wire_is_offered_again_is_not_counted_as_unsent_meanwhile() -> None:
    """The process may end at any moment: the wire counts what it took."""
    unsent: list[int] = []

    class Looks(LocalOutlet):
        def put_many(self, messages: Sequence[Message]) -> int:
            unsent.append(delivery.words[UNSENT])
            return super().put_many(messages)

    inlet = Inlet({"a": LOSSLESS})
    delivery = Delivery({"b": Looks(inlet, "a")})
    delivery.give(messages(1, 2, 3))
    assert delivery.words[UNSENT] == 1
    inlet.take_many(9)
    assert delivery.retry()
    assert unsent == [0, 0]
