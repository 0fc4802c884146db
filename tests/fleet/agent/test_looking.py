"""What is concluded of what runs where not all of it can be told."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import WaitFor

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import RuntimeFault
from sightline.fleet.agent.looking import Looking
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.runtime.docker.containers import DockerSettings
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.process.runtime import ProcessRuntime
from sightline.fleet.runtime.promise import RunSpec, Runtime

READY = "import time; print('Pipeline running', flush=True); time.sleep(600)"


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.looks: list[dict[str, str]] = []

    def tell(self, found: Sequence[Found], _looked_ns: int) -> None:
        self.looks.append({one.name: one.state for one in found})


def looking(heard: Heard, **runtimes: Runtime) -> Looking:
    made = Looking(runtimes, heard.tell, SYSTEM_CLOCK)
    made.start()
    return made


def test_what_becomes_ready_or_ends_is_seen_at_once(no_leaks: None, wait_for: WaitFor) -> None:
    heard = Heard()
    with ProcessRuntime() as runtime:
        look = looking(heard, process=runtime)
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


def test_nothing_is_told_while_one_runtime_never_could_be_asked(no_leaks: None, tmp_path: Path) -> None:
    """Else what must not run twice would be taken for gone, while it runs in a container."""
    heard = Heard()
    away = DockerSettings(node="n", address=f"unix://{tmp_path}/none.sock")
    with ProcessRuntime() as process, DockerRuntime(away) as docker:
        look = looking(heard, docker=docker, process=process)
        for _ in range(3):
            look._again.set()
            look._ending.wait(0.3)
        assert heard.looks == []
        assert look.places_of("one") == ["docker", "process"]
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
    no_leaks: None, wait_for: WaitFor
) -> None:
    heard = Heard()
    with ProcessRuntime() as steady, Falters() as other:
        other.begin(RunSpec(name="one", digest="d", command=(sys.executable, "-c", READY)))
        look = looking(heard, docker=other, process=steady)
        wait_for(lambda: {"one": "running"} in heard.looks, 20, "it to be ready")
        other.away = True
        before = len(heard.looks)
        look._again.set()
        wait_for(lambda: len(heard.looks) > before + 1, 20, "more looks")
        assert heard.looks[-1] == {"one": "running"}
        look.touched("docker")
        wait_for(lambda: look.last("docker") == [], 20, "it to be forgotten")
        before = len(heard.looks)
        look._again.set()
        look._ending.wait(0.5)
        assert len(heard.looks) <= before + 1  # one may have been under way
        other.away = False
        wait_for(lambda: len(heard.looks) > before + 1, 20, "looks again")
        look.end()
        look.join()
