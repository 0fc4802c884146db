"""Small parts of the hub's machine: globs, timers, proofs."""

import re

from hypothesis import given
from hypothesis import strategies as st

from sightline.hub.broker.names import Glob
from sightline.hub.broker.proofs import is_proven, proof
from sightline.hub.broker.timers import Timers
from sightline.hub.settings import digest

TEXT = st.text(alphabet="ab.*+[", max_size=8)


@given(glob=TEXT, name=TEXT)
def test_a_star_is_any_run_of_characters_and_nothing_else_is_special(glob: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, glob.split("*"))), name) is not None
    assert Glob(glob).matches(name) == expected


def test_a_hostile_glob_takes_no_longer_than_its_length() -> None:
    assert not Glob("*a" * 20_000 + "b").matches("a" * 40_000)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans())))
def test_timers_run_in_order_once_and_not_when_cancelled(wanted: list[tuple[int, bool]]) -> None:
    timers = Timers()
    done: list[tuple[int, int]] = []
    set_ = [
        timers.at(due, lambda now, due=due, at=at: done.append((due, at)))  # type: ignore[misc]
        for at, (due, _) in enumerate(wanted)
    ]
    for timer, (_, cancelled) in zip(set_, wanted, strict=True):
        if cancelled:
            timer.cancel()
    for now in range(21):
        before = len(done)
        next_ns = timers.run(now)
        assert all(due == now for due, _ in done[before:])
        assert next_ns is None or next_ns > now
    assert done == sorted((due, at) for at, (due, cancelled) in enumerate(wanted) if not cancelled)
    assert timers.run(21) is None


def test_a_timer_may_set_another_one() -> None:
    timers, seen = Timers(), list[int]()

    def again(now_ns: int) -> None:
        seen.append(now_ns)
        if now_ns < 3:
            timers.at(now_ns + 1, again)

    timers.at(0, again)
    for now_ns in range(6):
        timers.run(now_ns)
    assert seen == [0, 1, 2, 3]


def test_cancelled_timers_of_far_times_do_not_pile_up() -> None:
    timers = Timers()
    live = [timers.at(10**18, lambda _now_ns: None) for _ in range(10)]
    for _ in range(20_000):
        timers.at(10**18, lambda _now_ns: None).cancel()
    assert len(timers) < 2000
    assert sum(timer.action is not None for timer in live) == 10
    assert timers.run(0) == 10**18


def test_a_proof_is_of_one_secret_and_one_text() -> None:
    shown = proof(digest("secret"), b"nonce", b"name")
    assert is_proven(shown, digest("secret"), b"nonce", b"name")
    assert not is_proven(shown, digest("secreT"), b"nonce", b"name")
    assert not is_proven(shown, digest("secret"), b"nonce", b"namE")
    assert not is_proven(None, digest("secret"), b"nonce", b"name")
