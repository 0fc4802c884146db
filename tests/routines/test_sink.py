"""A sink as a routine."""

import logging

import pytest
from tests.pipe.flowyard import SECONDS, FlowYard
from tests.routines.parts import Keeps, frame

from sightline import Result
from sightline.errors import SinkError
from sightline.pipe import FunctionalMiddleRoutine
from sightline.pipe.counts.reports import State
from sightline.routines import Seen, SinkRoutine, SinkRoutineStats


def seen(index: int) -> Seen:
    of = frame(index=index)
    return Seen(Result.of(of, (), model="m", model_version="1", inferred_at_ns=0), of)


def giving(*data: object) -> FunctionalMiddleRoutine:
    left = iter(data)
    return FunctionalMiddleRoutine(lambda: next(left), "seen")


def test_what_was_seen_is_written_in_order_and_the_sink_is_closed(yard: FlowYard) -> None:
    sink = Keeps()
    runners = yard.chain(giving(seen(0), [seen(1), seen(2)], [], seen(3)), SinkRoutine(lambda: sink, "sink"))
    yard.until(runners[-1], State.DONE)
    assert [result.index for result, _ in sink.kept] == [0, 1, 2, 3]
    assert sink.closed == 1
    assert runners[-1].stats().own == (SinkRoutineStats(written=4, failed=0, url=None),)


def test_what_it_cannot_write_is_counted_and_the_others_are_written(
    yard: FlowYard, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Keeps(fails=[1, 4])
    given = giving(seen(0), [seen(1), seen(2)], [seen(3), seen(4)])
    with caplog.at_level(logging.ERROR):
        runners = yard.chain(given, SinkRoutine(lambda: sink, "sink"))
        yard.until(runners[-1], State.DONE)
    assert [result.index for result, _ in sink.kept] == [0, 2, 3]
    stats = runners[-1].stats()
    assert (stats.processed, stats.failed) == (1, 2)
    assert stats.own == (SinkRoutineStats(written=3, failed=2, url=None),)
    assert "the disk is full" in caplog.text


def test_a_sink_that_cannot_be_opened_is_said(yard: FlowYard) -> None:
    def fail() -> Keeps:
        raise SinkError("the port is taken")

    runner = yard.runner(SinkRoutine(fail, "sink"))
    error = runner.start(SECONDS).error
    assert error is not None
    assert "SinkError: the port is taken" in error


class WithPage(Keeps):
    url = "http://127.0.0.1:1/"


def test_it_tells_where_its_page_is(yard: FlowYard) -> None:
    runner = yard.runner(SinkRoutine(WithPage, "sink"))
    runner.start(SECONDS)
    assert runner.stats().own[0].url == "http://127.0.0.1:1/"
