"""Rung awake or asleep, a bell is heard."""

import threading
import time

from tests.pipe.flowyard import SECONDS

from sightline.pipe.flow.bell import Bell


def _slept_s(bell: Bell, timeout_s: float) -> float:
    begun_s = time.monotonic()
    bell.wait(timeout_s)
    return time.monotonic() - begun_s


def test_what_was_rung_while_awake_is_heard_before_sleep() -> None:
    bell = Bell()
    bell.clear()
    bell.ring()
    bell.ring()
    assert _slept_s(bell, SECONDS) < SECONDS / 2


def test_what_was_cleared_is_not_heard() -> None:
    bell = Bell()
    bell.ring()
    bell.clear()
    assert _slept_s(bell, 0.05) >= 0.04


def test_a_sleeper_is_woken_from_any_thread_as_often_as_it_is_rung(no_leaks: None) -> None:
    bell, asked, answered = Bell(), [0], [0]

    def answer() -> None:
        while answered[0] < 2000:
            bell.clear()
            if answered[0] < asked[0]:
                answered[0] += 1
            else:
                bell.wait(SECONDS)

    thread = threading.Thread(target=answer)
    thread.start()
    for number in range(2000):
        asked[0] += 1
        bell.ring()
        deadline_s = time.monotonic() + SECONDS / 2
        while answered[0] <= number and time.monotonic() < deadline_s:
            time.sleep(0)
        assert answered[0] > number, "it slept through a ring"
    thread.join(SECONDS)
