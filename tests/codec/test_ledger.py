from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from sightline.codec.gate import DropReason
from sightline.codec.ledger import Ledger
from sightline.packet import Packet

MakePacket = Callable[..., Packet]


def test_marks_that_never_come_back_are_not_held_for_ever(make_packet: MakePacket) -> None:
    ledger = Ledger()
    marks = []
    for index in range(100):
        ledger.enter()
        marks.append(ledger.hold(make_packet(index), 0))
    stats = ledger.stats("all", None)
    assert (stats.held, stats.dropped) == (64, {"no_picture": 36})
    assert stats.balanced
    assert ledger.held(marks[35]) is None
    assert ledger.held(marks[36]) is not None


@given(steps=st.lists(st.sampled_from(["drop", "hold", "leave", "lose", "lose all"]), max_size=200))
def test_the_counts_add_up_after_every_step(make_packet: MakePacket, steps: list[str]) -> None:
    ledger, marks = Ledger(), list[object]()
    for step in steps:
        if step == "drop":
            ledger.enter()
            ledger.drop(make_packet(0), DropReason.GAP)
        elif step == "hold":
            ledger.enter()
            marks.append(ledger.hold(make_packet(0), 0))
        elif step == "lose all":
            ledger.settle_all(DropReason.NO_PICTURE)
        elif marks and ledger.held(marks[-1]) is not None:
            ledger.settle(marks.pop(), None if step == "leave" else DropReason.CORRUPT)
        assert ledger.stats("all", None).balanced


def test_who_asks_is_told_of_each_packet_that_became_no_frame_and_of_no_other(
    make_packet: MakePacket,
) -> None:
    told = list[tuple[int, str]]()
    ledger = Ledger(lambda packet, reason: told.append((packet.index, reason)))
    ledger.drop(make_packet(0), DropReason.GAP)
    marks = [ledger.hold(make_packet(index), 0, wanted=index != 3) for index in range(1, 5)]
    ledger.settle(marks[0], None)
    ledger.settle(marks[1], DropReason.RATE)
    ledger.settle_all(DropReason.CLOSED)
    ledger.settle_all(DropReason.CLOSED)
    assert told == [(0, "gap"), (2, "rate"), (3, "unwanted"), (4, "closed")]
