"""Calls and items for one thread."""

import threading
from concurrent.futures import Future
from typing import Any

import pytest
from tests.conftest import WaitFor

from sightline.errors import BufferFull, CallTimedOut, Closed, ConfigError
from sightline.fleet.coordinator import inbox as module
from sightline.fleet.coordinator.inbox import Call, Inbox


def asked(inbox: Inbox[int], act: Any) -> tuple[threading.Thread, list[Any]]:
    """Asks in another thread; what it was answered, or what was raised."""
    got: list[Any] = []

    def ask() -> None:
        try:
            got.append(inbox.ask(act, 10))
        except Exception as error:  # noqa: BLE001
            got.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread, got


def carry_out_one(inbox: Inbox[int]) -> None:
    calls, _ = inbox.take(10, 0)
    for call in calls:
        call.carry_out()


def test_a_call_is_answered_by_the_thread_that_takes() -> None:
    inbox = Inbox[int]()
    thread, got = asked(inbox, threading.get_ident)
    carry_out_one(inbox)
    thread.join()
    assert got == [threading.get_ident()]


def test_what_a_call_raises_is_its_askers() -> None:
    def fail() -> None:
        raise ConfigError("no such camera")

    inbox = Inbox[int]()
    thread, got = asked(inbox, fail)
    carry_out_one(inbox)
    thread.join()
    assert isinstance(got[0], ConfigError)


def test_who_waited_too_long_is_told_and_the_call_is_not_done_later() -> None:
    inbox, done = Inbox[int](), list[int]()
    with pytest.raises(CallTimedOut):
        inbox.ask(lambda: done.append(1), 0.01)
    carry_out_one(inbox)
    assert done == []


def test_what_must_be_done_is_done_however_late() -> None:
    inbox, done = Inbox[int](), list[int]()
    with pytest.raises(CallTimedOut):
        inbox.ask(lambda: done.append(1), 0.01, must=True)
    carry_out_one(inbox)
    assert done == [1]


def test_more_calls_than_it_takes_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CALLS", 1)
    inbox = Inbox[int]()
    inbox._calls.append(Call(int, Future()))
    with pytest.raises(BufferFull):
        inbox.ask(int, 10)


def test_items_come_in_order_and_no_more_than_asked_for() -> None:
    inbox = Inbox[int]()
    assert inbox.put([1, 2, 3])
    assert inbox.take(0, 2) == ([], [1, 2])
    assert inbox.take(0, 2) == ([], [3])
    assert inbox.take(0, 2) == ([], [])


def test_who_puts_waits_for_room(monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 1)
    inbox, put = Inbox[int](), list[bool]()
    inbox.put([1])
    thread = threading.Thread(target=lambda: put.append(inbox.put([2])))
    thread.start()
    assert inbox.take(0, 9) == ([], [1])
    wait_for(lambda: put, 10, "the second one is in")
    thread.join()
    assert inbox.take(0, 9) == ([], [2])


def test_the_end_is_told_to_all_who_wait(monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor) -> None:
    monkeypatch.setattr(module, "MOST_ITEMS", 1)
    inbox, put = Inbox[int](), list[bool]()
    inbox.put([1])
    putting = threading.Thread(target=lambda: put.append(inbox.put([2])))
    putting.start()
    asking, got = asked(inbox, int)
    wait_for(lambda: inbox._calls, 10, "it was asked")
    inbox.close()
    putting.join()
    asking.join()
    assert put == [False]
    assert isinstance(got[0], Closed)
    with pytest.raises(Closed):
        inbox.ask(int, 10)
