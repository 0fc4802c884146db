"""What routines tell of themselves, and which of them may hang."""

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.flowyard import FlowYard, counting
from tests.pipe.parts import Collect, Counter

from sightline.pipe import DestinationRoutine, Pipe, RoutineSettings, Wire
from sightline.pipe.counts.reports import State
from sightline.supervise.policy import Restart

SOON = Restart(delay_s=0.05)
MakePipe = Callable[..., Pipe]


@pytest.fixture
def make(no_leaks: None) -> Iterator[MakePipe]:
    pipes: list[Pipe] = []

    def made(**settings: Any) -> Pipe:
        pipes.append(Pipe(**settings))
        return pipes[-1]

    yield made
    for pipe in pipes:
        pipe.close()


class Tells(DestinationRoutine):
    def __init__(self, name: str, told: Any) -> None:
        super().__init__(name)
        self.told = told

    def main_logic(self, data: Any) -> None: ...

    def own_stats(self) -> Any:
        if isinstance(self.told, Exception):
            raise self.told
        return threading.Lock() if self.told == "a lock" else self.told


def test_what_a_routine_tells_stands_in_its_stats(yard: FlowYard) -> None:
    for told, stands in (({"seen": 3}, ({"seen": 3},)), (None, ()), (OSError("no"), ("OSError: no",))):
        runners = yard.chain(counting(1), Tells("tells", told))
        yard.until(runners[-1], State.DONE)
        assert runners[-1].stats().own == stands


def test_each_replica_tells(yard: FlowYard) -> None:
    tells = Tells("tells", 7)
    tells.settings = RoutineSettings(replicas=3)
    runners = yard.chain(counting(1), tells)
    assert runners[-1].stats().own == (7, 7, 7)


def test_what_cannot_leave_the_flow_costs_nobody_elses_counts(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make()
    pipe.create_flow("flow", True, Counter("count", most=3), Tells("tells", "a lock"))
    pipe.create_flow("other", True, Counter("count2", most=3), Tells("tells2", {"seen": 3}))
    pipe.build()
    pipe.notify_event("start", wait=True)
    wait_for(lambda: pipe.stats().routines["tells"].processed, 20, "a message")
    (told,) = pipe.stats().routines["tells"].own
    assert told.startswith("cannot be sent: TypeError")
    assert pipe.stats().routines["tells2"].own == ({"seen": 3},)


class Foreign(DestinationRoutine):
    """Tells of itself what only its own process can read."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self.folder = folder

    def setup(self) -> None:
        sys.path.append(str(self.folder))
        import only_there  # type: ignore[import-not-found]  # noqa: PLC0415

        self.told = only_there.Told()

    def main_logic(self, data: Any) -> None: ...

    def own_stats(self) -> Any:
        return self.told


def test_own_stats_that_this_process_cannot_read_cost_nothing_else(make: MakePipe, tmp_path: Path) -> None:
    (tmp_path / "only_there.py").write_text("class Told: pass\n")
    pipe = make()
    source = Counter("count", most=100)
    pipe.create_flow(
        "flow", False, source, foreign := Foreign("foreign", tmp_path), tells := Tells("tells", {"seen": 3})
    )
    pipe.link(Wire(source, (foreign, tells)))
    pipe.build()
    pipe.notify_event("start", wait=True)
    routines = pipe.stats().routines
    (told,) = routines["foreign"].own
    assert told.startswith("cannot be read: ModuleNotFoundError")
    assert routines["tells"].own == ({"seen": 3},)
    assert pipe.wait(30)
    assert pipe.stats().routines["tells"].processed == 100


class SlowToSetUp(Collect):
    def setup(self) -> None:
        threading.Event().wait(8.0)
        super().setup()


class Hangs(DestinationRoutine):
    settings = RoutineSettings(watched=False)

    def main_logic(self, data: Any) -> None:
        self.logger.info("hangs")
        threading.Event().wait(60)


def test_a_setup_may_take_longer_than_a_message(make: MakePipe) -> None:
    pipe = make(hung_s=1.0, restart=SOON)
    pipe.create_flow("slow", True, Counter("count"), SlowToSetUp("collect"))
    pipe.build()
    first = pipe.pids
    report = pipe.notify_event("start", wait=True)
    assert report is not None
    assert report.ok
    assert pipe.pids == first


def test_a_routine_that_is_not_watched_may_hang(make: MakePipe, wait_for: WaitFor) -> None:
    pipe = make(hung_s=1.0, stop_s=0.1, restart=SOON)
    pipe.create_flow("flow", True, Counter("count"), Hangs("hangs"))
    pipe.build()
    first = pipe.pids
    pipe.notify_event("start", wait=True)
    wait_for(lambda: pipe.stats().routines["count"].given > 500, 60, "the source to go on")
    assert pipe.pids == first
