"""What a stand-in is told to do wrong, and what it does when: pure."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.deepstream.standin.faults import Fault, Wrong, parse_faults
from sightline.deepstream.standin.life import FPS, HEADER_EVERY, Eat, End, Life, Say, Send, Sudden
from sightline.errors import ConfigError


def life(*faults: Fault, cameras: tuple[str, ...] = ("gate", "yard"), perf_s: float | None = 5.0) -> Life:
    return Life(cameras, perf_s=perf_s, message_s=None, faults=faults, began_s=100.0, runs_s=100.0)


def lines(life: Life, now_s: float) -> list[str]:
    return [act.line for act in life.look(now_s) if isinstance(act, Say)]


def test_faults_are_read_as_they_are_written() -> None:
    assert parse_faults("crash at 5s; lose gate from 500ms to 1min;; slow 10s ; eat 64 at 1s") == (
        Fault(Wrong.CRASH, 5.0),
        Fault(Wrong.LOSE, 0.5, 60.0, camera="gate"),
        Fault(Wrong.SLOW, value=10.0),
        Fault(Wrong.EAT, 1.0, value=64.0),
    )
    assert parse_faults("") == ()
    assert parse_faults("deaf; unready from 3s") == (Fault(Wrong.DEAF), Fault(Wrong.UNREADY, 3.0))


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (
            "crahs at 5s",
            r"fault 'crahs at 5s': expected one of refuse, .*got 'crahs' \(did you mean crash\?\)",
        ),
        ("crash", "expected 'at' and a time behind 'crash', got nothing"),
        ("crash at 5", "expected a time such as 500ms, 5s or 1min, got '5'"),
        ("crash from 1s to 2s", "expected 'at T', got 'from 1s to 2s'"),
        ("exit 256 at 1s", "expected an exit code from 0 to 255, got '256'"),
        ("exit ² at 1s", "expected an exit code"),
        ("eat", "expected MiB behind 'eat', got nothing"),
        ("lose gate from 5s to 5s", "expected an end after 5s, got 5s"),
        ("refuse at 5s", "expected the end, got 'at 5s'"),
        ("slow 5s at 3s", "expected the end"),
    ],
)
def test_a_wrong_word_is_told_with_what_was_expected(written: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_faults(f"deaf; {written}")


@given(st.text(max_size=60))
def test_nothing_else_comes_of_any_text(text: str) -> None:
    with suppress(ConfigError):
        parse_faults(text)


def test_a_line_of_rates_comes_each_five_seconds_with_a_header_each_twenty_lines() -> None:
    living = life()
    assert lines(living, 104.9) == []
    assert lines(living, 105.0) == [
        "",
        "**PERF:  FPS 0 (Avg)\tFPS 1 (Avg)\t",
        "**PERF:  30.00 (30.00)\t30.00 (30.00)\t",
    ]
    for number in range(1, HEADER_EVERY):
        assert len(lines(living, 105.0 + 5 * number)) == 1
    assert len(lines(living, 105.0 + 5 * HEADER_EVERY)) == 3


def test_lines_that_were_slept_through_come_once() -> None:
    living = life()
    assert len(lines(living, 131.0)) == 3
    assert lines(living, 134.9) == []
    assert len(lines(living, 135.0)) == 1


def test_without_measurement_nothing_is_said_and_nothing_waited_for() -> None:
    living = life(perf_s=None)
    assert list(living.look(1e6)) == []
    assert living.wait_s(101.0) == math.inf


def test_a_camera_is_lost_for_as_long_as_it_was_told() -> None:
    living = life(Fault(Wrong.LOSE, 4.0, 8.0, camera="yard"))
    assert lines(living, 105.0)[-1] == "**PERF:  30.00 (30.00)\t0.00 (30.00)\t"
    assert lines(living, 110.0)[-1] == "**PERF:  30.00 (30.00)\t30.00 (30.00)\t"


def test_messages_come_of_the_cameras_that_are_there() -> None:
    living = Life(["a", "b"], perf_s=None, message_s=1.0, faults=[], began_s=0.0, runs_s=0.0)
    assert living.add("c")
    assert not living.add("c")
    assert living.remove("a")
    assert not living.remove("a")
    assert list(living.look(2.0)) == [Send((("b", 2 * round(FPS)), ("c", 2 * round(FPS))))]


def test_muted_it_says_and_sends_nothing() -> None:
    living = Life(["a"], perf_s=1.0, message_s=1.0, faults=[Fault(Wrong.MUTE)], began_s=0.0, runs_s=0.0)
    assert list(living.look(5.0)) == []


@pytest.mark.parametrize(
    ("fault", "act"),
    [
        (Fault(Wrong.EXIT, 3.0, value=7), End(7)),
        (Fault(Wrong.ERROR, 3.0), End(255, "ERROR from element standin: told to fail")),
        (Fault(Wrong.CRASH, 3.0), Sudden.CRASH),
        (Fault(Wrong.HANG, 3.0), Sudden.HANG),
        (Fault(Wrong.EAT, 3.0, value=64), Eat(64)),
    ],
)
def test_what_happens_once_happens_once_at_its_time(fault: Fault, act: object) -> None:
    living = life(fault, perf_s=None)
    assert living.wait_s(101.0) == 2.0
    assert list(living.look(102.9)) == []
    assert list(living.look(103.0)) == [act]
    assert list(living.look(104.0)) == []


def test_what_is_told_later_counts_from_then_and_replaces_what_was_told() -> None:
    living = life(Fault(Wrong.EXIT, 30.0, value=1), Fault(Wrong.DEAF), perf_s=None)
    assert living.deaf(110.0)
    living.tell(parse_faults("exit 2 at 5s; unready from 1s to 2s"), 120.0)
    assert not living.deaf(120.0)
    assert living.ready(120.5)
    assert not living.ready(121.5)
    assert living.ready(122.0)
    assert list(living.look(131.0)) == [End(2)]


@given(st.lists(st.floats(0.0, 7.0), max_size=40), st.floats(0.1, 9.0))
def test_no_pauses_bring_more_lines_than_their_time_has(pauses: list[float], every_s: float) -> None:
    living = Life(["a"], perf_s=every_s, message_s=None, faults=[], began_s=0.0, runs_s=0.0)
    now_s, told = 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        told += sum(line.startswith("**PERF:  30") for line in lines(living, now_s))
        assert 0.0 <= living.wait_s(now_s) <= every_s * (1 + 1e-9)
    assert told <= now_s / every_s + 1e-6
