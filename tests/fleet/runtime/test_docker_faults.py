"""An engine that is lost, hangs, and comes back."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.fleet.runtime.conftest import MakeAgent, settings_for
from tools.services import Docker
from tools.services.waiting import halt

from sightline.errors import RuntimeFault
from sightline.fleet.runtime.conformance import PROGRAMS, Program
from sightline.fleet.runtime.docker.containers import DockerSettings
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.promise import RunSpec

CALL_S = 2.0


def begin(runtime: DockerRuntime, name: str, **more: object) -> None:
    runtime.begin(RunSpec(name=name, digest="d", command=("-c", PROGRAMS[Program.RUNS]), **more))  # type: ignore[arg-type]


def states(runtime: DockerRuntime) -> dict[str, str]:
    return {found.name: found.state for found in runtime.find()}


def answers(runtime: DockerRuntime) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            runtime.find()
        except RuntimeFault:
            return False
        return True

    return asked


@pytest.mark.needs("docker")
def test_a_killed_daemon_is_told_and_found_again_without_hands(own_docker: Docker, wait_for: WaitFor) -> None:
    with DockerRuntime(settings_for(own_docker)) as runtime:
        begin(runtime, "free")
        begin(runtime, "exclusive", exclusive=True)
        wait_for(lambda: set(states(runtime).values()) == {"running"}, 20, "both to run")
        lives = {found.name: found.run for found in runtime.find()}
        wait_for(lambda: not runtime.wait(0.3), 10, "silence")
        own_docker.crash()
        assert runtime.wait(10), "nobody was told that the engine is lost"
        with pytest.raises(RuntimeFault, match="what containers there are"):
            runtime.find()
        with pytest.raises(RuntimeFault):
            begin(runtime, "third")
        with pytest.raises(RuntimeFault):
            runtime.end("free")
        own_docker.begin_again()
        wait_for(lambda: runtime.wait(0.2), 20, "to be told that it is back")
        wait_for(answers(runtime), 10, "answers")
        # This engine ends what it finds, and begins again what may run twice; the rest is the agent's.
        wait_for(lambda: states(runtime).get("free") == "running", 30, "it to run again")
        assert {found.name: found.run == lives[found.name] for found in runtime.find()} == {
            "exclusive": True,
            "free": False,
        }
        assert states(runtime)["exclusive"] == "failed"
        begin(runtime, "exclusive", exclusive=True)
        wait_for(lambda: states(runtime)["exclusive"] == "running", 20, "it to run")


@pytest.mark.needs("docker")
def test_a_daemon_that_hangs_costs_no_more_than_the_time_limit(
    docker: Docker, agent: MakeAgent, wait_for: WaitFor
) -> None:
    runtime = agent(call_s=CALL_S)
    begin(runtime, "one")
    wait_for(lambda: states(runtime) == {"one": "running"}, 20, "it to run")
    assert docker.pid is not None
    halt(docker.pid)
    try:
        began = time.monotonic()
        with pytest.raises(RuntimeFault):
            runtime.find()
        assert time.monotonic() - began < 3 * CALL_S
    finally:
        os.kill(docker.pid, signal.SIGCONT)
    wait_for(answers(runtime), 10, "answers")
    assert states(runtime) == {"one": "running"}


def test_without_an_engine_nothing_is_known_and_it_ends_at_once(no_leaks: None, tmp_path: Path) -> None:
    nowhere = DockerSettings(node="n", address=f"unix://{tmp_path}/docker.sock", image="x")
    began = time.monotonic()
    with DockerRuntime(nowhere) as runtime:
        for ask in (
            runtime.find,
            lambda: runtime.log("x", 1),
            lambda: runtime.end("x"),
            lambda: begin(runtime, "x"),
        ):
            with pytest.raises(RuntimeFault, match=r"docker\.sock"):
                ask()
    assert time.monotonic() - began < 10
