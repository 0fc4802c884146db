"""What a routine is doing, whatever it is told and whenever."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.clock import ns
from sightline.pipe.counts.reports import State
from sightline.pipe.flow.running import MOST_DELAY_S, Act, Running
from sightline.pipe.settings import Retry

TOLD = ["start", "start", "stop", "kill", "ended", "over", "over"]
STEPS: st.SearchStrategy[list[tuple[str, object]]] = st.lists(
    st.sampled_from([*((name, None) for name in TOLD), ("over", "it broke"), ("tick", 1), ("tick", 100)]),
    max_size=40,
)
often = settings(max_examples=500)


class Watched:
    """Carries out nothing, and looks at what it is asked to carry out."""

    def __init__(self, restart: Retry) -> None:
        self.running = Running(restart)
        self.now_ns = 0
        self.asked: list[Act] = []
        self.set_up = 0
        self.killed = False
        self.in_hand: Act | None = None
        """The setup or cleanup that was asked for and is not over."""

    def do(self, step: str, argument: object) -> None:
        before = self.running.state
        if (step == "over") is (self.in_hand is None):
            return
        self.killed |= step == "kill"
        if step == "over":
            step = "cleaned_up" if self.in_hand is Act.CLEANUP else "set_up"
        if step == "tick":
            assert isinstance(argument, int)
            self.now_ns += ns(argument)
        steps: dict[str, Callable[[], tuple[Act, ...]]] = {
            "start": self.running.start,
            "stop": self.running.stop,
            "kill": self.running.kill,
            "ended": self.running.ended,
            "set_up": lambda: self.running.set_up(argument, self.now_ns),  # type: ignore[arg-type]
            "cleaned_up": lambda: self.running.cleaned_up(argument),  # type: ignore[arg-type]
            "tick": lambda: self.running.tick(self.now_ns),
        }
        acts = steps[step]()
        if before is State.SETTING_UP and step == "set_up":
            self.set_up += argument is None
            self.in_hand = None
        if before is State.CLEANING_UP and step == "cleaned_up":
            self.in_hand = None
        self.look(before, acts)

    def look(self, before: State, acts: tuple[Act, ...]) -> None:
        for act in acts:
            if act in {Act.SETUP, Act.CLEANUP}:
                assert self.in_hand is None, "one thing at a time"
                self.in_hand = act
            if act is Act.SETUP:
                assert not self.set_up, "never set up twice"
                assert Act.OVER not in self.asked, "never again"
            if act is Act.CLEANUP:
                assert self.set_up == 1, "never cleaned up what was not set up, nor twice"
                self.set_up = 0
            if act is Act.END:
                assert Act.END not in self.asked
        self.asked += acts
        state = self.running.state
        assert (self.in_hand is Act.SETUP) == (state is State.SETTING_UP)
        assert (self.in_hand is Act.CLEANUP) == (state is State.CLEANING_UP)
        assert (self.set_up == 1) == (state is State.RUNNING)
        assert not (self.killed and state is State.RUNNING)
        if before in {State.DONE, State.KILLED}:
            assert state is before, "for good"
        if state is State.FAILED:
            assert self.running.reason
        assert self.running.due_ns is None or state is State.FAILED


@often
@given(steps=STEPS, restart=st.sampled_from(Retry))
def test_setup_and_cleanup_come_in_pairs_whatever_is_told(
    steps: list[tuple[str, object]], restart: Retry
) -> None:
    watched = Watched(restart)
    for step, argument in steps:
        watched.do(step, argument)


@often
@given(steps=STEPS, restart=st.sampled_from(Retry))
def test_from_anywhere_kill_ends_it(steps: list[tuple[str, object]], restart: Retry) -> None:
    watched = Watched(restart)
    for step, argument in [*steps, ("over", None), ("kill", None), ("over", None)]:
        watched.do(step, argument)
    assert watched.running.over
    assert watched.asked[-1] is Act.OVER


@often
@given(steps=STEPS, restart=st.sampled_from(Retry))
def test_from_anywhere_stop_and_start_run_it_again_unless_it_is_over(
    steps: list[tuple[str, object]], restart: Retry
) -> None:
    watched = Watched(restart)
    for step, argument in [*steps, ("over", None), ("stop", None), ("over", None)]:
        watched.do(step, argument)
    if watched.running.over:
        return
    states = [watched.running.state]
    for step in ("start", "over"):
        watched.do(step, None)
        states.append(watched.running.state)
    assert states == [State.STOPPED, State.SETTING_UP, State.RUNNING]


def _told(running: Running, *steps: str) -> list[Act]:
    known: dict[str, Callable[[], tuple[Act, ...]]] = {
        "start": running.start,
        "stop": running.stop,
        "kill": running.kill,
        "ended": running.ended,
        "set up": lambda: running.set_up(None, 0),
        "setup broke": lambda: running.set_up("setup: it broke", 0),
        "cleaned up": lambda: running.cleaned_up(None),
        "cleanup broke": lambda: running.cleaned_up("cleanup: it broke"),
    }
    return [act for step in steps for act in known[step]()]


def test_a_whole_life() -> None:
    running = Running()
    assert _told(running, "start", "set up", "stop", "cleaned up") == [Act.SETUP, Act.CLEANUP]
    assert running.status == (State.STOPPED, "")
    assert _told(running, "start", "set up", "ended", "cleaned up") == [Act.SETUP, Act.END, Act.CLEANUP]
    assert running.status == (State.DONE, "")
    assert _told(running, "start") == []


def test_a_failed_setup_needs_stop_and_start() -> None:
    running = Running()
    assert _told(running, "start", "setup broke", "start") == [Act.SETUP]
    assert running.status == (State.FAILED, "setup: it broke")
    assert _told(running, "stop", "start") == [Act.SETUP]
    assert running.status == (State.SETTING_UP, "")


def test_a_failed_cleanup_needs_stop_and_start() -> None:
    running = Running()
    _told(running, "start", "set up", "stop", "cleanup broke", "start")
    assert running.status == (State.FAILED, "cleanup: it broke")
    assert _told(running, "stop", "start") == [Act.SETUP]


def test_what_is_done_is_done_though_its_cleanup_failed() -> None:
    running = Running()
    _told(running, "start", "set up", "ended", "cleanup broke")
    assert running.status == (State.DONE, "cleanup: it broke")


def test_a_failed_setup_is_tried_again_later_and_later() -> None:
    running = Running(Retry.ON_FAILURE)
    now_ns = 0
    running.start()
    delays = []
    for _ in range(8):
        running.set_up("it broke", now_ns)
        assert running.due_ns is not None
        assert running.tick(running.due_ns - 1) == ()
        delays.append((running.due_ns - now_ns) / ns(1))
        now_ns = running.due_ns
        assert running.tick(now_ns) == (Act.SETUP,)
    assert delays == [1, 2, 4, 8, 16, 32, MOST_DELAY_S, MOST_DELAY_S]
    running.set_up(None, now_ns)
    _told(running, "stop", "cleaned up", "start")
    running.set_up("it broke", now_ns)
    assert running.due_ns == now_ns + ns(1)
