"""A line of messages: each leaves once, in order, with its own result or none."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sightline.bus import Message
from sightline.clock import NS_PER_S
from sightline.mux.forward import Answer, ForwardLine, Key
from sightline.mux.settings import Forward
from sightline.wire import Headers

WAIT_NS = 2 * NS_PER_S
SEEN: Headers = (("seen", b"1"),)


def message(offset: int, size: int = 10) -> Message:
    return Message("raw_a", bytes(size), None, (), offset, 0)


def filled(*keys: Key | None, forward: Forward = "all") -> ForwardLine:
    line = ForwardLine(forward, max_wait_s=2)
    for offset, key in enumerate(keys):
        line.enter(message(offset), key)
    return line


def offsets(released: Iterable[tuple[Message, Headers | None]]) -> list[int]:
    return [one.offset for one, _ in released]


def test_a_message_in_which_no_unit_begins_waits_for_its_turn_alone() -> None:
    line = filled(None, (0, 1), None)
    assert offsets(line.release(0)) == [0]
    assert line.due_ns() is None
    line.dropped((0, 1))
    assert line.due_ns() == 0
    assert offsets(line.release(0)) == [1, 2]
    assert line.due_ns() is None


def test_a_result_goes_on_with_its_own_message_though_pictures_come_in_another_order() -> None:
    line = filled((1, 0), (1, 1), (1, 2))
    for index in (0, 2, 1):  # as B-frames do
        line.delivered((1, index), 0)
        assert line.answer((1, index), (("n", b"%d" % index),)) is Answer.TAKEN
    assert [(one.offset, headers) for one, headers in line.release(0)] == [
        (index, (("n", b"%d" % index),)) for index in range(3)
    ]


def test_a_delivered_message_waits_until_the_next_delivery() -> None:
    line = filled((1, 0), (1, 1))
    line.delivered((1, 0), 0)
    assert line.release(0) == []
    line.delivered((1, 1), 1)
    assert line.release(1) == [(message(0), None)]
    assert line.answer((1, 0), SEEN) is Answer.LATE
    assert line.answer((1, 1), SEEN) is Answer.TAKEN


def test_a_delivered_message_waits_no_longer_than_it_may() -> None:
    line = filled((1, 0))
    line.delivered((1, 0), 5)
    assert line.due_ns() == 5 + WAIT_NS
    assert line.release(4 + WAIT_NS) == []
    assert line.release(5 + WAIT_NS) == [(message(0), None)]
    assert line.answer((1, 0), SEEN) is Answer.LATE


def test_a_message_that_is_held_up_by_others_takes_its_answer_whenever_it_comes() -> None:
    line = filled((1, 0), (1, 1))
    line.delivered((1, 1), 0)
    assert line.release(9 * WAIT_NS) == []
    assert line.answer((1, 1), SEEN) is Answer.TAKEN


def test_a_delivery_of_what_is_not_in_line_ends_the_one_before() -> None:
    line = filled((1, 0))
    line.delivered((1, 0), 0)
    line.delivered((1, 9), 0)
    assert line.release(0) == [(message(0), None)]
    assert line.answer((1, 9), SEEN) is Answer.LATE


def test_what_was_never_delivered_has_no_answer() -> None:
    line = filled((1, 0))
    assert line.answer((1, 0), SEEN) is Answer.UNKNOWN
    line.delivered((1, 0), 0)
    assert line.answer((0, 0), SEEN) is Answer.UNKNOWN
    assert line.answer((1, 0), SEEN) is Answer.TAKEN
    assert line.answer((1, 0), (("seen", b"2"),)) is Answer.TWICE
    assert line.release(0) == [(message(0), SEEN)]
    assert line.stats().answers == {"taken": 1, "late": 0, "twice": 1, "unknown": 2}


def test_a_message_sent_twice_goes_on_at_its_turn() -> None:
    line = filled((1, 0), (1, 0))
    line.delivered((1, 0), 0)
    assert line.answer((1, 0), SEEN) is Answer.TAKEN
    assert line.release(0) == [(message(0), SEEN), (message(1), None)]


def test_an_identity_may_come_again_once_its_message_has_left() -> None:
    line = filled((0, 0))
    line.dropped((0, 0))
    line.release(0)
    assert line.enter(message(0), (0, 0))
    line.delivered((0, 0), 0)
    assert line.answer((0, 0), SEEN) is Answer.TAKEN


def test_where_only_analysed_ones_go_on_the_others_are_counted() -> None:
    line = filled(None, (1, 1), (1, 2), forward="analysed")
    line.dropped((1, 1))
    line.delivered((1, 2), 0)
    line.answer((1, 2), ())
    assert line.release(0) == [(message(2), ())]
    stats = line.stats()
    assert (stats.with_result, stats.without, stats.discarded) == (1, 0, 2)


def test_a_picture_that_was_delivered_is_not_dropped_any_more() -> None:
    line = filled((1, 0))
    line.delivered((1, 0), 0)
    line.dropped((1, 0))
    assert line.answer((1, 0), SEEN) is Answer.TAKEN


def test_giving_up_lets_all_go_but_what_waits_for_its_answer() -> None:
    line = filled((1, 0), (1, 1), (1, 2))
    line.delivered((1, 1), 0)
    assert line.awaited == 2
    line.give_up()
    assert offsets(line.release(0)) == [0]
    assert line.answer((1, 1), SEEN) is Answer.TAKEN
    assert line.release(0) == [(message(1), SEEN), (message(2), None)]
    assert line.stats().given_up == 2


def test_a_closed_line_waits_for_nothing() -> None:
    line = filled((1, 0), (1, 1))
    line.delivered((1, 0), 0)
    line.close()
    line.enter(message(2), (1, 2))
    assert offsets(line.release(0)) == [0, 1, 2]
    assert line.answer((1, 0), SEEN) is Answer.LATE


def test_late_answers_are_told_from_unknown_ones_for_a_thousand_deliveries() -> None:
    line = ForwardLine()
    for index in range(1026):
        line.enter(message(index), (1, index))
        line.delivered((1, index), 0)
        line.release(0)
    assert line.answer((1, 0), SEEN) is Answer.UNKNOWN
    assert line.answer((1, 1), SEEN) is Answer.LATE


@pytest.mark.parametrize(("most_messages", "most_bytes"), [(3, 1000), (1000, 30)])
def test_it_is_full_at_either_bound(most_messages: int, most_bytes: int) -> None:
    line = ForwardLine(most_messages=most_messages, most_bytes=most_bytes)
    for offset in range(3):
        assert not line.full
        line.enter(message(offset), None)
    assert line.full
    line.release(0)
    assert (line.full, line.held_bytes) == (False, 0)


@dataclass
class Slot:
    """A message in the model's line."""

    number: int
    key: Key | None
    state: str  # "turn", "awaited" or "delivered"
    headers: Headers | None = None
    due_ns: int = 0


