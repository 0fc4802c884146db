"""The pure machine: rare orders of events, and what holds in every order."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sightline.capture.machine import RUNNING, Limits, Machine, State
from sightline.clock import NS_PER_S
from sightline.errors import AccessDenied, SightlineError, SourceSilent, Unreachable, Unsupported

S = NS_PER_S
LIMITS = Limits(open_ns=11 * S, call_ns=6 * S, silence_ns=10 * S, loose=2)


def delay_ns(fault: SightlineError, failures: int) -> int | None:
    if isinstance(fault, Unsupported):
        return None
    return 60 * S if isinstance(fault, AccessDenied) else min(failures, 4) * S


def a_machine() -> Machine:
    return Machine("gate", LIMITS, delay_ns)


def state_of(machine: Machine) -> State:
    """As a call, so that no type checker believes the state to stay what it was."""
    return machine.state


def a_live_one(now_ns: int = 0) -> Machine:
    machine = a_machine()
    assert machine.start(now_ns) == 1
    assert machine.opened(1, now_ns)
    assert machine.waits(1, now_ns)
    assert machine.received(1, now_ns)
    return machine


def test_a_camera_is_live_with_its_first_packet_and_not_before() -> None:
    machine = a_machine()
    machine.start(0)
    assert machine.opened(1, S)
    assert state_of(machine) is State.CONNECTING
    assert machine.received(1, 2 * S)
    assert state_of(machine) is State.LIVE


def test_a_fault_is_shown_and_tried_again_when_its_delay_is_over() -> None:
    machine = a_live_one()
    machine.ended(1, 5 * S, Unreachable("gone"))
    assert (machine.state, str(machine.fault), machine.retry_ns) == (State.BACKING_OFF, "gone", 6 * S)
    assert machine.tick(6 * S - 1) is None
    assert machine.tick(6 * S) == 2
    assert state_of(machine) is State.CONNECTING


def test_delays_grow_while_it_fails_and_begin_anew_once_it_was_live_for_a_while() -> None:
    machine = a_machine()
    machine.start(0)
    machine.ended(1, 0, Unreachable("gone"))
    assert machine.tick(S) == 2
    machine.ended(2, S, Unreachable("gone"))
    assert machine.retry_ns == 3 * S
    assert machine.tick(3 * S) == 3
    assert machine.received(3, 3 * S)
    machine.ended(3, 20 * S, Unreachable("gone"))
    assert machine.retry_ns == 21 * S


def test_a_camera_that_breaks_at_once_each_time_is_not_forgiven() -> None:
    machine = a_live_one()
    machine.ended(1, S, Unreachable("gone"))
    assert machine.tick(2 * S) == 2
    assert machine.received(2, 2 * S)
    machine.ended(2, 3 * S, Unreachable("gone"))
    assert machine.retry_ns == 5 * S


def test_silence_stalls_a_camera_and_breaks_the_connection() -> None:
    machine = a_live_one()
    assert machine.waits(1, S)
    assert machine.waits(1, 6 * S)  # libav's timeouts in between change nothing
    assert not machine.waits(1, 11 * S)
    assert state_of(machine) is State.STALLED
    machine.ended(1, 11 * S, None)
    assert state_of(machine) is State.BACKING_OFF
    assert isinstance(machine.fault, SourceSilent)


def test_a_packet_that_comes_after_all_makes_a_stalled_camera_live() -> None:
    machine = a_live_one()
    machine.waits(1, 0)
    machine.waits(1, 5 * S)
    assert machine.tick(10 * S) is None
    assert state_of(machine) is State.STALLED
    assert machine.received(1, 10 * S + 1)
    assert (machine.state, machine.fault) == (State.LIVE, None)


def test_a_camera_with_long_gops_may_be_silent_for_longer() -> None:
    machine = a_live_one()
    machine.received(1, 0, 40 * S)
    for second in range(0, 40, 5):
        assert machine.waits(1, second * S)
    assert not machine.waits(1, 40 * S)


def test_what_a_camera_has_taught_holds_after_a_reconnect() -> None:
    machine = a_live_one()
    machine.received(1, 0, 40 * S)
    machine.ended(1, 0, Unreachable("gone"))
    assert machine.tick(S) == 2
    machine.opened(2, S)
    for second in range(1, 40, 5):
        assert machine.waits(2, second * S)


def test_the_setting_holds_where_gops_are_short() -> None:
    machine = a_live_one()
    machine.received(1, 0, S)
    machine.waits(1, 0)
    assert machine.waits(1, 5 * S)
    assert machine.waits(1, 10 * S - 1)


def test_the_time_of_a_delivery_is_no_silence_of_the_camera() -> None:
    machine = a_live_one()
    assert machine.deadline_ns is None
    assert machine.tick(3600 * S) is None
    assert machine.waits(1, 3600 * S)
    assert state_of(machine) is State.LIVE


def test_an_attempt_that_hangs_is_left_behind_and_a_fresh_one_takes_over() -> None:
    machine = a_machine()
    machine.start(0)
    assert machine.deadline_ns == 11 * S
    assert machine.tick(11 * S) is None
    assert (machine.state, machine.loose) == (State.BACKING_OFF, {1})
    assert machine.tick(12 * S) == 2
    assert machine.opened(2, 12 * S)
    assert machine.received(2, 12 * S)
    assert not machine.opened(1, 13 * S)
    assert not machine.received(1, 13 * S)
    assert not machine.waits(1, 13 * S)
    machine.ended(1, 13 * S, Unreachable("late"))
    assert (machine.state, machine.fault, machine.loose) == (State.LIVE, None, set())


def test_what_is_said_of_one_that_hangs_is_not_what_was_wrong_before() -> None:
    machine = a_machine()
    machine.start(0)
    machine.ended(1, 0, AccessDenied("wrong password"))
    assert machine.tick(60 * S) == 2
    machine.tick(71 * S)
    assert isinstance(machine.fault, SourceSilent)


def test_no_more_than_so_many_hang_at_a_time() -> None:
    machine = a_machine()
    now_ns, begun = 0, [machine.start(0)]
    for _ in range(200):
        now_ns += S
        begun.append(machine.tick(now_ns))
    assert [attempt for attempt in begun if attempt] == [1, 2]
    assert "hang" in str(machine.fault)
    machine.ended(1, now_ns, None)
    assert any(machine.tick(now_ns + second * S) == 3 for second in range(10))


def test_a_recording_read_to_its_end_is_done_for_good() -> None:
    machine = a_live_one()
    machine.ended(1, S, None)
    assert state_of(machine) is State.DONE
    assert machine.deadline_ns is None
    assert machine.tick(10**6 * S) is None


def test_what_cannot_help_is_not_tried_again() -> None:
    machine = a_live_one()
    machine.ended(1, S, Unsupported("no V4L2"))
    assert (machine.state, machine.retry_ns) == (State.DISABLED, None)
    assert machine.tick(10**6 * S) is None


def test_after_a_stop_nothing_begins() -> None:
    machine = a_live_one()
    machine.stop()
    assert state_of(machine) is State.IDLE
    assert not machine.waits(1, S)
    machine.ended(1, S, Unreachable("late"))
    assert (machine.state, machine.tick(10**6 * S), machine.start(10**6 * S)) == (State.IDLE, None, None)


def test_it_starts_once() -> None:
    machine = a_machine()
    assert [machine.start(0), machine.start(0)] == [1, None]


def test_one_that_was_stopped_before_it_started_never_starts() -> None:
    machine = a_machine()
    machine.stop()
    assert machine.start(0) is None


FAULTS = st.sampled_from([Unreachable("a"), AccessDenied("b"), Unsupported("c"), None])


class AnyOrder(RuleBasedStateMachine):
    """Any attempt, current or not, may say anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = a_machine()
        self.now_ns = 0
        self.begun: list[int] = []
        self.running: set[int] = set()
        self.stopped = False

    def note(self, attempt: int | None) -> None:
        if attempt is not None:
            assert not self.stopped
            assert attempt == len(self.begun) + 1
            self.begun.append(attempt)
            self.running.add(attempt)

    def said(self, number: int, say: Callable[[int], Any]) -> None:
        """Attempt `number` (wrapping over those that run) says something."""
        if not self.running:
            return
        attempt = sorted(self.running)[number % len(self.running)]
        before = (self.machine.state, self.machine.attempt, self.machine.fault)
        answer = say(attempt)
        if attempt != self.machine.attempt or attempt in self.machine.loose:
            assert not answer
            assert (self.machine.state, self.machine.attempt, self.machine.fault) == before

    @rule()
    def start(self) -> None:
        self.note(self.machine.start(self.now_ns))

    @rule(seconds=st.floats(0, 90))
    def time_passes(self, seconds: float) -> None:
        self.now_ns += round(seconds * S)
        self.note(self.machine.tick(self.now_ns))

    @rule(number=st.integers(0, 5))
    def opened(self, number: int) -> None:
        self.said(number, lambda attempt: self.machine.opened(attempt, self.now_ns))

    @rule(number=st.integers(0, 5))
    def waits(self, number: int) -> None:
        self.said(number, lambda attempt: self.machine.waits(attempt, self.now_ns))

    @rule(number=st.integers(0, 5), silence=st.integers(0, 60))
    def received(self, number: int, silence: int) -> None:
        self.said(number, lambda attempt: self.machine.received(attempt, self.now_ns, silence * S))

    @rule(number=st.integers(0, 5), fault=FAULTS)
    def ended(self, number: int, fault: SightlineError | None) -> None:
        def end(attempt: int) -> None:
            self.machine.ended(attempt, self.now_ns, fault)
            self.running.discard(attempt)

        self.said(number, end)

    @rule()
    def stop(self) -> None:
        self.machine.stop()
        self.stopped = True

    @invariant()
    def those_left_behind_are_counted_and_bounded(self) -> None:
        machine = self.machine
        assert len(self.running) <= LIMITS.loose
        current = {machine.attempt} if machine.state in RUNNING else set()
        assert self.running == machine.loose | current

    @invariant()
    def a_retry_is_due_exactly_while_it_backs_off(self) -> None:
        assert (self.machine.retry_ns is not None) == (self.machine.state is State.BACKING_OFF)

    @invariant()
    def what_is_wrong_is_said(self) -> None:
        """While it connects again, what broke the last connection stays visible."""
        wrong = {State.STALLED, State.BACKING_OFF, State.DISABLED}
        if self.machine.state is not State.CONNECTING:
            assert (self.machine.fault is not None) == (self.machine.state in wrong)

    @invariant()
    def it_never_hangs(self) -> None:
        """Its deadline, where it has one, changes something; without one it is over, or delivering."""
        deadline_ns, state = self.machine.deadline_ns, self.machine.state
        if deadline_ns is None:
            assert state in {State.IDLE, State.DONE, State.DISABLED, State.LIVE}

    def teardown(self) -> None:
        """Left alone, a camera that is to be read is never left as it is."""
        for _ in range(40):
            deadline_ns = self.machine.deadline_ns
            if deadline_ns is None:
                return
            before = (self.machine.state, self.machine.attempt, self.machine.retry_ns)
            self.now_ns = max(self.now_ns, deadline_ns)
            self.note(self.machine.tick(self.now_ns))
            assert (self.machine.state, self.machine.attempt, self.machine.retry_ns) != before


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@given(seconds=st.lists(st.floats(0.01, 20), max_size=30))
@settings(deadline=None)
def test_whatever_the_camera_does_a_wrong_password_is_tried_once_a_minute(seconds: list[float]) -> None:
    machine, now_ns, last_ns = a_machine(), 0, -(60 * S)
    attempt = machine.start(0)
    for step in seconds:
        if attempt is not None:
            assert now_ns - last_ns >= 60 * S
            last_ns = now_ns
            machine.ended(attempt, now_ns, AccessDenied("no"))
        now_ns += round(step * S)
        attempt = machine.tick(now_ns)
