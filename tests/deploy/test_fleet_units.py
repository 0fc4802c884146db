"""The units of systemd: right as systemd has it, with few rights; what they begin, run as it stands there."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import WaitFor, missing
from tests.deploy.units import FOLDER, Unit, command, environment, said, seconds, unit

from sightline.fleet.api.client import FleetClient
from sightline.hub import StreamServer
from sightline.hub.broker.loops import new_loop

COORDINATOR, AGENT = "sightline-coordinator.service", "sightline-agent.service"
MOST_EXPOSED = {COORDINATOR: 1.5, AGENT: 2.5}
UP_S = 60.0


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    return found or missing("systemd-analyze: not found; to add it: apt-get install systemd")


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_systemd_takes_it_but_for_a_program_that_is_not_installed(name: str, analyze: str) -> None:
    done = subprocess.run(
        [analyze, "verify", str(FOLDER / name)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "/opt/sightline/bin/sightline" not in line] == []


@pytest.mark.parametrize(("name", "most"), MOST_EXPOSED.items())
def test_it_may_do_little(name: str, most: float, analyze: str) -> None:
    ask = [analyze, "security", "--offline=true", f"--threshold={most * 10:.0f}", "--no-pager"]
    done = subprocess.run([*ask, str(FOLDER / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


@pytest.mark.parametrize("name", MOST_EXPOSED)
def test_secrets_are_handed_over_and_stand_nowhere(name: str) -> None:
    one = unit(name)
    credentials = {value.partition(":")[0] for value in said(one, "LoadCredential")}
    assert "kafka_password" in credentials
    (named,) = said(one, "EnvironmentFile")
    beside = (FOLDER / Path(named).name).read_text("utf-8")
    assert f"password_file=/run/credentials/{name}/kafka_password" in beside
    assert not [line for line in beside.splitlines() if "token" in line.lower() and not line.startswith("#")]
    (exec_start,) = said(one, "ExecStart")
    assert "${CREDENTIALS_DIRECTORY}/" in exec_start


def test_a_guard_outlives_its_agent() -> None:
    assert said(unit(AGENT), "KillMode") == ["process"]
    assert said(unit(AGENT), "DynamicUser") == []  # the number of a user that is gone would be given away


class Service:
    """What a unit begins, in a folder of its own."""

    def __init__(self, name: str, folder: Path, opened: ExitStack, **more: str) -> None:
        self.unit: Unit = unit(name)
        self.folder = folder
        for part in ("state", "credentials"):
            (folder / part).mkdir(mode=0o700, parents=True)
        self._more, self._opened = more, opened

    def credential(self, name: str, text: str) -> None:
        """As systemd 252 has it: its owner and, by the mask of a list, a group."""
        path = self.folder / "credentials" / name
        path.touch(0o440)
        path.write_text(text)

    def begin(self) -> None:
        environ = environment(self.unit, self.folder, self._more)
        self._output = self._opened.enter_context((self.folder / "output").open("w+b"))
        self.process = subprocess.Popen(
            command(self.unit, environ, Path(sys.executable).parent),
            env=environ,
            cwd="/",
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._opened.callback(self.process.wait)
        self._opened.callback(self.process.kill)

    def said(self) -> str:
        return (self.folder / "output").read_text()

    def end(self) -> None:
        begun_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        limit_s = seconds(self.unit, "TimeoutStopSec")
        assert self.process.wait(limit_s) == 0, self.said()
        assert time.monotonic() - begun_s < limit_s / 2


def test_what_they_begin_runs_and_ends_in_its_time(
    tmp_path: Path, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    new_loop().close()
    port = free_port()
    with StreamServer(port=0) as hub, ExitStack() as opened:
        coordinator = Service(COORDINATOR, tmp_path / "c", opened, BUS=hub.url, PORT=str(port))
        coordinator.credential("root_token", "pl4nted-root-token\n")
        coordinator.credential("kafka_password", "pl4nted-kafka\n")
        coordinator.begin()
        agent = Service(AGENT, tmp_path / "a", opened, SIGHTLINE_AGENT_BUS=hub.url)
        wait_for(lambda: "to let a machine in" in coordinator.said(), UP_S, coordinator.said() or "its begin")
        with FleetClient(f"http://127.0.0.1:{port}", "pl4nted-root-token") as client:
            agent.credential("enrolment_token", client.post("/api/v1/enrolment-tokens")["token"])
            agent.begin()

            def states() -> list[str]:
                return [row["state"] for row in client.get("/api/v1/agents")["items"]]

            wait_for(lambda: states() == ["connected"], UP_S, "the agent to be let in")
        agent.end()
        coordinator.end()
        assert "pl4nted" not in coordinator.said() + agent.said()
        there = {path.name for path in (tmp_path / "c" / "state").iterdir()}
        assert {"fleet.db", "fleet.db.key", "fleet.db.identity"} <= there
        assert (tmp_path / "a" / "state" / "node_id").exists()