KEYS = st.tuples(st.integers(0, 1), st.integers(0, 7))


class Line(RuleBasedStateMachine):
    """The line beside a list that is searched from its beginning for everything."""

    def __init__(self) -> None:
        super().__init__()
        self.line = ForwardLine(max_wait_s=2)
        self.slots: list[Slot] = []
        self.told: dict[Key, Answer] = {}
        self.entered: list[int] = []
        self.left: list[int] = []
        self.now_ns = 0

    def slot(self, key: Key) -> Slot | None:
        return next((slot for slot in self.slots if slot.key == key and slot.state != "turn"), None)

    def end_delivery(self) -> None:
        for slot in self.slots:
            if slot.state == "delivered":
                slot.state = "turn"
                assert slot.key is not None
                self.told[slot.key] = Answer.LATE

    @rule(key=st.one_of(st.none(), KEYS))
    def enter(self, key: Key | None) -> None:
        waits = key is not None and self.slot(key) is None
        number = len(self.entered)
        self.entered.append(number)
        assert self.line.enter(message(number), key) is waits
        self.slots.append(Slot(number, key, "awaited" if waits else "turn"))

    @rule(key=KEYS)
    def drop(self, key: Key) -> None:
        self.line.dropped(key)
        if (slot := self.slot(key)) is not None and slot.state == "awaited":
            slot.state = "turn"

    @rule(key=KEYS)
    def deliver(self, key: Key) -> None:
        self.line.delivered(key, self.now_ns)
        self.end_delivery()
        slot = self.slot(key)
        if slot is None:
            self.told[key] = Answer.LATE
        else:
            slot.state, slot.due_ns = "delivered", self.now_ns + WAIT_NS

    @rule(key=KEYS)
    def answer(self, key: Key) -> None:
        headers = (("result", b"%d" % len(self.entered)),)
        slot = self.slot(key)
        if slot is not None and slot.state == "delivered":
            assert self.line.answer(key, headers) is Answer.TAKEN
            slot.state, slot.headers = "turn", headers
            self.told[key] = Answer.TWICE
        else:
            assert self.line.answer(key, headers) is self.told.get(key, Answer.UNKNOWN)

    @rule(ns=st.sampled_from([0, 1, WAIT_NS // 2, WAIT_NS]))
    def wait(self, ns: int) -> None:
        self.now_ns += ns

    @rule()
    def give_up(self) -> None:
        self.line.give_up()
        for slot in self.slots:
            slot.state = "turn" if slot.state == "awaited" else slot.state

    @rule(forward=st.sampled_from(["all", "analysed"]))
    def choose(self, forward: Forward) -> None:
        self.line.forward = forward

    @precondition(lambda self: self.slots)
    @rule()
    def release(self) -> None:
        due_ns = self.line.due_ns()
        head = self.slots[0]
        if head.state == "delivered" and self.now_ns >= head.due_ns:
            self.end_delivery()
        expected = []
        while self.slots and self.slots[0].state == "turn":
            slot = self.slots.pop(0)
            self.left.append(slot.number)
            if self.line.forward == "all" or slot.headers is not None:
                expected.append((slot.number, slot.headers))
        went = [(one.offset, headers) for one, headers in self.line.release(self.now_ns)]
        assert went == expected
        if went:
            assert due_ns is not None
            assert due_ns <= self.now_ns

    @invariant()
    def counts_add_up(self) -> None:
        stats = self.line.stats()
        assert stats.balanced
        assert stats.entered == len(self.entered)
        assert stats.held == len(self.slots)
        assert stats.held_bytes == 10 * len(self.slots)
        assert self.line.awaited == sum(slot.state == "awaited" for slot in self.slots)

    def teardown(self) -> None:
        self.line.close()
        self.line.forward = "all"
        self.left += offsets(self.line.release(self.now_ns))
        assert self.left == self.entered
        assert (self.line.held, self.line.held_bytes, self.line.awaited) == (0, 0, 0)


TestAgainstAModel = Line.TestCase
TestAgainstAModel.settings = settings(max_examples=150, stateful_step_count=60)
