"""A fleet of three machines on one real engine: coordinator and agents as processes, asked by its API alone.

Deliberately not here: what it is asked for (`wishes`), and what is found on the machine (`comparing`).
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import docker
import psutil
from tests.fleet.agent.agent_process import AgentProcess
from tools.services import Docker
from tools.services.light_images import mounts
from tools.services.ports import free_port
from tools.services.waiting import wait_for

from sightline.errors import FleetError
from sightline.fleet.api.client import FleetClient

NAMES = ("north", "east", "south")
BEGIN_S = 60.0
GUARDS_S = 10.0


class CoordinatorProcess:
    """`sightline coordinator`, on one port for ever, and all that it ever said."""

    def __init__(
        self, bus: str, folder: Path, *, prefix: str, timing: Mapping[str, float], disk: Path | None = None
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.database = (disk or folder) / "fleet.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = folder / "output"
        options = ["--bus", bus, "--db", str(self.database), "--port", str(self.port), "--prefix", prefix]
        self._command = [sys.executable, "-m", "sightline", "-v", "coordinator", *options]
        self._command += ["--timing", json.dumps(dict(timing))]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(self._command, stdout=output, stderr=subprocess.STDOUT)
        wait_for(self._answers, BEGIN_S, "the coordinator to answer")

    @property
    def age_s(self) -> float:
        """Since its newest begin."""
        assert self.process is not None
        begun_s: float = psutil.Process(self.process.pid).create_time()
        return time.time() - begun_s

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(by)
        code = self.process.wait(BEGIN_S)
        self.process = None
        return code

    def said(self) -> str:
        return self._output.read_text()

    def client(self) -> FleetClient:
        token = self.database.with_name(f"{self.database.name}.token").read_text().strip()
        return FleetClient(self.url, token)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            with FleetClient(self.url, "none-at-all") as client:
                client.get("/healthz")
        except FleetError:
            return False
        return True


class Machines:
    """The coordinator, and an agent for each machine. A `with` block starts and ends them.

    Args:
        engine: that all of them share.
        bus: its URL.
        buses: of machines that reach it another way.
        shares: what containers see beside what programs need.
        disk: a folder for the database alone.
        killed: machines whose agents can be killed at a step (`kill_at`).
        settings: more of each agent's.
    """

    def __init__(
        self,
        folder: Path,
        engine: Docker,
        bus: str,
        *,
        image: str,
        timing: Mapping[str, float],
        names: Sequence[str] = NAMES,
        buses: Mapping[str, str] | None = None,
        shares: Sequence[Path] = (),
        disk: Path | None = None,
        killed: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        self.folder, self.engine, self.names = folder, engine, names
        self._opened = ExitStack()
        self.docker = docker.APIClient(engine.address, timeout=20)
        self._opened.callback(self.docker.close)
        self.prefix = f"p{secrets.token_hex(4)}."
        self.agents: dict[str, AgentProcess] = {}
        self.ended: list[AgentProcess] = []
        self.coordinator = CoordinatorProcess(
            bus, folder / "coordinator", prefix=self.prefix, timing=timing, disk=disk
        )
        self._buses = {name: (buses or {}).get(name, bus) for name in names}
        self._killed = frozenset(killed)
        own = {
            "IMAGE_NAME": image,
            "RUNTIMES": ["docker", "process"],
            "DOCKER": engine.address,
            "SHARES": [str(path) for path in (*mounts(), *shares)],
            "PREFIX": self.prefix,
            **settings,
        }
        self._settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in own.items())

    def __enter__(self) -> Self:
        try:
            self.coordinator.start()
            self.api = self._opened.enter_context(self.coordinator.client())
            for name in self.names:
                self.begin(name, self.api.post("/api/v1/enrolment-tokens", {"description": name})["token"])
            wait_for(self._all_connected, BEGIN_S, "three machines to be connected")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self, name: str, token: str | None = None) -> AgentProcess:
        """The agent of that machine, in the place of one that ended."""
        program = ("tests.fleet.proof.killed_agent", str(self._step_of(name)))
        if name in self.agents:
            self.kill(name)
        prefix = f'CONTAINER_PREFIX = "{self.prefix}{name}"\nlabels = {{ room = "{name}" }}\n'
        self.agents[name] = AgentProcess(
            self._buses[name],
            self.folder / name,
            token,
            "--name",
            name,
            settings=self._settings + prefix,
            program=program if name in self._killed else ("sightline",),
        )
        return self.agents[name]

    def kill_at(self, name: str, step: str) -> AgentProcess:
        """The agent of that machine will be killed there (`killed_agent`), and is not by now."""
        assert name in self._killed
        self._step_of(name).write_text(step)
        return self.agents[name]

    def _step_of(self, name: str) -> Path:
        return self.folder / f"{name}.step"

    def kill(self, name: str) -> None:
        """The agent of that machine, as the kernel would where memory is short."""
        agent = self.agents.pop(name)
        agent.end(signal.SIGKILL)
        self.ended.append(agent)

    def state(self, name: str) -> Path:
        """The folder of that agent."""
        return self.folder / name / "state"

    def node_id(self, name: str) -> str:
        return (self.state(name) / "node_id").read_text().strip()

    def said(self) -> str:
        """All that coordinator, agents and guards ever said."""
        said = [each.said() for each in (*self.agents.values(), *self.ended)]
        guards = [path.read_text() for path in self.folder.glob("*/state/guard.log")]
        return "\n".join([self.coordinator.said(), *said, *guards])

    def processes(self) -> list[psutil.Process]:
        """Whoever has this fleet's folder in its arguments: agents, guards, workers, and their own."""
        return [each for each in psutil.process_iter() if str(self.folder) in " ".join(_words(each))]

    def end(self) -> None:
        """All of it; guards too, which would wait for the end of a lease that nobody needs any more."""
        self._opened.close()
        for agent in self.agents.values():
            agent.end(signal.SIGKILL)
        if self.coordinator.process is not None:
            self.coordinator.end(signal.SIGKILL)
        for guard in self._guards():
            with suppress(psutil.NoSuchProcess):
                guard.kill()
        wait_for(lambda: not self._guards(), GUARDS_S, "the guards to be gone")

    def _guards(self) -> list[psutil.Process]:
        return [each for each in self.processes() if "sightline.fleet.runtime.docker.guard" in _words(each)]

    def _all_connected(self) -> bool:
        return all(self._is_connected(name) for name in self.names)

    def _is_connected(self, name: str) -> bool:
        agent = self.agents[name]
        assert agent.process.poll() is None, agent.said()
        found = [each for each in self.api.get("/api/v1/agents")["items"] if each["agent_name"] == name]
        return bool(found) and found[0]["state"] == "connected"


def _words(process: psutil.Process) -> list[str]:
    try:
        return [str(word) for word in process.cmdline()]
    except psutil.Error:
        return []


def in_container(process: psutil.Process) -> bool:
    """Whether it sees other processes than we do; True where it went."""
    try:
        return Path(f"/proc/{process.pid}/ns/pid").readlink() != Path("/proc/self/ns/pid").readlink()
    except OSError:
        return True


def environment_of(process: psutil.Process) -> str:
    """What others of its user can read; "" where it went."""
    try:
        return " ".join(f"{name}={value}" for name, value in process.environ().items())
    except psutil.Error:
        return ""


def arguments_of(process: psutil.Process) -> str:
    return " ".join(_words(process))


def files_below(folder: Path) -> list[Path]:
    return [Path(top, name) for top, _, names in os.walk(folder) for name in names]
