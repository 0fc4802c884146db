"""The guard: what must not run twice ends when the lease is over, whatever became of the agent."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.conftest import WaitFor
from tests.fleet.runtime import crashed_agent
from tests.fleet.runtime.conftest import MakeAgent, settings_for
from tools.services import Docker
from tools.services.light_images import mounts
from tools.services.waiting import halt

from sightline.clock import ns
from sightline.fleet.runtime.conformance import PROGRAMS, Program
from sightline.fleet.runtime.docker import guard
from sightline.fleet.runtime.docker.guard import begin_guard, is_guarded, main
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.lease import (
    BootClock,
    Lease,
    boot_id,
    boottime_ns,
    lease_for,
    read_lease,
    write_lease,
)
from sightline.fleet.runtime.promise import RunSpec

NOWHERE = "unix:///nowhere/docker.sock"
BeginAgent = Callable[[Docker, DockerRuntime], subprocess.Popen[str]]


def guards(state: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "sightline.fleet.runtime.docker.guard" in command and str(state) in command:
            found.append(process)
    return found


def is_alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder; a guard that is left is ended."""
    yield tmp_path
    for process in [*guards(tmp_path), *guards(tmp_path / "agent")]:
        process.kill()


@pytest.fixture
def killed_agent(state: Path) -> Iterator[BeginAgent]:
    """Begins an agent in a process of its own, which holds both instances then."""
    begun: list[subprocess.Popen[str]] = []

    def begin(docker: Docker, runtime: DockerRuntime) -> subprocess.Popen[str]:
        settings = runtime.settings
        own = [str(state), docker.address, settings.node, settings.prefix, *map(str, mounts())]
        command = [sys.executable, str(crashed_agent.__file__), *own]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert begun[-1].stdout is not None
        assert begun[-1].stdout.readline() == "running\n"
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()
        each.communicate()


def deadline(state: Path) -> int:
    lease = read_lease(state)
    return 0 if lease is None else lease.deadline_ns


def states(runtime: DockerRuntime) -> dict[str, str]:
    return {found.name: found.state for found in runtime.find()}


def lease_of(docker: Docker, runtime: DockerRuntime, seconds: float) -> Lease:
    settings = runtime.settings
    return lease_for(seconds, node=settings.node, prefix=settings.prefix, address=docker.address)


@pytest.mark.needs("docker")
def test_a_killed_agent_leaves_all_but_what_must_not_run_twice(
    docker: Docker, agent: MakeAgent, state: Path, killed_agent: BeginAgent, wait_for: WaitFor
) -> None:
    runtime, other = agent(), agent()
    other.begin(RunSpec(name="exclusive", digest="d", exclusive=True, command=("-c", PROGRAMS[Program.RUNS])))
    running = killed_agent(docker, runtime)
    wait_for(lambda: states(runtime) == {"exclusive": "running", "free": "running"}, 20, "both to run")
    until_ns = boottime_ns() + ns(crashed_agent.LEASE_S * 2.5)
    wait_for(lambda: deadline(state) > until_ns, 20, "a lease that was renewed for longer than it is")
    assert states(runtime) == {"exclusive": "running", "free": "running"}
    running.kill()
    wait_for(lambda: states(runtime)["exclusive"] == "failed", crashed_agent.LEASE_S + 5, "the end of one")
    assert states(runtime)["free"] == "running"
    wait_for(lambda: not guards(state), 10, "the guard to leave")
    wait_for(lambda: states(other) == {"exclusive": "running"}, 10, "that of another agent to run")


@pytest.mark.needs("docker")
def test_an_agent_that_hangs_is_no_better_than_a_killed_one(
    docker: Docker, agent: MakeAgent, killed_agent: BeginAgent, wait_for: WaitFor
) -> None:
    runtime = agent()
    running = killed_agent(docker, runtime)
    halt(running.pid)
    wait_for(lambda: states(runtime)["exclusive"] == "failed", crashed_agent.LEASE_S + 5, "the end of one")
    assert states(runtime)["free"] == "running"


@pytest.mark.needs("docker")
def test_the_guard_asks_until_docker_answers(
    docker: Docker, agent: MakeAgent, state: Path, wait_for: WaitFor
) -> None:
    runtime = agent()
    runtime.begin(RunSpec(name="one", digest="d", exclusive=True, command=("-c", PROGRAMS[Program.RUNS])))
    assert docker.pid is not None
    write_lease(state, lease_of(docker, runtime, 1.0))
    begin_guard(state)
    halt(docker.pid)
    try:
        told = state / "guard.log"
        wait_for(lambda: told.exists() and "it cannot be told what runs" in told.read_text(), 20, "its log")
    finally:
        os.kill(docker.pid, signal.SIGCONT)
    wait_for(lambda: states(runtime) == {"one": "failed"}, 20, "its end")
    wait_for(lambda: not guards(state), 10, "the guard to leave")


