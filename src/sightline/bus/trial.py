"""What a check of a bus works with: handles, deadlines, and words for what is expected."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeAlias, TypeVar

from sightline.bus.names import Topics
from sightline.bus.promise import Bus, Message, Subscription
from sightline.overflow import Capacity, Overflow

T = TypeVar("T")
MakeBus: TypeAlias = Callable[[], Bus]

_ROOMY: Final = Capacity(count=10_000)


class Trial:
    """What one check has: handles on the broker, topics of its own, and a deadline for each wait."""

    def __init__(self, make_bus: MakeBus, timeout_s: float, open_until: ExitStack) -> None:
        self._make_bus = make_bus
        self._open_until = open_until
        self._prefix = f"check.{secrets.token_hex(4)}"
        self.timeout_s = timeout_s

    def topic(self, name: str) -> str:
        return f"{self._prefix}.{name}"

    def bus(self) -> Bus:
        return self._open_until.enter_context(self._make_bus())

    def reader(
        self,
        bus: Bus,
        topics: Topics,
        capacity: Capacity = _ROOMY,
        overflow: Overflow = Overflow.DROP_OLDEST,
        **more: Callable[[Message], Any] | None,
    ) -> Subscription:
        reader = bus.subscribe(topics, capacity=capacity, overflow=overflow, **more)
        expect(reader.ready(self.timeout_s), True, f"a reader ready within {self.timeout_s} s")
        return reader

    def read(self, reader: Subscription, count: int) -> list[Message]:
        """The next `count` messages, and a failure where others or fewer come."""
        messages: list[Message] = []
        until = time.monotonic() + self.timeout_s
        while len(messages) < count and (left_s := until - time.monotonic()) > 0:
            messages += reader.poll(count - len(messages), left_s)
        expect(len(messages), count, f"messages within {self.timeout_s} s")
        return messages

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + self.timeout_s
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"expected {what} within {self.timeout_s} s")
            time.sleep(0.01)


def start(work: Callable[[], T]) -> Future[T]:
    """Does `work` in a thread of its own, which does not keep the process when it hangs."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the outcome is asked for
            outcome.set_exception(error)

    threading.Thread(target=run, name="check_bus", daemon=True).start()
    return outcome


def result(outcome: Future[T], timeout_s: float, what: str) -> T:
    if not wait((outcome,), timeout_s).done:
        raise AssertionError(f"{what}: expected an end within {timeout_s} s")
    return outcome.result()


def expect(got: object, expected: object, what: str) -> None:
    # Not `assert`: a suite that passes under `python -O` whatever happens is none.
    if got != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {got!r}")


@contextmanager
def expect_error(kind: type[Exception], what: str, naming: str = "") -> Iterator[None]:
    try:
        yield
    except kind as error:
        expect(naming in str(error), True, f"{what}: {str(naming)!r} named in {str(error)!r}")
        return
    except Exception as error:
        raise AssertionError(f"{what}: expected {kind.__name__}, got {error!r}") from error
    raise AssertionError(f"{what}: expected {kind.__name__}, got no error")


def publish_all(bus: Bus, topic: str, messages: Iterable[bytes]) -> None:
    for value in messages:
        bus.publish(topic, value)


def values(messages: Iterable[Message]) -> list[bytes]:
    return [message.value for message in messages]


def numbers(count: int, prefix: str = "") -> list[bytes]:
    return [f"{prefix}{number}".encode() for number in range(count)]
