"""Feeds looked at side by side: one that hangs, fails or ends is its own trouble."""

import threading
from collections.abc import Iterator, Mapping
from functools import partial

import pytest
from tests.conftest import WaitFor
from tests.top.told import S, Told

from sightline.errors import ConfigError, Unreachable
from sightline.site.window import Look
from sightline.testing import ManualClock
from sightline.top import watching as module
from sightline.top.feed import Event, Feed, Target
from sightline.top.watching import LATE_S, Open, Watching

WAIT_S = 20.0
EVERY_S = 0.01


def told(name: str = "it") -> Told:
    return Told(*(Look(name=name, at_ns=n * S) for n in range(3)))


class Hanging(Told):
    """Answers nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(Look(name="late", at_ns=0))
        self.let_go = threading.Event()

    def look(self) -> Look:
        assert self.let_go.wait(WAIT_S)
        return super().look()


class Failing(Told):
    """Answers once in a while."""

    def look(self) -> Look:
        if self.told.pop(0).name:
            raise Unreachable("gone for a while: password=planted")
        return Look(name="back", at_ns=1)


@pytest.fixture
def hanging(no_leaks: None) -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.let_go.set()


def test_two_looks_are_kept(no_leaks: None, wait_for: WaitFor) -> None:
    feed = told()
    with Watching(lambda: {"a": lambda: feed}, every_s=EVERY_S) as watching:
        wait_for(lambda: watching.looks >= 2, WAIT_S, "two looks")
        account = watching.picture.seen["a"].account
        assert account is not None
        looks = account.looks
        assert looks.now.at_ns > looks.before.at_ns or looks.now.at_ns == 2 * S
        assert feed.closed == 0
    assert feed.closed == 1


def test_one_that_hangs_holds_up_nobody(hanging: Hanging, wait_for: WaitFor) -> None:
    feeds: dict[str, Open] = {"late": lambda: hanging, "well": told}
    with Watching(lambda: feeds, every_s=EVERY_S) as watching:
        wait_for(lambda: watching.picture.seen["well"].account is not None, WAIT_S, "the one that is well")
        assert watching.picture.seen["late"].account is None
        hanging.let_go.set()
        wait_for(lambda: watching.picture.seen["late"].account is not None, WAIT_S, "the late one")


def test_one_that_does_not_answer_is_opened_anew(no_leaks: None, wait_for: WaitFor) -> None:
    failing = Failing(Look(name="fails", at_ns=0), Look(name="fails", at_ns=0), Look(name="", at_ns=0))
    goes_on = threading.Event()
    seen: list[str] = []

    def opened() -> Feed:
        if seen:
            assert goes_on.wait(WAIT_S)
        seen.append("opened")
        return failing

    with Watching(lambda: {"a": opened}, every_s=EVERY_S) as watching:
        wait_for(lambda: watching.picture.seen["a"].fault, WAIT_S, "its fault")
        assert watching.picture.faults == ["a: gone for a while: password=***"]
        goes_on.set()
        wait_for(lambda: watching.picture.seen["a"].account, WAIT_S, "an answer")
        wait_for(lambda: len(seen) >= 3, WAIT_S, "it to be opened anew")


def test_what_begins_and_ends_meanwhile_comes_and_goes(no_leaks: None, wait_for: WaitFor) -> None:
    feeds: dict[str, Open] = {}
    with Watching(lambda: dict(feeds), every_s=EVERY_S) as watching:
        assert watching.picture.seen == {}
        assert watching.looks == 0
        feeds["a"] = told
        wait_for(lambda: "a" in watching.picture.seen, WAIT_S, "it to be found")
        del feeds["a"]
        wait_for(lambda: not watching.picture.seen, WAIT_S, "it to be gone")


def test_what_cannot_be_found_once_is_looked_for_again(no_leaks: None, wait_for: WaitFor) -> None:
    found: list[Mapping[str, Open] | OSError] = [{}, OSError("too many open files")]

    def find() -> Mapping[str, Open]:
        now = found.pop(0) if found else {"a": told}
        if isinstance(now, OSError):
            raise now
        return now

    with Watching(find, every_s=EVERY_S) as watching:
        wait_for(lambda: watching.picture.seen, WAIT_S, "what is there")


def test_events_go_by_a_connection_of_their_own(hanging: Hanging, wait_for: WaitFor) -> None:
    """The one that looks may be waiting."""
    sender = told()
    feeds: list[Told] = [hanging, sender]
    with Watching(lambda: {"a": lambda: feeds.pop(0)}, every_s=EVERY_S) as watching:
        wait_for(lambda: len(feeds) == 1, WAIT_S, "the first to be opened")
        assert watching.send("a", Target("p", "f"), Event("stop", {})) == "stop: done by flow f"
        assert sender.sent == [(Target("p", "f"), Event("stop", {}))]
        assert sender.closed == 1
        with pytest.raises(ConfigError, match="b is there no more"):
            watching.events("b", "p")
        hanging.let_go.set()


def test_one_that_takes_its_time_is_said_to(hanging: Hanging, wait_for: WaitFor) -> None:
    """Else what it told long ago would stand there as what is now; or nothing, as if nobody had asked."""
    clock = ManualClock()
    with Watching(lambda: {"a": lambda: hanging}, every_s=EVERY_S, clock=clock) as watching:
        wait_for(lambda: watching._watched["a"]._asked_ns is not None, WAIT_S, "it to be asked")
        clock.move(LATE_S - 1)
        assert watching.picture.faults == []
        clock.move(5)
        assert watching.picture.faults == [f"a: no answer for {LATE_S + 4} s"]
        assert not watching.is_settled
        hanging.let_go.set()
        wait_for(lambda: watching.picture.seen["a"].account, WAIT_S, "its answer")
        hanging.let_go.clear()
        wait_for(lambda: watching._watched["a"]._asked_ns is not None, WAIT_S, "it to be asked again")
        clock.move(60)
        assert "what is told is" in watching.picture.faults[0]
        hanging.let_go.set()
        wait_for(lambda: not watching.picture.faults, WAIT_S, "it to answer again")


def _itself(feed: Feed) -> Feed:
    return feed


def test_all_are_left_in_one_time(no_leaks: None, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor) -> None:
    several = {str(n): Hanging() for n in range(8)}
    waited: list[float] = []
    join = threading.Thread.join

    def timed(thread: threading.Thread, timeout: float | None = None) -> None:
        waited.append(timeout or 0.0)
        join(thread, timeout)

    monkeypatch.setattr(module, "_ENDS_S", 0.4)
    feeds: dict[str, Open] = {name: partial(_itself, one) for name, one in several.items()}
    with Watching(lambda: feeds) as watching:
        monkeypatch.setattr(threading.Thread, "join", timed)
        watching.close()
        assert sum(waited) < 8 * 0.4
        for one in several.values():
            one.let_go.set()
