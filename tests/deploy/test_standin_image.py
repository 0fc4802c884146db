"""The image of the stand-in: its Dockerfile, and one made of this machine's files, run as by a fleet."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tools.services import Docker
from tools.services.docker import ROOT
from tools.services.standin_image import NAME, add_standin

from sightline.deepstream.standin.program import FAULTS_FILE

FOLDER = ROOT / "deploy" / "deepstream-standin"
APP = """
[application]
enable-perf-measurement=1
perf-measurement-interval-sec=1

[source0]
enable=1
type=4
uri=rtsp://127.0.0.1:9/gate

[streammux]
batch-size=1
width=1280
height=720
live-source=1

[sink0]
enable=1
type=1
"""


def test_its_dockerfile_is_what_the_readme_builds_and_stops_by_an_interrupt() -> None:
    lines = (FOLDER / "Dockerfile").read_text("utf-8").splitlines()
    assert "STOPSIGNAL SIGINT" in lines
    assert 'ENTRYPOINT ["/opt/sightline/bin/python", "-m", "sightline.deepstream.standin"]' in lines
    named = next(line for line in lines if "docker build" in line).removeprefix("#").strip()
    assert named in (FOLDER / "README.md").read_text("utf-8")
    copied = {
        word for line in lines if line.startswith("COPY") for word in line.split()[1:-1] if "/" not in word
    }
    ignoring = (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in ignoring if line.startswith("!")} == {
        place for place in copied if not place.startswith("--")
    }


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        add_standin(docker)
        yield docker


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)  # for users in containers
    (tmp_path / "app.txt").write_text(APP)
    return tmp_path


def begin(docker: Docker, name: str, configs: Path, *options: str) -> None:
    mounted = f"--volume={configs}:/configs:ro"
    docker.ask(
        "run",
        "--detach",
        f"--name={name}",
        "--network=none",
        mounted,
        *options,
        NAME,
        "-c",
        "/configs/app.txt",
    )


def logs(docker: Docker, name: str) -> str:
    return docker.ask("logs", name)


def state(docker: Docker, name: str) -> str:
    return docker.ask("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", name).strip()


@pytest.mark.needs("docker")
@pytest.mark.alone
class TestRun:
    def test_it_runs_alone_on_its_configuration_and_stops_well(
        self, docker: Docker, configs: Path, wait_for: WaitFor
    ) -> None:
        begin(docker, "well", configs, "--read-only", "--user=10001:10001", "--cap-drop=ALL")
        wait_for(lambda: "30.00" in logs(docker, "well"), 30.0, "a line of PERF")
        began_s = time.monotonic()
        docker.ask("stop", "--time=20", "well")
        assert time.monotonic() - began_s < 15.0
        assert state(docker, "well") == "exited 0"
        assert logs(docker, "well").endswith("App run successful\n")

    def test_sigterm_does_not_end_the_first_process_of_a_container(
        self, docker: Docker, configs: Path, wait_for: WaitFor
    ) -> None:
        begin(docker, "deaf", configs)
        wait_for(lambda: "Runtime" in logs(docker, "deaf"), 30.0, "its begin")
        docker.ask("kill", "--signal=TERM", "deaf")
        told = logs(docker, "deaf").count("30.00")
        wait_for(lambda: logs(docker, "deaf").count("30.00") > told + 1, 30.0, "more lines of PERF")
        docker.kill("deaf")
        wait_for(lambda: state(docker, "deaf") == "exited 137", 10.0, "its end")

    def test_what_it_would_not_load_and_what_befalls_it_are_in_its_exit_code(
        self, docker: Docker, configs: Path, wait_for: WaitFor
    ) -> None:
        begin(docker, "crashing", configs, "--env=STANDIN_FAULTS=crash at 100ms")
        begin(docker, "told", configs)
        wait_for(lambda: "30.00" in logs(docker, "told"), 30.0, "a line of PERF")
        (configs / FAULTS_FILE).write_text("exit 5 at 1s")
        wait_for(lambda: state(docker, "told") == "exited 5", 30.0, "the exit that was told")
        wait_for(lambda: state(docker, "crashing") == "exited 139", 30.0, "the crash")
        (configs / FAULTS_FILE).unlink()
        (configs / "app.txt").write_text(APP.replace("type=4", "type=77"))
        begin(docker, "refused", configs)
        wait_for(lambda: state(docker, "refused") == "exited 255", 30.0, "the refusal")

    def test_its_program_is_called_as_the_real_one_is(self, docker: Docker) -> None:
        told = docker.ask("run", "--rm", "--network=none", NAME, "--version")
        assert told.startswith("deepstream-app version")
        with pytest.raises(RuntimeError, match="255"):
            docker.ask("run", "--rm", "--network=none", NAME, "-c", "/nowhere.txt")
