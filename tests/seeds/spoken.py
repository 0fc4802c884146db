"""Routines that the tests of PipeRT2's document run in flows; what they do they write to the log.

And what these tests ask of events and pipes.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from sightline.pipe import (
    START_EVENT_NAME,
    DataTransmitter,
    DestinationRoutine,
    EventReport,
    MiddleRoutine,
    Pipe,
    Routine,
    SourceRoutine,
    events,
)

MakePipe = Callable[..., Pipe]
DONE_S = 30


class Numbers(SourceRoutine):
    """Gives 1, 2, ... up to `most`, then it is done; without `most` it goes on."""

    def __init__(self, name: str, most: float = float("inf")) -> None:
        super().__init__(name)
        self.most = most
        self.number = 0

    def main_logic(self) -> int:
        if self.number >= self.most:
            raise StopIteration
        self.number += 1
        return self.number


class Times(SourceRoutine):
    """Gives `most` times, in seconds, each of when it was called."""

    def __init__(self, name: str, most: int) -> None:
        super().__init__(name)
        self.most = most

    def main_logic(self) -> float:
        if not self.most:
            raise StopIteration
        self.most -= 1
        return time.monotonic()


class Odd(MiddleRoutine):
    def main_logic(self, data: int) -> int | None:
        return data if data % 2 else None


class Faulty(MiddleRoutine):
    """Fails on one number."""

    def main_logic(self, data: int) -> int:
        if data == 2:
            raise ValueError("not this one")
        return data


class Tell(DestinationRoutine):
    """Says what came, and where it is in its life."""

    def setup(self) -> None:
        self.logger.info("setup")

    def main_logic(self, data: Any) -> None:
        self.logger.info("%s", data)

    def cleanup(self) -> None:
        self._logger.info("cleanup")  # as routines of PipeRT2 do


class Frail(Routine):
    """Fails once in the method that it is told."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(name)
        self.where = where

    def setup(self) -> None:
        self._fail("setup")

    def main_logic(self, data: int) -> None:
        self.logger.info("%s", data)

    def cleanup(self) -> None:
        self._fail("cleanup")

    def _fail(self, where: str) -> None:
        if self.where == where:
            self.where = ""
            raise OSError("the device is busy")


class SomeRoutine(Routine):
    """Waits, and answers events; it may stand anywhere."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cap: object = None

    def main_logic(self, data: object = None) -> object:
        threading.Event().wait(0.005)
        return None

    @events("CUSTOM_EVENT_NAME")
    def some_func(self, example_param1: object = None, example_param2: object = None) -> None:
        self.cap = example_param1
        self.logger.info("%s %s", example_param1, example_param2)

    @events("CALL_SOME_FUNC")
    def SomeFunc(self, targets: dict[str, list[str]]) -> None:  # noqa: N802 - as the document has it
        self.notify_event("CUSTOM_EVENT_NAME", targets, example_param1="from", example_param2=self.name)


class Labelled(DataTransmitter):
    """One of a user's own: it says where data went through it."""

    def __init__(self, label: str) -> None:
        self.label = label

    def transmit(self) -> Callable[[Any], Any]:
        return lambda data: (self.label, data)

    def receive(self) -> Callable[[Any], Any]:
        return lambda labelled: f"{labelled[0]}: {labelled[1]}"


def reported(report: EventReport | None) -> EventReport:
    assert report is not None
    return report


def sent(report: EventReport | None) -> set[str]:
    """The routines that handled an event, where none failed."""
    assert report is not None
    assert report.ok, report.failed
    return set(report.done)


def run_to_its_end(pipe: Pipe) -> None:
    pipe.build()
    pipe.notify_event(START_EVENT_NAME)
    assert pipe.wait(DONE_S)
