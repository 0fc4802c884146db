"""The outbox: against a list, over restarts; and what it says of a file that it cannot use."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sightline.clock import ns
from sightline.errors import Closed, SinkError
from sightline.sink.outbox import MAX_BODY_BYTES, Bounds, Delivery, Outbox, Reason
from sightline.testing import ManualClock

WIDE = Bounds(results=1000, bytes=1 << 24, age_ns=ns(1e6))


@contextmanager
def opened(path: Path, bounds: Bounds = WIDE, clock: ManualClock | None = None) -> Iterator[Outbox]:
    outbox = Outbox(path, bounds, clock=clock or ManualClock())
    try:
        yield outbox
    finally:
        outbox.close()


def taken(outbox: Outbox, most: int = 1) -> list[tuple[bytes, ...]]:
    found = []
    while (delivery := outbox.begin(most)) is not None:
        found.append(delivery.results)
        outbox.end()
    return found


class AgainstAList(RuleBasedStateMachine):
    """The same words to an outbox on disk and to a list in memory; restarts change nothing."""

    BOUNDS = Bounds(results=6, bytes=60, age_ns=ns(10))

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.clock = ManualClock()
        self.waiting: list[tuple[bytes, int]] = []
        self.begun: Delivery | None = None
        self.dropped: dict[str, int] = {}
        self.delivered = self.number = 0
        self.open()

    def open(self) -> None:
        self.outbox = Outbox(Path(self.folder, "outbox.db"), self.BOUNDS, clock=self.clock)

    def in_delivery(self) -> int:
        return len(self.begun.results) if self.begun else 0

    def drop(self, reason: Reason, count: int = 1, at: int = 0) -> None:
        del self.waiting[at : at + count]
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def drop_surplus(self) -> None:
        results, most, age_ns = self.BOUNDS
        while len(self.waiting) > (at := self.in_delivery()):
            if self.clock.utc_ns() - self.waiting[at][1] > age_ns:
                self.drop(Reason.TOO_OLD, at=at)
            elif len(self.waiting) > results or sum(len(body) for body, _ in self.waiting) > most:
                self.drop(Reason.OVERFLOW, at=at)
            else:
                return

    @rule(size=st.integers(2, 30))
    def put(self, size: int) -> None:
        self.number += 1
        body = str(self.number).rjust(size).encode()
        self.outbox.put(body)
        self.waiting.append((body, self.clock.utc_ns()))
        self.drop_surplus()

    @rule(most=st.integers(1, 4))
    def begin(self, most: int) -> None:
        if self.begun and self.clock.utc_ns() - self.waiting[self.in_delivery() - 1][1] > self.BOUNDS.age_ns:
            self.drop(Reason.TOO_OLD, self.in_delivery())
            self.begun = None
        self.drop_surplus()
        delivery = self.outbox.begin(most)
        if self.begun:
            assert delivery == self.begun
        else:
            expected = tuple(body for body, _ in self.waiting[:most])
            assert (delivery.results if delivery else ()) == expected
            self.begun = delivery

    @precondition(lambda self: self.begun)
    @rule(refused=st.booleans())
    def end(self, refused: bool) -> None:
        count = self.in_delivery()
        self.outbox.end(Reason.REFUSED if refused else None)
        if refused:
            self.drop(Reason.REFUSED, count)
        else:
            del self.waiting[:count]
            self.delivered += count
        self.begun = None

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.clock.move(seconds)

    @rule()
    def restart(self) -> None:
        """The counts begin anew; what waits does not."""
        self.outbox.close()
        self.open()
        self.dropped, self.delivered = {}, 0

    @invariant()
    def agrees(self) -> None:
        stats = self.outbox.stats()
        assert stats.balanced
        assert (stats.held, stats.held_bytes) == (len(self.waiting), sum(len(b) for b, _ in self.waiting))
        assert (stats.delivered, stats.dropped) == (self.delivered, self.dropped)

    def teardown(self) -> None:
        self.outbox.close()
        shutil.rmtree(self.folder)


AgainstAList.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAgainstAList = AgainstAList.TestCase


@given(st.tuples(*[st.integers(0, 10)] * 6))
def test_a_result_goes_only_for_a_bound_that_is_passed(numbers: tuple[int, ...]) -> None:
    results, size, age, *bounds = numbers
    reason = Bounds(*bounds).surplus(results, size, age)
    passed = [now > bound for now, bound in zip((results, size, age), bounds, strict=True)]
    assert (reason is None) is not any(passed)
    assert (reason is Reason.TOO_OLD) is passed[2]


def test_results_leave_in_order_in_deliveries_of_a_bounded_size(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "outbox.db") as outbox:
        bodies = [
            b"a" * (MAX_BODY_BYTES // 2),
            b"b" * (MAX_BODY_BYTES // 2),
            b"c",
            b"d" * 2 * MAX_BODY_BYTES,
            b"e",
        ]
        for body in bodies:
            outbox.put(body)
        assert taken(outbox, 100) == [tuple(bodies[:2]), (b"c",), (bodies[3],), (b"e",)]


def test_a_delivery_that_was_begun_is_the_same_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with opened(path) as outbox:
        for number in range(5):
            outbox.put(b"%d" % number)
        before = outbox.begin(3)
    with opened(path) as outbox:
        outbox.put(b"later")
        assert outbox.begin(1) == before
        outbox.end()
        assert taken(outbox, 10) == [(b"3", b"4", b"later")]
        assert (outbox.stats().entered, outbox.stats().delivered) == (6, 6)


def test_a_delivery_on_its_way_is_not_dropped_for_a_newer_result(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db", Bounds(results=2, bytes=1 << 20, age_ns=ns(9))) as outbox:
        outbox.put(b"1")
        delivery = outbox.begin(1)
        for body in (b"2", b"3", b"4"):
            outbox.put(body)
        assert outbox.begin(1) == delivery
        outbox.end()
        assert taken(outbox) == [(b"4",)]
        assert outbox.stats().dropped == {"overflow": 2}


def test_a_result_above_the_bound_is_refused_and_costs_no_other(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db", Bounds(results=9, bytes=10, age_ns=ns(9))) as outbox:
        outbox.put(b"small")
        with pytest.raises(SinkError, match=r"at most 10 bytes, as many as the outbox .* holds, got 11"):
            outbox.put(b"x" * 11)
        assert taken(outbox) == [(b"small",)]


def test_a_second_process_is_told_that_it_is_taken(no_leaks: None, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with opened(path) as outbox:
        with pytest.raises(SinkError, match=rf"the outbox {path} cannot be used: another process has it"):
            Outbox(path, WIDE)
        outbox.put(b"still works")
    with opened(path) as outbox:
        assert taken(outbox) == [(b"still works",)]


def test_what_is_no_outbox_is_left_alone(no_leaks: None, tmp_path: Path) -> None:
    text, other, newer = tmp_path / "notes.txt", tmp_path / "other.db", tmp_path / "newer.db"
    text.write_text("not a database, and long enough for its first page to be read as one\n" * 20)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE things (x)")
    database.close()
    with opened(newer):
        pass
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version=9")
    database.close()
    before = [path.read_bytes() for path in (text, other, newer)]
    for path, told in (
        (text, "file is not a database"),
        (other, "another program's database, not an outbox"),
        (newer, "is of version 9, expected 1"),
        (text / "x.db", "File exists"),
        (tmp_path, "unable to open database file"),
    ):
        with pytest.raises(SinkError, match=told):
            Outbox(path, WIDE)
    assert [path.read_bytes() for path in (text, other, newer)] == before


def test_a_closed_one_says_so(tmp_path: Path) -> None:
    with opened(tmp_path / "outbox.db") as outbox:
        outbox.put(b"x")
    outbox.close()
    words: list[Callable[[], object]] = [lambda: outbox.put(b"y"), lambda: outbox.begin(1), outbox.end]
    for word in words:
        with pytest.raises(Closed, match=r"outbox\.db is closed"):
            word()
    assert [path.name for path in tmp_path.iterdir()] == ["outbox.db"]
