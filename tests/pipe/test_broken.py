"""Errors that cannot be told, loggers that fail, and a thread of a routine that ends where none should."""

import logging
from typing import Any

import pytest
from tests.pipe.flowyard import LOSSLESS, SECONDS, FlowYard, counting, made_of, messages

from sightline.pipe.counts.reports import State
from sightline.pipe.flow.failures import LONGEST, text_of
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.handlers import events
from sightline.pipe.roles import DestinationRoutine
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.outlet import LocalOutlet


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("I will not say")

    __repr__ = __str__


class Callable:
    def __call__(self) -> None:
        raise MuteError


class Mute(DestinationRoutine):
    """Whatever it does fails, and cannot be told."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.fails = True
        self.setup = Callable()  # type: ignore[method-assign]

    def main_logic(self, data: Any) -> None:
        raise MuteError

    @events("FAIL")
    def fail(self) -> None:
        raise MuteError


class BadLogger:
    def __getattr__(self, _name: str) -> Any:
        raise OSError("the disk is full")


def test_an_error_has_a_text_whatever_it_does() -> None:
    assert text_of(ValueError("no")) == "ValueError: no"
    assert text_of(MuteError()) == "MuteError: it has no text, as MuteError.__str__ raises RuntimeError"
    assert len(text_of(ValueError("x" * 10_000_000))) <= LONGEST


def test_an_error_without_a_text_costs_no_more_than_others(yard: FlowYard) -> None:
    runner = yard.runner(Mute("mute"))
    error = runner.handle("start").result(SECONDS).error
    assert error is not None
    assert "Callable: MuteError" in error
    assert "MuteError" in (runner.handle("FAIL").result(SECONDS).error or "")
    assert runner.state[0] is State.FAILED

    def fail(_data: int) -> None:
        raise MuteError

    runners = yard.chain(counting(3), made_of(fail, "fails"))
    yard.until(runners[1], State.DONE)
    assert yard.broken == []


def test_a_logger_that_fails_costs_its_lines_alone(yard: FlowYard, caplog: pytest.LogCaptureFixture) -> None:
    def fail(data: int) -> int:
        if data % 2:
            raise ValueError("odd")
        return data

    got: list[int] = []
    middle = FunctionalMiddleRoutine(fail, "middle")
    middle.set_logger(BadLogger())
    with caplog.at_level(logging.ERROR):
        runners = yard.chain(counting(6), middle, FunctionalMiddleRoutine(got.append, "keep"))
        yard.until(runners[2], State.DONE)
    assert got == [0, 2, 4]
    assert "cannot be written" in caplog.text
    mute = Mute("mute")
    mute.set_logger(BadLogger())
    assert "MuteError" in (yard.runner(mute).handle("start").result(SECONDS).error or "")
    assert yard.broken == []


class Broken(LocalOutlet):
    """Nobody's fault but ours."""

    def put_many(self, messages: Any) -> int:
        raise AssertionError("a mistake")


def test_a_thread_that_ends_is_told_and_answers_what_it_is_asked(yard: FlowYard) -> None:
    inlet, out = Inlet({"source": LOSSLESS}), Inlet({"middle": LOSSLESS})
    outlets = {"out": Broken(out, "middle")}
    runner = yard.runner(made_of(lambda data: data, "middle"), inlet, outlets)
    runner.handle("start").result(SECONDS)
    inlet.put_many(messages(1), "source")
    runner.join(SECONDS)
    (told,) = yard.broken
    assert "middle broke" in told
    assert "AssertionError: a mistake" in told
    outcome = runner.handle("stop").result(SECONDS)
    assert (outcome.handled, outcome.error) == (False, None)


def test_what_was_asked_when_the_thread_ended_is_answered(
    yard: FlowYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = yard.runner(made_of(lambda data: data, "middle"), Inlet({"source": LOSSLESS}))
    monkeypatch.setattr(runner, "_report", lambda _event: 1 / 0)
    assert "ZeroDivisionError" in (runner.handle("start").result(SECONDS).error or "")
    runner.join(SECONDS)
    assert len(yard.broken) == 1
