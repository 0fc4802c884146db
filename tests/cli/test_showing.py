"""Being asked to stop by a signal."""

import os
import signal
from collections.abc import Iterator

import pytest

from sightline.cli.showing import stopped_by_signals


class Runs:
    def __init__(self) -> None:
        self.asked = 0

    def wait(self, timeout_s: float | None = None) -> bool:
        return True

    def request_stop(self) -> None:
        self.asked += 1


@pytest.fixture(autouse=True)
def _same_as_before() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_is_asked_to_stop_and_a_second_one_does_what_it_did_before(number: signal.Signals) -> None:
    """A terminal that is closed sends SIGHUP."""
    told: list[int] = []
    signal.signal(number, lambda number, _frame: told.append(number))
    running = Runs()
    with stopped_by_signals(running):
        os.kill(os.getpid(), number)
        assert (running.asked, told) == (1, [])
        os.kill(os.getpid(), number)
        assert (running.asked, told) == (1, [number])


def test_what_was_ignored_stays_so() -> None:
    """As `nohup` has it: it goes on without its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    running = Runs()
    with stopped_by_signals(running):
        os.kill(os.getpid(), signal.SIGHUP)
    assert running.asked == 0
