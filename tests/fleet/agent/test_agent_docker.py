"""An agent on a real engine is killed: containers go on, but what must not run twice ends with its lease."""

import json
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import WaitFor, require
from tests.fleet.agent.agent_process import AgentProcess
from tests.fleet.agent.desk import PASSWORD, Desk, source
from tests.fleet.agent.desk import STANDIN as DEEPSTREAM
from tools.services import Docker
from tools.services.light_images import STANDIN, add_light_images, mounts

from sightline.fleet.runtime.docker.guard import is_guarded
from sightline.hub import StreamServer
from sightline.hub.broker.loops import new_loop

LIMIT_S = 90.0
LEASE_S = 4.0

pytestmark = pytest.mark.needs("docker")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Docker]:
    """A daemon of this test's own, to be crashed and begun again."""
    require("docker")
    (tmp_path / "docker").mkdir()
    with Docker(tmp_path / "docker") as docker:
        add_light_images(docker)
        yield docker


@pytest.fixture
def hub() -> Iterator[StreamServer]:
    new_loop().close()
    with StreamServer(port=0) as hub:
        yield hub


@pytest.fixture
def begin(
    engine: Docker, hub: StreamServer, tmp_path: Path, wait_for: WaitFor
) -> Iterator[Callable[..., AgentProcess]]:
    begun: list[AgentProcess] = []
    settings = {
        "IMAGE_NAME": STANDIN,
        "RUNTIMES": ["docker", "process"],
        "DEEPSTREAM": [*DEEPSTREAM],
        "DOCKER": engine.address,
        "SHARES": [str(path) for path in mounts()],
        "CONTAINER_PREFIX": f"t{secrets.token_hex(3)}",
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())

    def start(token: str | None = None) -> AgentProcess:
        begun.append(AgentProcess(hub.url, tmp_path / "agent", token, settings=text))
        return begun[-1]

    yield start
    for each in begun:
        each.end(signal.SIGKILL)
    wait_for(lambda: not is_guarded(tmp_path / "agent" / "state"), LIMIT_S, "the guard to leave")


def running(engine: Docker) -> set[str]:
    return set(engine.ask("ps", "--quiet", "--no-trunc").split())


def test_containers_outlive_their_agent_and_the_engine_and_are_taken_over(
    engine: Docker, hub: StreamServer, begin: Callable[..., AgentProcess], wait_for: WaitFor
) -> None:
    with Desk(hub.url, lease_s=15.0) as desk:
        first = begin(desk.token.text)
        wait_for(lambda: desk.responses, LIMIT_S, "the agent to be let in")
        generation = desk.configure(source("west", runtime="docker"), source("east", runtime="docker"))
        wait_for(lambda: desk.verified() == generation, LIMIT_S, "both to be verified")
        there = running(engine)
        assert len(there) == 2
        first.end(signal.SIGKILL)
        assert running(engine) == there
        second = begin()
        wait_for(
            lambda: len(desk.infos) > 1 and desk.infos[-1].boot > desk.infos[0].boot, LIMIT_S, "the next"
        )
        wait_for(lambda: desk.state("west") == desk.state("east") == "running", LIMIT_S, "both to be told")
        assert running(engine) == there, "they were begun anew"
        engine.kill(next(iter(there)))
        wait_for(lambda: len(running(engine)) == 2 and running(engine) != there, LIMIT_S, "one to come back")
        engine.crash()
        engine.begin_again()
        wait_for(lambda: len(running(engine)) == 2, LIMIT_S, "both to be back")
        last = desk.configure(source("west", runtime="docker"))
        wait_for(lambda: desk.verified() == last and len(running(engine)) == 1, LIMIT_S, "one to be gone")
        assert second.end() == 0
        assert len(running(engine)) == 1
    inspected = engine.ask("inspect", *running(engine))
    assert PASSWORD not in inspected + first.said() + second.said()


def test_what_must_not_run_twice_ends_though_its_agent_was_killed(
    engine: Docker, hub: StreamServer, begin: Callable[..., AgentProcess], wait_for: WaitFor
) -> None:
    with Desk(hub.url, lease_s=LEASE_S) as desk:
        first = begin(desk.token.text)
        wait_for(lambda: desk.responses, LIMIT_S, "the agent to be let in")
        generation = desk.configure(source("west", runtime="docker"), exclusive=True)
        wait_for(lambda: desk.verified() == generation, LIMIT_S, "it to be verified")
        assert len(running(engine)) == 1
        first.end(signal.SIGKILL)
        wait_for(lambda: not running(engine), LEASE_S + 10, "the guard to end it")
        begin()
        wait_for(lambda: len(running(engine)) == 1, LIMIT_S, "it to run again, once it is let in")
        wait_for(lambda: desk.responses[-1].held == ["west"], LIMIT_S, "it to be told")


def test_an_agent_that_begins_while_docker_is_away_goes_on_with_its_processes(
    engine: Docker, hub: StreamServer, begin: Callable[..., AgentProcess], wait_for: WaitFor
) -> None:
    with Desk(hub.url, lease_s=15.0) as desk:
        first = begin(desk.token.text)
        wait_for(lambda: desk.responses, LIMIT_S, "the agent to be let in")
        boxed = source("west", runtime="docker")
        generation = desk.configure(boxed, source("east"))
        wait_for(lambda: desk.verified() == generation, LIMIT_S, "both to be verified")
        first.end(signal.SIGKILL)
        engine.crash()
        before = len(desk.responses)
        begin()
        wait_for(lambda: len(desk.responses) > before, LIMIT_S, "the next to be let in")
        generation = desk.configure(boxed, source("east"), source("south"))
        wait_for(lambda: desk.verified() == generation, LIMIT_S, "processes to be verified")
        wait_for(lambda: desk.state("south") == desk.state("east") == "running", LIMIT_S, "processes to run")
        assert desk.state("west") == "unknown"
        engine.begin_again()
        wait_for(lambda: desk.state("west") == "running", LIMIT_S, "it to be told again")
        assert len(running(engine)) == 1
