"""Routines that tests run in real flows. What they do they write to the log, which comes out in the test."""

import os
import signal
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.pipe.handlers import events
from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
from sightline.pipe.routine import Routine


class Counter(SourceRoutine):
    """Gives 0, 1, 2, ...; up to `most`, if that is not None; one every `every_s` seconds."""

    def __init__(self, name: str, most: int | None = None, every_s: float = 0.01) -> None:
        super().__init__(name)
        self.most = most
        self.every_s = every_s
        self.number = 0

    def main_logic(self) -> int:
        if self.most is not None and self.number >= self.most:
            raise StopIteration
        time.sleep(self.every_s)
        self.number += 1
        return self.number - 1

    @events("let go")
    def let_go(self, other: str) -> None:
        self.unlink(other)


class Double(MiddleRoutine):
    def main_logic(self, data: int) -> int:
        return 2 * data


class Collect(DestinationRoutine):
    """Keeps what came, and what was called."""

    def setup(self) -> None:
        self.got: list[Any] = []
        self.numbers: list[int] = []
        self.logger.info("setup")

    def main_logic(self, data: Any) -> None:
        self.got.append(data)

    def cleanup(self) -> None:
        self.logger.info("cleanup after %s", self.got)

    @events("number")
    def note(self, number: int) -> None:
        self.numbers.append(number)

    @events("tell")
    def tell(self) -> None:
        self.logger.info("numbers %s", self.numbers)

    @events("tell got")
    def tell_got(self) -> None:
        self.logger.info("got %s", self.got)


class Frames(SourceRoutine):
    """Gives `most` pictures, each filled with its number."""

    SHAPE = (480, 640, 3)

    def __init__(self, name: str, most: int) -> None:
        super().__init__(name)
        self.numbers = list(reversed(range(most)))

    def main_logic(self) -> NDArray[np.uint8]:
        if not self.numbers:
            raise StopIteration
        return np.full(self.SHAPE, self.numbers.pop(), np.uint8)


class Sums(DestinationRoutine):
    """Tells the sums of all pictures at its end."""

    def setup(self) -> None:
        self.sums: list[int] = []

    def main_logic(self, data: NDArray[np.uint8]) -> None:
        self.sums.append(int(data.sum()))

    def cleanup(self) -> None:
        self.logger.info("%s", self.sums)


class Hello(Routine):
    """Answers events in ways of its own; it may stand anywhere."""

    def main_logic(self, data: Any = None) -> Any:
        time.sleep(0.01)
        return data

    @events("hello")
    def hello(self, to: str = "nobody") -> None:
        self.logger.info("hello %s", to)

    @events("fail")
    def fail(self) -> None:
        raise ValueError("as asked")

    @events("pass on")
    def pass_on(self, event: str, targets: dict[str, list[str]], **parameters: Any) -> None:
        self.notify_event(event, targets, **parameters)

    @events("die")
    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @events("sleep")
    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)


class Fragile(DestinationRoutine):
    """Its setup fails for the first `times` times."""

    times = 1

    def setup(self) -> None:
        if self.times:
            self.times -= 1
            raise OSError("no such camera")
        self.logger.info("setup")

    def main_logic(self, data: Any) -> None: ...


class Mortal(SourceRoutine):
    """Its process dies as soon as it runs."""

    def main_logic(self) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


class Stuck(DestinationRoutine):
    """Takes one message, and never returns."""

    def main_logic(self, data: Any) -> None:
        self.logger.info("stuck")
        threading.Event().wait()


class NeedsMore:
    """Cannot be made again where it is sent to."""

    def __reduce__(self) -> Any:
        return _refuse, ()


class Late:
    """Takes its time to be made again where it is sent to."""

    def __reduce__(self) -> Any:
        return time.sleep, (1.0,)


def _refuse() -> None:
    raise RuntimeError("no licence on this machine")
