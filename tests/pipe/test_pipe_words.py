"""What flows of real pipes say to their parent, whatever that is, and whether or not it listens."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter, Hello

from sightline.errors import ConfigError
from sightline.pipe import DestinationRoutine, Pipe, SourceRoutine, events
from sightline.pipe.event_names import KILL_EVENT_NAME
from sightline.supervise.policy import Restart

MakePipe = Callable[..., Pipe]
ODD = os.fsdecode(b"/data/\xff.jpg")


class Nowhere(DestinationRoutine):
    """What it looks for has a name that is no text."""

    def setup(self) -> None:
        raise FileNotFoundError(ODD)

    def main_logic(self, data: Any) -> None: ...

    @events("look")
    def look(self) -> None:
        raise FileNotFoundError(ODD)

    def own_stats(self) -> Any:
        raise SystemExit(ODD)


def test_a_reason_may_have_a_name_that_is_no_text(make: MakePipe) -> None:
    pipe = make()
    pipe.create_flow("flow", True, Counter("counter"), Nowhere("nowhere"))
    pipe.build()
    report = pipe.notify_event("start", wait=30)
    assert report is not None
    assert report.failed == {"nowhere": "setup: FileNotFoundError: /data/\\udcff.jpg"}
    report = pipe.notify_event("look", wait=30)
    assert report is not None
    assert "FileNotFoundError" in report.failed["nowhere"]
    assert "SystemExit" in str(pipe.stats().flows["flow"].routines["nowhere"].own)


class Asks(Hello):
    @events("ask")
    def ask(self, event: str, targets: Any = None, **parameters: Any) -> None:
        try:
            self.notify_event(event, targets, **parameters)
        except ConfigError as error:
            self.logger.info("told: %s", error)

    @events("ask and wait")
    def ask_and_wait(self) -> None:
        self.ask("hello", wait=True)

    @events("ask with a lock")
    def ask_with_a_lock(self) -> None:
        self.ask("hello", to=threading.Lock())


def test_a_routine_is_told_what_it_cannot_ask_for(make: MakePipe, log: Lines) -> None:
    pipe = make()
    pipe.create_flow("flow", True, Asks("asks"), Collect("keep"))
    pipe.build()
    pipe.notify_event("ask and wait", wait=30)
    pipe.notify_event("ask with a lock", wait=30)
    pipe.notify_event("ask", event="hello", targets={"flow": "asks"}, wait=30)
    pipe.notify_event("ask", event="hello", targets="flow", wait=30)
    told = [line.partition("told: ")[2] for line in log.of("flow.asks")]
    assert told[0].startswith("event 'hello' cannot be waited for by a routine")
    assert told[1].startswith("the parameters of event 'hello' cannot be sent")
    assert told[2] == "expected the routines of flow \"flow\" in a list, got 'asks'"
    assert told[3] == "expected flows, each with a list of its routines, got 'flow'"


class Loud(SourceRoutine):
    """Writes a long line for each message."""

    def main_logic(self) -> int:
        self.logger.info("x" * 10_000)
        return 1


class Stands(logging.Handler):
    """A terminal that was told to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.go.wait(60)


def test_nobody_waits_long_for_a_log_that_nobody_reads(make: MakePipe, log: Lines, wait_for: WaitFor) -> None:
    logger, stands = log.logger(), Stands()
    logger.addHandler(stands)
    pipe = make(logger=logger, hung_s=2.0)
    pipe.create_flow("flow", True, Loud("loud"), Collect("keep"))
    pipe.build()
    pids = pipe.pids
    pipe.notify_event("start")
    try:
        wait_for(lambda: pipe.stats().flows["flow"].routines["loud"].processed > 10_000, 60, "messages")
    finally:
        stands.go.set()
    report = pipe.notify_event("stop", wait=30)
    assert report is not None
    assert report.ok
    assert pipe.pids == pids
    assert any("lines were dropped before" in line for line in stands.lines)


def test_who_is_killed_has_done_nothing(make: MakePipe) -> None:
    pipe = make()
    pipe.create_flow("a", True, Hello("one"), Hello("two"))
    pipe.create_flow("b", True, Hello("three"), Hello("four"))
    pipe.build()
    pipe.notify_event("start", wait=30)
    pipe.notify_event(KILL_EVENT_NAME, {"a": ["two"], "b": []}, wait=30)
    report = pipe.notify_event("hello", {"a": ["one", "two"], "b": ["three"]}, wait=30)
    assert report is not None
    assert report.done == ("one",)
    assert report.failed["two"] == "it is killed"
    assert report.failed["three"].startswith(("it is killed", "its flow ended"))
    for event in ("hello", "start"):
        report = pipe.notify_event(event, wait=30)
        assert report is not None
        assert (report.done, report.failed) == (("one",), {}), "those that there still are are meant"


class Spoils(DestinationRoutine):
    """Takes away what its thread needs."""

    def main_logic(self, data: Any) -> None:
        del self.name
        self.settings = None  # type: ignore[assignment]


def test_a_flow_whose_routine_has_lost_its_thread_is_begun_again_and_given_up(make: MakePipe) -> None:
    pipe = make(restart=Restart(delay_s=0.01, most_ends=2))
    pipe.create_flow("flow", True, Counter("counter"), Spoils("spoils"))
    pipe.build()
    pipe.notify_event("start", wait=30)
    assert pipe.wait(60)
    assert (
        "broke: AttributeError: 'NoneType' object has no attribute 'rate_fps'"
        in pipe.processes["flow"].reason
    )


def test_a_process_that_is_asked_to_end_takes_no_routine_with_it_for_good(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(restart=Restart(delay_s=0.01))
    pipe.create_flow("flow", True, Counter("counter"), Collect("keep"))
    pipe.build()
    pipe.notify_event("start", wait=30)
    os.kill(pipe.pids["flow"], signal.SIGTERM)
    wait_for(lambda: len(log.of("flow.keep")) == 3, 30, "setup, cleanup, and setup again")
    assert [line.split()[0] for line in log.of("flow.keep")] == ["setup", "cleanup", "setup"]
    assert not pipe.wait(0.2)


def test_who_came_back_after_a_stop_is_cleaned_up_at_the_end(
    make: MakePipe, log: Lines, wait_for: WaitFor
) -> None:
    pipe = make(stop_s=0.2, restart=Restart(delay_s=0.01))
    pipe.create_flow("flow", True, Hello("hello"), SleepsAndKeeps("keep"))
    pipe.build()
    pipe.notify_event("start", wait=30)
    pipe.notify_event("sleep", {"flow": ["keep"]}, seconds=1.5)
    report = pipe.notify_event("stop", {"flow": ["keep"]}, wait=30)
    assert report is not None
    assert "was not carried out" in report.failed["keep"]
    report = pipe.notify_event("start", {"flow": ["keep"]}, wait=30)
    assert report is not None
    assert report.ok
    os.kill(pipe.pids["flow"], signal.SIGTERM)
    wait_for(lambda: log.of("flow.keep").count("setup") == 3, 30, "the next process")
    assert [line.split()[0] for line in log.of("flow.keep") if "not carried" not in line] == [
        *("setup", "cleanup"),
        *("setup", "cleanup", "setup"),
    ]


class SleepsAndKeeps(Collect):
    @events("sleep")
    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds)
