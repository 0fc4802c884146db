"""What is concluded of what runs where not all of it can be told."""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import WaitFor
from tests.fleet.agent.rig import instance

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import RuntimeFault
from sightline.fleet.agent.given import Given
from sightline.fleet.agent.looking import Looking
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.docker.containers import DockerSettings
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.process.runtime import ProcessRuntime
from sightline.fleet.runtime.promise import Feature, RunSpec, Runtime

READY = "import time; print('Pipeline running', flush=True); time.sleep(600)"


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.looks: list[dict[str, str]] = []
        self.held: set[str] = set()

    def tell(self, found: Sequence[Found], _looked_ns: int) -> None:
        self.looks.append({one.name: one.state for one in found})
        self.held = {one.name for one in found if one.exclusive}


def looking(heard: Heard, folder: Path, given: Given | None = None, **runtimes: Runtime) -> Looking:
    made = Looking(runtimes, heard.tell, SYSTEM_CLOCK, given or Given(folder, ["docker"], new=True))
    made.start()
    return made


def test_what_becomes_ready_or_ends_is_seen_at_once(
    no_leaks: None, wait_for: WaitFor, tmp_path: Path
) -> None:
    heard = Heard()
    with ProcessRuntime() as runtime:
        look = looking(heard, tmp_path, process=runtime)
        runtime.begin(RunSpec(name="one", digest="d", command=(sys.executable, "-c", READY)))
        look.touched("process")
        wait_for(lambda: {"one": "running"} in heard.looks, 20, "it to be ready")
        assert look.places_of("one") == ["process"]
        assert look.places_of("other") == []
        runtime.end("one")
        look.touched("process")
        wait_for(lambda: heard.looks[-1] == {}, 20, "it to be gone")
        look.end()
        look.join()


def away(folder: Path) -> DockerRuntime:
    return DockerRuntime(DockerSettings(node="n", address=f"unix://{folder}/none.sock"))


def test_what_docker_was_given_is_unknown_until_it_answers_and_processes_are_told(
    no_leaks: None, wait_for: WaitFor, tmp_path: Path
) -> None:
    with Given(tmp_path, ["docker"], new=True).giving("docker", instance("boxed", exclusive=True)):
        pass
    heard = Heard()
    with ProcessRuntime() as process, away(tmp_path) as docker:
        process.begin(RunSpec(name="one", digest="d", command=(sys.executable, "-c", READY)))
        look = looking(
            heard, tmp_path, Given(tmp_path, ["docker"], new=False), docker=docker, process=process
        )
        wait_for(lambda: {"one": "running", "boxed": "unknown"} in heard.looks, 20, "both to be told")
        assert heard.held == {"boxed"}
        assert look.places_of("boxed") == ["docker"]
        assert look.places_of("one") == ["process"]
        assert look.places_of("other") == []
        look.end()
        look.join()


class Hangs(ProcessRuntime):
    """One that answers when it is `free`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = self.features | {Feature.OUTLIVES}
        self.free = threading.Event()

    def find(self) -> list[Found]:
        assert self.free.wait(60)
        return super().find()


def test_a_runtime_that_hangs_holds_up_no_other_and_is_heard_when_it_answers(
    no_leaks: None, wait_for: WaitFor, tmp_path: Path
) -> None:
    heard = Heard()
    with ProcessRuntime() as process, Hangs() as slow:
        slow.begin(RunSpec(name="late", digest="d", command=(sys.executable, "-c", READY)))
        process.begin(RunSpec(name="one", digest="d", command=(sys.executable, "-c", READY)))
        look = looking(heard, tmp_path, docker=slow, process=process)
        wait_for(lambda: {"one": "running"} in heard.looks, 20, "the other one")
        slow.free.set()
        wait_for(lambda: {"one": "running", "late": "running"} in heard.looks, 20, "both")
        look.end()
        look.join()


def test_nothing_is_told_where_it_is_not_known_what_a_runtime_was_given(
    no_leaks: None, tmp_path: Path
) -> None:
    """Else what must not run twice would be taken for gone, while it runs in a container."""
    heard = Heard()
    with ProcessRuntime() as process, away(tmp_path) as docker:
        given = Given(tmp_path, ["docker"], new=False)
        look = looking(heard, tmp_path, given, docker=docker, process=process)
        for _ in range(3):
            look._again.set()
            look._ending.wait(0.3)
        assert heard.looks == []
        assert "docker" in look.places_of("one")
        look.end()
        look.join()


class Falters(ProcessRuntime):
    """One that cannot be asked while `away`."""

    away = False

    def find(self) -> list[Found]:
        if self.away:
            raise RuntimeFault("away")
        return super().find()


def test_a_runtime_that_went_away_is_taken_as_it_was_until_something_is_done_with_it(
    no_leaks: None, wait_for: WaitFor, tmp_path: Path
) -> None:
    heard = Heard()
    with ProcessRuntime() as steady, Falters() as other:
        other.begin(RunSpec(name="one", digest="d", command=(sys.executable, "-c", READY)))
        look = looking(heard, tmp_path, docker=other, process=steady)
        wait_for(lambda: {"one": "running"} in heard.looks, 20, "it to be ready")
        other.away = True
        before = len(heard.looks)
        look._again.set()
        wait_for(lambda: len(heard.looks) > before + 1, 20, "more looks")
        assert heard.looks[-1] == {"one": "running"}
        look.touched("docker")
        wait_for(lambda: heard.looks[-1] == {"one": "unknown"}, 20, "it to be told so")
        assert look.places_of("one") == ["docker"]
        other.away = False
        wait_for(lambda: heard.looks[-1] == {"one": "running"}, 20, "it to answer")
        look.end()
        look.join()