@pytest.mark.needs("docker")
def test_where_the_engine_is_dead_what_it_told_of_ends_all_the_same(
    own_docker: Docker, state: Path, wait_for: WaitFor
) -> None:
    """And what may run twice goes on."""
    log = state / "guard.log"
    with DockerRuntime(settings_for(own_docker)) as runtime:
        for name in ("one", "free"):
            command = ("-c", PROGRAMS[Program.RUNS])
            runtime.begin(RunSpec(name=name, digest="d", exclusive=name == "one", command=command))
        processes = {
            name: psutil.Process(int(own_docker.ask("inspect", "--format", "{{.State.Pid}}", container)))
            for name, container in ((each.name, each.run.split("@")[0]) for each in runtime.find())
        }
        write_lease(state, lease_of(own_docker, runtime, 8.0))
        begin_guard(state)
        wait_for(lambda: log.exists() and "to end with the lease" in log.read_text(), 7, "it to know")
        own_docker.crash()
        wait_for(lambda: not is_alive(processes["one"]), 20, "its end")
        assert is_alive(processes["free"])
        assert "without Docker" in log.read_text()
        own_docker.begin_again()
        wait_for(lambda: not guards(state), 20, "the guard to leave")


@pytest.mark.needs("docker")
def test_a_paused_one_ends_too(docker: Docker, agent: MakeAgent, state: Path) -> None:
    runtime = agent()
    runtime.begin(RunSpec(name="one", digest="d", exclusive=True, command=("-c", PROGRAMS[Program.RUNS])))
    docker.ask("pause", runtime.find()[0].run.split("@")[0])
    write_lease(state, lease_of(docker, runtime, 0.0))
    assert main([str(state)]) == 0
    assert states(runtime) == {}


def test_one_folder_has_one_guard_whoever_begins_how_many(state: Path) -> None:
    write_lease(state, lease_for(60, node="n", prefix="p", address=NOWHERE))
    assert not is_guarded(state)
    for _ in range(3):
        begin_guard(state)
    assert is_guarded(state)
    (guard,) = guards(state)
    assert guard.ppid() != os.getpid()
    assert os.getsid(guard.pid) != os.getsid(0)
    assert main([str(state)]) == 0  # another is there: it leaves


def test_a_guard_of_an_agent_that_was_removed_leaves_where_docker_is_gone_too(
    state: Path, wait_for: WaitFor
) -> None:
    folder = state / "agent"
    folder.mkdir()
    write_lease(folder, lease_for(0, node="n", prefix="p", address=NOWHERE))
    begin_guard(folder)
    (guard,) = guards(folder)
    told = folder / "guard.log"
    wait_for(lambda: told.exists() and "it cannot be told what runs" in told.read_text(), 20, "its log")
    assert guard.is_running()
    shutil.rmtree(folder)
    wait_for(lambda: not guard.is_running(), 20, "it to leave")


def test_a_guard_of_another_edition_makes_room_for_the_agents_own(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lease(state, lease_for(60.0, node="n", prefix="p", address=NOWHERE))
    monkeypatch.setattr(guard, "own_edition", lambda: "older")
    begin_guard(state)
    (older,) = guards(state)
    begin_guard(state)
    assert guards(state) == [older]
    monkeypatch.undo()
    begin_guard(state)
    (newer,) = guards(state)
    assert newer.pid != older.pid
    begin_guard(state)
    assert guards(state) == [newer], "it is the agent's own"
    assert is_guarded(state)


@pytest.mark.needs("docker")
def test_the_guard_that_took_over_ends_what_the_other_one_would_have(
    docker: Docker, agent: MakeAgent, state: Path, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = agent()
    runtime.begin(RunSpec(name="one", digest="d", exclusive=True, command=("-c", PROGRAMS[Program.RUNS])))
    write_lease(state, lease_of(docker, runtime, 60.0))
    monkeypatch.setattr(guard, "own_edition", lambda: "older")
    begin_guard(state)
    monkeypatch.undo()
    begin_guard(state)
    write_lease(state, lease_of(docker, runtime, 0.5))
    wait_for(lambda: states(runtime)["one"] == "failed", 20, "its end")
    wait_for(lambda: not guards(state), 10, "the guard to leave")


def test_a_guard_that_does_not_say_what_it_is_is_left_where_it_is(state: Path) -> None:
    write_lease(state, lease_for(60.0, node="n", prefix="p", address=NOWHERE))
    command = [sys.executable, "-m", "sightline.fleet.runtime.docker.guard", "--leave", str(state)]
    subprocess.run(command, check=True, timeout=60)
    (there,) = guards(state)
    begin_guard(state)
    assert guards(state) == [there]


def test_a_guard_with_no_lease_leaves(state: Path) -> None:
    assert main([str(state)]) == 0
    assert not is_guarded(state)


def test_a_lease_is_over_at_its_deadline_and_after_another_boot() -> None:
    lease = lease_for(10, node="n", prefix="p")
    assert not lease.is_over(boottime_ns(), boot_id())
    assert lease.is_over(lease.deadline_ns, boot_id())
    assert lease.is_over(boottime_ns(), "another boot")
    now_ns = time.monotonic_ns()
    assert BootClock().monotonic_ns() >= now_ns


def test_a_lease_is_read_as_it_was_written_or_not_at_all(tmp_path: Path) -> None:
    assert read_lease(tmp_path) is None
    lease = lease_for(10, node="n", prefix="p", address=NOWHERE)
    write_lease(tmp_path, lease)
    assert read_lease(tmp_path) == lease
    assert (tmp_path / "lease.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "lease.json").write_text("{")
    assert read_lease(tmp_path) is None


def test_settings_of_a_runtime_are_what_a_lease_needs(docker: Docker) -> None:
    settings = settings_for(docker)
    with DockerRuntime(settings) as runtime:
        assert runtime.settings is settings
