"""The machine of one child: every order of events, and the rules one by one."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sightline.clock import ns
from sightline.errors import ConfigError
from sightline.supervise.policy import Restart, Watch, When
from sightline.supervise.watched import DUMP_NS, Act, State, Told, Watched

SECOND = ns(1)
READY, HUNG, STOP = 30 * SECOND, 20 * SECOND, 5 * SECOND
WATCH = Watch(ready_s=30, hung_s=20, stop_s=5)


def taken(child: Watched) -> list[Act]:
    acts = [act for act in child.acts if isinstance(act, Act)]
    child.acts.clear()
    return acts


def running(restart: Restart | None = None, watch: Watch = WATCH) -> Watched:
    child = Watched(restart or Restart(), watch)
    child.start(0)
    child.spawned(0)
    child.ready(0)
    child.acts.clear()
    return child


class AnyOrder(RuleBasedStateMachine):
    """A child with a process that does what it likes; its supervisor ticks as late as it likes."""

    @initialize(
        when=st.sampled_from(When),
        delay_s=st.floats(0, 3),
        most_ends=st.integers(1, 4),
        ready_s=st.none() | st.floats(0.1, 5),
        hung_s=st.none() | st.floats(0.1, 5),
    )
    def begin(
        self, when: When, delay_s: float, most_ends: int, ready_s: float | None, hung_s: float | None
    ) -> None:
        restart = Restart(when=when, delay_s=delay_s, most_delay_s=4, most_ends=most_ends, within_s=10)
        self.child = Watched(restart, Watch(ready_s=ready_s, hung_s=hung_s, stop_s=2))
        self.now_ns = 0
        self.alive = self.killed = False
        self.wanted = False
        self.kill_by_ns: int | None = None
        self.left_alone = False

    def do(self) -> None:
        while self.child.acts:
            act = self.child.acts.pop(0)
            if act is Act.SPAWN:
                assert not self.alive, "two processes of one child"
                assert self.wanted
                self.alive, self.killed = True, False
                self.child.spawned(self.now_ns)
            elif isinstance(act, Act):
                assert self.alive, f"{act} of nobody"
                assert not self.killed, f"{act} behind the kill"
                self.killed = act is Act.KILL

    @rule()
    def start(self) -> None:
        self.wanted, self.left_alone, self.kill_by_ns = True, False, None
        self.child.start(self.now_ns)
        self.do()

    @rule(within_ns=st.none() | st.integers(-SECOND, 3 * SECOND))
    def stop(self, within_ns: int | None) -> None:
        self.wanted = self.left_alone = False
        by_ns = self.now_ns + (2 * SECOND if within_ns is None else max(0, within_ns))
        self.kill_by_ns = by_ns if self.kill_by_ns is None else min(by_ns, self.kill_by_ns)
        self.child.stop(self.now_ns, None if within_ns is None else self.now_ns + within_ns)
        self.do()

    @rule(later_ns=st.integers(0, 8 * SECOND))
    def time_passes(self, later_ns: int) -> None:
        self.now_ns += later_ns
        self.child.tick(self.now_ns)
        self.do()

    @precondition(lambda self: self.child.due_ns is not None)
    @rule()
    def the_next_is_due(self) -> None:
        self.time_passes((self.child.due_ns or 0) - self.now_ns)

    @precondition(lambda self: self.alive)
    @rule()
    def ready(self) -> None:
        self.child.ready(self.now_ns)

    @rule(before_ns=st.integers(0, 6 * SECOND), lane=st.sampled_from(["", "detect"]))
    def progress(self, before_ns: int, lane: str) -> None:
        self.child.progress(self.now_ns - before_ns, lane)
        self.child.tick(self.now_ns)
        self.do()

    @rule()
    def held_up(self) -> None:
        self.child.excuse(self.now_ns)
        assert self.child.state is not State.STARTING or (self.child.due_ns or 0) >= self.now_ns

    @precondition(lambda self: self.alive)
    @rule(failed=st.booleans())
    def exit(self, failed: bool) -> None:
        self.alive = self.killed = False
        self.child.exited(self.now_ns, "exit code", failed=failed)
        self.left_alone = self.child.state is State.QUARANTINED
        self.do()
        self.child.tick(self.now_ns)
        self.do()

    @invariant()
    def what_it_says_holds(self) -> None:
        if not hasattr(self, "child"):
            return
        state, due_ns = self.child.state, self.child.due_ns
        assert self.alive == (state in {State.STARTING, State.RUNNING, State.STOPPING})
        assert self.left_alone == (state is State.QUARANTINED)
        assert self.wanted or state not in {State.STARTING, State.RUNNING, State.WAITING}
        if state is State.WAITING or (state is State.STOPPING and not self.killed):
            assert due_ns is not None, "nothing would ever happen"
        if self.alive and not self.wanted and self.kill_by_ns is not None and not self.killed:
            assert self.now_ns < self.kill_by_ns, "it outlives its deadline"

    def teardown(self) -> None:
        """However it was: once it is to end it does, by its deadline, and for good."""
        if not hasattr(self, "child"):
            return
        self.stop(None)
        self.time_passes(2 * SECOND)
        assert not self.alive or self.killed
        if self.alive:
            self.exit(failed=True)
        assert self.child.state is State.ENDED
        assert self.child.due_ns is None
        self.time_passes(100 * SECOND)
        assert not self.alive


TestAnyOrder = AnyOrder.TestCase


def test_a_child_that_was_not_begun_is_left_alone() -> None:
    child = Watched(Restart(), WATCH)
    child.tick(SECOND)
    child.stop(SECOND)
    assert (child.state, child.reason, child.acts) == (State.ENDED, "not begun yet", [])


def test_what_happens_is_told_with_its_reason() -> None:
    child = Watched(Restart(), WATCH)
    child.start(0)
    child.spawned(0)
    child.ready(1, "listening at 4820")
    child.exited(2, "exit code 3")
    assert child.acts == [
        Told(State.STARTING, ""),
        Act.SPAWN,
        Told(State.RUNNING, "listening at 4820"),
        Told(State.WAITING, "exit code 3"),
    ]


def test_one_that_is_hung_is_dumped_asked_and_killed() -> None:
    child = running()
    child.progress(3 * SECOND, "detect")
    child.tick(3 * SECOND + HUNG - 1)
    assert not child.acts
    child.tick(3 * SECOND + HUNG)
    assert (child.state, child.reason) == (State.STOPPING, "made no progress of detect for 20 s")
    assert taken(child) == [Act.DUMP]
    child.tick(asked := 3 * SECOND + HUNG + DUMP_NS)
    assert taken(child) == [Act.TERMINATE]
    child.tick(asked + STOP)
    assert taken(child) == [Act.KILL]
    child.exited(asked + STOP, "killed by SIGKILL")
    assert child.acts == [Told(State.WAITING, "made no progress of detect for 20 s; killed by SIGKILL")]


def test_one_that_is_never_ready_is_given_up() -> None:
    child = Watched(Restart(), WATCH)
    child.start(0)
    child.spawned(SECOND)
    child.progress(29 * SECOND)  # it does something, but not what is expected
    child.tick(SECOND + READY)
    assert (child.state, child.reason) == (State.STOPPING, "was not ready within 30 s")


def test_without_limits_it_is_ready_at_once_and_never_hung() -> None:
    child = Watched(Restart(), Watch(ready_s=None, hung_s=None))
    child.start(0)
    child.spawned(0)
    child.tick(10**9 * SECOND)
    assert (child.state, child.due_ns) == (State.RUNNING, None)


def test_it_is_asked_first_then_dumped_and_killed_by_the_deadline() -> None:
    child = running()
    child.stop(SECOND, 3 * SECOND)
    assert taken(child) == [Act.TERMINATE]
    child.tick(3 * SECOND - DUMP_NS)
    assert taken(child) == [Act.DUMP]
    child.tick(3 * SECOND)
    assert taken(child) == [Act.KILL]


def test_a_later_deadline_does_not_put_the_first_one_off() -> None:
    child = running()
    child.stop(0, 2 * SECOND)
    child.stop(SECOND, 9 * SECOND)
    child.tick(2 * SECOND)
    assert taken(child)[-1] is Act.KILL


def test_one_that_is_taken_for_hung_is_killed_sooner_when_it_is_to_end() -> None:
    child = running()
    child.tick(HUNG)
    child.stop(HUNG, HUNG)
    assert taken(child) == [Act.DUMP, Act.TERMINATE, Act.KILL]
    child.exited(HUNG, "killed by SIGKILL")
    assert child.state is State.ENDED


def test_one_that_is_wanted_again_while_it_ends_is_begun_behind_that() -> None:
    child = running()
    child.stop(0)
    child.start(1)
    assert Act.SPAWN not in taken(child)
    child.acts.clear()
    child.exited(2, "exit code 0", failed=False)
    # That there is no process in between is told too.
    assert child.acts == [Told(State.WAITING, "exit code 0"), Told(State.STARTING, ""), Act.SPAWN]
    assert child.ends == 0


def test_one_that_is_wanted_again_while_it_is_hung_and_ends_is_begun_without_delay() -> None:
    child = running()
    child.tick(HUNG)
    child.stop(HUNG)
    child.start(HUNG)
    child.acts.clear()
    child.exited(HUNG, "killed by SIGKILL")
    assert taken(child) == [Act.SPAWN]
    assert child.ends == 0


@pytest.mark.parametrize(
    ("when", "failed", "state"),
    [
        (When.ALWAYS, False, State.WAITING),
        (When.FAILURE, False, State.ENDED),
        (When.FAILURE, True, State.WAITING),
        (When.NEVER, True, State.ENDED),
    ],
)
def test_whether_it_is_begun_again(when: When, failed: bool, state: State) -> None:
    child = running(Restart(when=when))
    child.exited(1, "exit code", failed=failed)
    assert (child.state, child.reason) == (state, "exit code")


def test_one_that_had_to_be_ended_has_failed_whatever_it_says() -> None:
    child = running(Restart(when=When.FAILURE))
    child.tick(HUNG)
    child.exited(HUNG, "exit code 0", failed=False)
    assert child.state is State.WAITING


@given(st.floats(0.01, 5), st.floats(5, 100), st.integers(1, 200))
def test_delays_grow_to_their_bound(delay_s: float, most_delay_s: float, ends: int) -> None:
    restart = Restart(delay_s=delay_s, most_delay_s=most_delay_s)
    delays = [restart.delay_ns(number) for number in range(1, ends + 1)]
    assert delays[0] == ns(delay_s)
    for shorter, longer in pairwise(delays):
        assert longer == pytest.approx(min(2 * shorter, ns(most_delay_s)), abs=2)


def test_delays_are_forgotten_after_a_while_of_running() -> None:
    child = running(Restart(delay_s=1, settled_s=10, most_ends=100))
    now_ns, delays = 0, []
    for ran_s in (0, 0, 9, 10, 0):
        now_ns += ran_s * SECOND
        child.exited(now_ns, "exit code 1")
        assert child.due_ns is not None
        delays.append((child.due_ns - now_ns) / SECOND)
        now_ns = child.due_ns
        child.tick(now_ns)
        child.spawned(now_ns)
        child.ready(now_ns)
    assert delays == [1, 2, 4, 1, 2]


def test_quarantine_is_until_told() -> None:
    child = running(Restart(delay_s=0, most_ends=3, within_s=60))
    for now_ns in (10 * SECOND, 20 * SECOND, 30 * SECOND):
        child.exited(now_ns, "killed by SIGSEGV")
        child.tick(now_ns)
        child.spawned(now_ns)
    assert child.state is State.QUARANTINED
    assert child.reason == "ended 3 times within 60 s, the last time: killed by SIGSEGV"
    child.tick(10**6 * SECOND)
    child.acts.clear()
    child.start(10**6 * SECOND)
    assert taken(child) == [Act.SPAWN]


def test_ends_that_are_long_past_are_no_reason_for_quarantine() -> None:
    child = running(Restart(delay_s=0, most_ends=2, within_s=60))
    for now_ns in (10 * SECOND, 71 * SECOND, 132 * SECOND):
        child.exited(now_ns, "exit code 1")
        child.tick(now_ns)
        child.spawned(now_ns)
        child.ready(now_ns)
    assert child.state is State.RUNNING


@pytest.mark.parametrize("lives_s", [0, 5, 9])
def test_one_that_never_settles_comes_to_quarantine_however_long_its_delays_are(lives_s: int) -> None:
    child = running(Restart(delay_s=0.3, most_delay_s=30, settled_s=10, most_ends=8, within_s=60))
    now_ns = 0
    for _ in range(8):
        assert child.state is State.RUNNING
        now_ns += lives_s * SECOND
        child.exited(now_ns, "exit code 1")
        now_ns = child.due_ns or now_ns
        child.tick(now_ns)
        child.spawned(now_ns)
        child.ready(now_ns)
    assert child.state is State.QUARANTINED
    how = "within 60 s" if lives_s == 0 else "in a row"
    assert child.reason == f"ended 8 times {how}, the last time: exit code 1"


def test_nobody_is_blamed_for_time_in_which_nobody_looked() -> None:
    child = running()
    child.excuse(100 * SECOND)
    child.progress(SECOND)  # the last there was: before all stood still
    child.tick(100 * SECOND)
    assert child.state is State.RUNNING
    assert child.due_ns == 100 * SECOND + HUNG


@pytest.mark.parametrize(
    "settings", [{"delay_s": -1}, {"delay_s": 61}, {"most_ends": 0}, {"within_s": float("inf")}]
)
def test_restarts_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Restart(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"ready_s": 0}, {"hung_s": -1}, {"stop_s": float("nan")}])
def test_watches_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        Watch(**settings)
