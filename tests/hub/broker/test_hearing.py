"""Readers are answered when those who write have heard of them."""

from sightline.clock import NS_PER_S
from sightline.hub.broker.connection import Connection
from sightline.hub.broker.hearing import HEAR_NS, Hearing
from sightline.hub.broker.timers import Timers


def connections(count: int) -> list[Connection]:
    return [Connection(f"client {number}", b"", {}, 0) for number in range(count)]


def test_it_is_done_when_the_last_one_has_answered() -> None:
    first, second = connections(2)
    done: list[None] = []
    for each in (first, second, second):
        each.ping(0)
    Hearing([first, second], Timers(), 0, lambda: done.append(None))
    first.ponged(0, 5)
    second.ponged(0, 5)
    assert not done  # of the second it was the answer to an earlier ping
    second.ponged(0, 6)
    first.ponged(0, 7)
    assert done == [None]
    assert (first.ping_ns, second.ping_ns) == (7, 6)


def test_one_that_is_gone_is_not_waited_for() -> None:
    first, second = connections(2)
    done: list[None] = []
    for each in (first, second):
        each.ping(0)
    timers = Timers()
    Hearing([first, second], timers, 0, lambda: done.append(None))
    first.ponged(0, 0)
    second.forget_hearings()
    second.forget_hearings()
    timers.run(2 * HEAR_NS)
    assert done == [None]


def test_one_that_does_not_listen_holds_up_nobody_for_long() -> None:
    (deaf,) = connections(1)
    done: list[None] = []
    deaf.ping(0)
    timers = Timers()
    Hearing([deaf], timers, NS_PER_S, lambda: done.append(None))
    timers.run(NS_PER_S + HEAR_NS - 1)
    assert not done
    timers.run(NS_PER_S + HEAR_NS)
    deaf.ponged(0, 0)
    assert done == [None]
