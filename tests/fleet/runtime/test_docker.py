"""Instances as containers of a real engine: how they are made, found, told of, and put apart."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.fleet.runtime.conftest import MakeAgent, settings_for
from tests.fleet.runtime.instances import deepstream, worker
from tools.services import Docker
from tools.services.light_images import STANDIN, WORKER

from sightline.errors import RuntimeFault
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.messages.parts import Limits
from sightline.fleet.runtime.conformance import PROGRAMS, Program
from sightline.fleet.runtime.docker.runtime import DockerRuntime
from sightline.fleet.runtime.preparing import Preparing
from sightline.fleet.runtime.promise import RunSpec
from sightline.testing import check_runtime

pytestmark = pytest.mark.needs("docker")


def spec(program: Program = Program.RUNS, name: str = "one", **more: Any) -> RunSpec:
    return RunSpec(name=name, digest="d", command=("-c", PROGRAMS[program]), **more)


def only(runtime: DockerRuntime) -> Found:
    (found,) = runtime.find()
    return found


def running(runtime: DockerRuntime, wait_for: WaitFor) -> Found:
    wait_for(lambda: only(runtime).state == "running", 30, "it to be ready")
    return only(runtime)


def container(runtime: DockerRuntime) -> str:
    return only(runtime).run.split("@")[0]


def inspected(docker: Docker, runtime: DockerRuntime) -> Mapping[str, Any]:
    (described,) = json.loads(docker.ask("inspect", container(runtime)))
    return dict(described)


def test_docker_keeps_the_promise(no_leaks: None, docker: Docker) -> None:
    settings = settings_for(docker)
    check_runtime(lambda: DockerRuntime(settings), {each: spec(each) for each in Program})


def test_deepstream_runs_with_its_files_and_tells_rates(
    agent: MakeAgent, tmp_path: Path, wait_for: WaitFor, docker: Docker
) -> None:
    runtime = agent(image=STANDIN)
    runtime.begin(Preparing(tmp_path).prepare(deepstream(runtime="docker")))
    running(runtime, wait_for)
    wait_for(lambda: only(runtime).cameras, 20, "rates")
    assert {name: of.fps for name, of in only(runtime).cameras.items()} == {"gate": 30.0, "yard": 30.0}
    wait_for(lambda: only(runtime).cpu is not None, 10, "its use of cores")
    assert (only(runtime).memory_mib or 0) > 5
    described = json.dumps(inspected(docker, runtime))
    assert "geheim" not in described
    assert any("PERF" in line for line in runtime.log("west", 50))
    runtime.end("west")
    assert runtime.find() == []


def test_a_site_runs_in_a_container_and_ends_well(
    agent: MakeAgent, clips: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    runtime = agent(image=WORKER)
    made = Preparing(tmp_path).prepare(worker(clips / "car-detection.mp4", runtime="docker"))
    runtime.begin(made)
    running(runtime, wait_for)
    wait_for(lambda: only(runtime).state == "exited", 120, "its file to be played")
    assert only(runtime).code == 0
    assert made.work is not None
    assert (made.work / "seen.jsonl").stat().st_size > 0
    assert not any('"cameras"' in line for line in runtime.log("eyes", 1000))


def test_a_site_in_a_container_ends_when_it_is_asked_to(
    agent: MakeAgent, tmp_path: Path, wait_for: WaitFor, docker: Docker
) -> None:
    runtime = agent(image=WORKER)
    runtime.begin(Preparing(tmp_path).prepare(worker("synthetic://?fps=5&size=160x120", runtime="docker")))
    running(runtime, wait_for)
    wait_for(lambda: only(runtime).cameras["door"].state == "live", 30, "its camera")
    docker.ask("stop", "--time=20", container(runtime))
    wait_for(lambda: only(runtime).state == "exited", 10, "its end, as it was asked, by no kill")


def test_a_container_has_no_right_that_it_does_not_need(
    agent: MakeAgent, docker: Docker, tmp_path: Path, wait_for: WaitFor
) -> None:
    runtime = agent()
    runtime.begin(spec(work=tmp_path, limits=Limits(cpus=0.5, memory_mib=64)))
    running(runtime, wait_for)
    host = inspected(docker, runtime)["HostConfig"]
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 64 << 20, 64 << 20)
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "2"}
    mounts = {mount["Source"]: mount["RW"] for mount in inspected(docker, runtime)["Mounts"]}
    assert [place for place, writable in mounts.items() if writable] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("exclusive", "may_end", "policy"),
    [
        (False, False, "always"),
        (False, True, "on-failure"),
        (True, False, "no"),
        (True, True, "no"),
    ],
)
def test_docker_begins_again_what_may_run_twice(
    agent: MakeAgent, docker: Docker, *, exclusive: bool, may_end: bool, policy: str
) -> None:
    runtime = agent()
    runtime.begin(spec(exclusive=exclusive, may_end=may_end))
    assert inspected(docker, runtime)["HostConfig"]["RestartPolicy"]["Name"] == policy


def test_a_killed_one_is_told_and_an_exclusive_one_stays_ended(
    agent: MakeAgent, docker: Docker, wait_for: WaitFor
) -> None:
    runtime = agent()
    runtime.begin(spec(exclusive=True))
    before = running(runtime, wait_for)
    wait_for(lambda: not runtime.wait(0.3), 10, "silence")
    docker.kill(container(runtime))
    assert runtime.wait(10)
    assert only(runtime).state == "failed"
    assert only(runtime).reason.startswith("exit code 137, as of signal 9")
    assert only(runtime).run == before.run


def test_what_dies_of_too_much_memory_says_so(agent: MakeAgent, wait_for: WaitFor) -> None:
    runtime = agent()
    eats = "b = []\nwhile True: b.append(bytearray(b'1') * (1 << 20))"
    runtime.begin(
        RunSpec(name="one", digest="d", exclusive=True, command=("-c", eats), limits=Limits(memory_mib=32))
    )
    wait_for(lambda: only(runtime).state == "failed", 30, "its end")
    assert only(runtime).reason.startswith("out of memory (exit code 137)")


@pytest.mark.parametrize(
    ("change", "drift"),
    [
        (["update", "--memory=128m", "--memory-swap=128m"], "memory limit"),
        (["update", "--cpus=0.25"], "cpu limit"),
        (["update", "--restart=unless-stopped"], "restart policy"),
        (["pause"], "paused"),
    ],
)
def test_what_is_changed_by_hand_is_found(
    agent: MakeAgent, docker: Docker, wait_for: WaitFor, change: list[str], drift: str
) -> None:
    runtime = agent()
    runtime.begin(spec(limits=Limits(cpus=0.5, memory_mib=64)))
    assert running(runtime, wait_for).drift == ""
    docker.ask(*change, container(runtime))
    assert only(runtime).drift == drift
    runtime.begin(spec(limits=Limits(cpus=0.5, memory_mib=64)))
    assert running(runtime, wait_for).drift == ""


def test_a_second_container_of_one_name_is_drift_and_goes_with_it(
    agent: MakeAgent, docker: Docker, wait_for: WaitFor
) -> None:
    runtime = agent(prefix="twice")
    runtime.begin(spec())
    running(runtime, wait_for)
    labels = inspected(docker, runtime)["Config"]["Labels"].items()
    docker.ask(
        "create",
        *(f"--label={name}={text}" for name, text in labels),
        "--network=none",
        "python:light",
        "-c",
        "",
    )
    assert only(runtime).drift == "a second container of its name"
    runtime.begin(spec())
    assert running(runtime, wait_for).drift == ""


def test_a_container_without_its_labels_has_drifted(agent: MakeAgent, docker: Docker) -> None:
    runtime = agent(node="n", prefix="bare")
    docker.ask(
        "create",
        "--label=org.sightline.node=n",
        "--label=org.sightline.prefix=bare",
        "--label=org.sightline.instance=one",
        "--network=none",
        "python:light",
        "-c",
        "",
    )
    found = only(runtime)
    assert (found.name, found.digest, found.state, found.drift) == ("one", "", "failed", "labels")


def test_agents_of_one_engine_leave_each_other_alone(
    agent: MakeAgent, docker: Docker, wait_for: WaitFor
) -> None:
    one, other = agent(prefix="a"), agent(prefix="b")
    for runtime in (one, other):
        runtime.begin(spec())
        running(runtime, wait_for)
    stranger = docker.ask("create", "--network=none", "python:light", "-c", "").strip()
    one.end("one")
    assert only(other).state == "running"
    third = agent(prefix="b")
    assert third.find() == []
    with pytest.raises(RuntimeFault, match="b-one is taken by a container that is not this agent's"):
        third.begin(spec())
    third.end("one")
    assert only(other).state == "running"
    docker.ask("rm", stranger)


def test_what_is_missing_is_told_with_how_to_get_it(agent: MakeAgent) -> None:
    runtime = agent()
    with pytest.raises(RuntimeFault, match="image none:ever is not on this machine.*docker pull none:ever"):
        runtime.begin(spec(image="none:ever"))
    with pytest.raises(RuntimeFault, match="network yard is not on this machine.*docker network create yard"):
        runtime.begin(spec(network="yard"))
    with pytest.raises(RuntimeFault, match="expected an image, got none: set IMAGE_NAME"):
        agent(image=None).begin(spec())
    with pytest.raises(RuntimeFault, match="bind source path does not exist"):
        runtime.begin(spec(writes=[Path("/no/such/folder")]))
    assert runtime.find() == []


def test_an_image_that_cannot_be_fetched_is_told(agent: MakeAgent) -> None:
    with pytest.raises(RuntimeFault, match="image 127.0.0.1:9/none:ever cannot be fetched"):
        agent(pull=True).begin(spec(image="127.0.0.1:9/none:ever"))


def test_one_whose_image_is_removed_runs_on(agent: MakeAgent, docker: Docker, wait_for: WaitFor) -> None:
    docker.ask("tag", "python:light", "soon-gone:1")
    runtime = agent()
    runtime.begin(spec(image="soon-gone:1"))
    running(runtime, wait_for)
    docker.ask("rmi", "soon-gone:1")
    assert only(runtime).state == "running"
    assert only(runtime).drift == ""
    with pytest.raises(RuntimeFault, match="image soon-gone:1 is not on this machine"):
        runtime.begin(spec(image="soon-gone:1"))
    assert only(runtime).state == "running"


def test_a_name_that_stands_for_another_image_is_no_drift_and_holds_from_the_next_begin(
    agent: MakeAgent, docker: Docker, wait_for: WaitFor
) -> None:
    docker.ask("tag", "python:light", "moving:1")
    runtime = agent(image="moving:1")
    runtime.begin(spec())
    before = running(runtime, wait_for)
    assert before.image == docker.ask("inspect", "--format", "{{.Id}}", "python:light").strip()
    newer = docker.ask("commit", "--change", "LABEL release=2", container(runtime), "moving:1").strip()
    assert newer != before.image
    found = only(runtime)
    assert (found.run, found.image, found.drift) == (before.run, before.image, "")
    runtime.begin(spec())
    after = running(runtime, wait_for)
    assert (after.image, after.drift) == (newer, "")


def test_a_container_that_fails_at_once_says_why_also_to_the_next_agent(
    docker: Docker, wait_for: WaitFor
) -> None:
    settings = settings_for(docker)
    with DockerRuntime(settings) as runtime:
        runtime.begin(spec(Program.FAILS, exclusive=True))
        wait_for(lambda: only(runtime).state == "failed", 10, "its end")
    with DockerRuntime(settings) as runtime:
        said = "exit code 3: ** ERROR: no camera at rtsp://"
        wait_for(lambda: only(runtime).reason.startswith(said), 10, "what it said last")
        runtime.end("one")


def test_what_was_ready_long_ago_is_ready_for_the_next_agent(docker: Docker, wait_for: WaitFor) -> None:
    settings = settings_for(docker)
    said = "print('Pipeline running', flush=True)\nfor n in range(2000): print(n, flush=True)\n"
    with DockerRuntime(settings) as runtime:
        runtime.begin(RunSpec(name="one", digest="d", command=("-c", said + "import time; time.sleep(600)")))
        wait_for(lambda: runtime.log("one", 1) == ["1999"], 10, "all that it says")
    with DockerRuntime(settings) as runtime:
        running(runtime, wait_for)
        runtime.end("one", at_once=True)
