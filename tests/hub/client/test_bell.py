"""Waiting for a change, in threads and in loops."""

import asyncio
import threading
import time
from collections.abc import Callable

from sightline.hub.client.bell import Bell

SOON_S = 10.0


def test_who_waits_is_woken_by_the_change_and_not_by_another() -> None:
    bell, states, woken = Bell(), [0], threading.Event()

    def change() -> None:
        woken.wait(SOON_S)
        for state in (1, 2):
            states[0] = state
            bell.ring()

    thread = threading.Thread(target=change)
    thread.start()

    def reached() -> bool:
        woken.set()
        return states[0] == 2

    assert bell.wait(reached, SOON_S)
    thread.join()


def test_a_change_between_looking_and_waiting_is_seen() -> None:
    def waiting_for(bell: Bell) -> Callable[[], bool]:
        looks = []

        def condition() -> bool:
            looks.append(1)
            bell.ring()  # nobody is entered yet at the first look
            return len(looks) > 1

        return condition

    begun = time.monotonic()
    bell = Bell()
    assert bell.wait(waiting_for(bell), SOON_S)
    assert asyncio.run(bell.wait_async(waiting_for(bell), SOON_S))
    assert time.monotonic() - begun < SOON_S / 2


def test_the_time_can_end() -> None:
    bell = Bell()
    begun = time.monotonic()
    assert bell.wait(lambda: "", 0.05) == ""
    assert asyncio.run(bell.wait_async(lambda: 0, 0.05)) == 0
    assert time.monotonic() - begun >= 0.1
    assert bell.wait(lambda: True, 0)
    assert not bell._waiting


def test_a_loop_is_woken_from_a_thread_and_from_itself() -> None:
    async def go() -> None:
        bell, states = Bell(), [0]
        waiting = [asyncio.create_task(bell.wait_async(lambda: states[0] >= 1, SOON_S)) for _ in range(3)]
        await asyncio.sleep(0)
        states[0] = 1
        await asyncio.to_thread(bell.ring)
        assert await asyncio.gather(*waiting) == [True] * 3
        later = asyncio.create_task(bell.wait_async(lambda: states[0] >= 2, SOON_S))
        await asyncio.sleep(0)
        states[0] = 2
        bell.ring()
        assert await later
        cancelled = asyncio.create_task(bell.wait_async(lambda: False, None))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert not bell._waiting

    asyncio.run(go())


def test_no_change_is_missed_however_they_meet() -> None:
    bell, states = Bell(), [0]

    def count_up() -> None:
        for state in range(1, 2001):
            states[0] = state
            bell.ring()

    thread = threading.Thread(target=count_up)
    thread.start()
    seen = 0
    while seen < 2000:
        before = seen
        seen = bell.wait(lambda: states[0] if states[0] > before else 0, SOON_S)  # noqa: B023
        assert seen
    thread.join()


def test_what_the_condition_gave_once_is_not_thrown_away() -> None:
    for before in range(3):  # another thread puts it there before a look, between two looks, or after them
        looks: list[list[str]] = [[], [], []]
        looks.insert(before, ["taken"])
        bell = Bell()

        async def wait(bell: Bell = bell, looks: list[list[str]] = looks) -> list[str]:
            asyncio.get_running_loop().call_later(0.01, bell.ring)
            return await bell.wait_async(lambda: looks.pop(0), 10.0)

        assert asyncio.run(wait()) == ["taken"]
