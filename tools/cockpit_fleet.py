"""A whole fleet on this machine, as processes: hub, coordinator with its page, agents, RTSP cameras that draw
streets, and a model that truly looks at them. For the proof in a browser, and for the pictures in the docs.

Deliberately not here: who is let in, and what it runs: whoever uses it asks for that as people do.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tools.services.ports import free_port
from tools.services.process import Process, answers_at
from tools.services.waiting import wait_for

from sightline.errors import FleetError
from sightline.fleet.api.client import FleetClient

ROOT: Final = Path(__file__).resolve().parents[1]
BEGIN_S: Final = 60.0
SIGHTLINE: Final = (sys.executable, "-m", "sightline")
_IN_A_TERMINAL: Final = (sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])")
"""What comes after it writes to one; it ends with it."""
_LINK: Final = re.compile(r"http\S+/first\?code=\S+")


class Cameras:
    """An RTSP server with a street behind each name; a `with` block runs it. Its pid is of its own."""

    def __init__(
        self, folder: Path, streets: Mapping[str, str], *, login: tuple[str, str] | None = None
    ) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self._port = free_port()
        said = [f"{name}={source}" for name, source in streets.items()]
        options = ["--port", str(self._port)]
        environment = {}
        if login is not None:
            options += ["--username", login[0], "--password-env", "CAMERAS_PASSWORD"]
            environment = {"CAMERAS_PASSWORD": login[1]}
        self.process = Process(
            "cameras",
            [*SIGHTLINE, "fakecam", *options, *said],
            folder,
            ready=answers_at(self._port),
            ready_within_s=BEGIN_S,
            environment=environment,
        )

    def url(self, name: str) -> str:
        return f"rtsp://127.0.0.1:{self._port}/{name}"

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()


class CockpitFleet:
    """One that runs within a `with` block. Agents are let in by the coordinator's own token.

    Args:
        folder: of all that it writes.
        agents: their names.
        timing: of `sightline.fleet.timing`, where it is to be another than that of a real fleet.
        terminal: whether somebody sees what the coordinator prints: who has a link for the first login.

    Attributes:
        url: of API and page, also of the next coordinator.
        api: asked by the coordinator's own token.
    """

    def __init__(
        self,
        folder: Path,
        agents: Sequence[str] = ("hall", "tower"),
        *,
        timing: Mapping[str, float] | None = None,
        terminal: bool = False,
    ) -> None:
        self._folder, self._names = folder, agents
        self.bus = f"hub://127.0.0.1:{free_port()}"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.prefix = f"c{secrets.token_hex(3)}."
        self._opened = ExitStack()
        self.database = folder / "coordinator" / "fleet.db"
        options = ["--bus", self.bus, "--db", str(self.database), "--port", str(self._port)]
        options += ["--prefix", self.prefix, *(["--timing", json.dumps(dict(timing))] if timing else [])]
        self._hub = self._made("hub", ["hub", "--port", self.bus.rpartition(":")[2]])
        before = _IN_A_TERMINAL if terminal else ()
        self.coordinator = self._made("coordinator", ["coordinator", *options], before)
        self.agents: dict[str, Process] = {}

    def __enter__(self) -> Self:
        try:
            for process in (self._hub, self.coordinator):
                self._opened.callback(process.kill)
                process.start()
            token = self.database.with_name(f"{self.database.name}.token").read_text().strip()
            self.api = self._opened.enter_context(FleetClient(self.url, token))
            for name in self._names:
                self._let_in(name)
            wait_for(self._all_in, BEGIN_S, "the agents to be let in")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """All of it, each by its own pid; agents first, so that they end what they run."""
        for agent in self.agents.values():
            agent.stop()
        self._opened.close()

    def links(self) -> list[str]:
        """All that the coordinator's terminal showed for a first login, the newest last."""
        found: list[str] = _LINK.findall(self.coordinator.log.read_text())
        return found

    def first_link(self) -> str:
        """The newest of them, once it is there."""
        return wait_for(self.links, BEGIN_S, "a link for the first login")[-1]

    def cameras(self, streets: Mapping[str, str], *, login: tuple[str, str] | None = None) -> Cameras:
        """An RTSP server, from now until the fleet's end or its own."""
        folder = self._folder / f"cameras-{secrets.token_hex(2)}"
        return self._opened.enter_context(Cameras(folder, streets, login=login))

    def kill_coordinator(self) -> None:
        """As the kernel would where memory is short."""
        self.coordinator.kill()

    def camera_states(self) -> dict[str, str]:
        return {one["camera_id"]: one["status"] for one in self.api.all_of("/api/v1/cameras")}

    def said(self) -> str:
        """All that its processes ever said."""
        return "\n".join(path.read_text() for path in self._folder.rglob("*.log"))

    def _let_in(self, name: str) -> None:
        token = self.api.post("/api/v1/enrolment-tokens", {"description": name})["token"]
        folder = self._folder / name
        folder.mkdir()
        (folder / "settings.toml").write_text('RUNTIMES = ["process"]\n')
        options = [
            "--bus",
            self.bus,
            "--prefix",
            self.prefix,
            "--name",
            name,
            "--state",
            str(folder / "state"),
        ]
        environment = {"SIGHTLINE_AGENT_TOKEN": token, "PYTHONPATH": str(ROOT)}  # the model is of these tools
        self.agents[name] = agent = Process(
            name, [*SIGHTLINE, "agent", *options], folder, ready=lambda: True, environment=environment
        )
        self._opened.callback(agent.kill)
        agent.start()

    def _all_in(self) -> bool:
        dead = [name for name, one in self.agents.items() if one.pid is None]
        assert not dead, (dead, self.said())
        found = {one["agent_name"]: one["state"] for one in self.api.get("/api/v1/agents")["items"]}
        return all(found.get(name) == "connected" for name in self._names)

    def _made(self, name: str, words: Sequence[str], before: Sequence[str] = ()) -> Process:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        ready = answers_at(int(self.bus.rpartition(":")[2])) if name == "hub" else self._answers
        return Process(name, [*before, *SIGHTLINE, *words], folder, ready=ready, ready_within_s=BEGIN_S)

    def _answers(self) -> bool:
        try:
            with FleetClient(self.url, "none-at-all") as client:
                client.get("/healthz")
        except FleetError:
            return False
        return True


def street(seed: int, *, fps: int = 10, **more: Any) -> str:
    """A source of `Cameras`: pictures that carry their number, so that the truth of each is known."""
    said = "".join(f"&{name}={value}" for name, value in more.items())
    return f"synthetic://street?seed={seed}&size=640x360&fps={fps}&gop={fps}&preset=ultrafast{said}"


def watching(name: str, seed: int, **more: Any) -> dict[str, Any]:
    """An instance of Sightline's own workers with a model that knows that street."""
    look = {"rate": 10, "model": {"kind": "python", "class": "tools.street_eyes:StreetEyes"}, "track": True}
    look["model"] = {**look["model"], "options": {"seed": seed}}  # type: ignore[dict-item]
    return {"instance_name": name, "kind": "worker", "config": {"workers": {name: look}}, **more}
