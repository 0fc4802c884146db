"""A coordinator on a port of its own, and agents that speak as real ones do: signed, over a bus."""

import math
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

from sightline.errors import Closed
from sightline.fleet.api.client import FleetClient
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.documents.opening import open_config
from sightline.fleet.keys.identity import Identity
from sightline.fleet.keys.tokens import Token, proof
from sightline.fleet.messages.parts import CameraFigures, FleetInstanceStatus
from sightline.fleet.messages.topics import AgentCommand, AgentConfig, AgentInfo, AgentResponse, Message
from sightline.fleet.post.post import Post
from sightline.fleet.timing import Timing

QUICK = Timing(status_s=0.2, lease_s=1.0, margin_s=0.3, ack_s=0.1, move_after_s=0.3, send_again_s=0.5)
BEAT_S = 0.2
GREET_S = 1.0


def bus_url() -> str:
    """A broker of this test's own within the process."""
    return f"memory://fleet-{secrets.token_hex(4)}"


class Agent:
    """Answers as an agent whose instances all run as soon as they are asked for."""

    def __init__(self, bus: str, hostname: str, token: str = "", identity: Identity | None = None) -> None:
        self.node_id, self.hostname = uuid4(), hostname
        self.identity = identity or Identity.made()
        self.token = token
        self.boot, self.seq, self.greeting = 1, 0, 0
        self._greeted: dict[str, Any] = {}
        self._greets_again_s = math.inf
        self.generation = 0
        self.instances: dict[str, Any] = {}
        self.states: dict[str, tuple[str, str]] = {}
        self.cameras: dict[str, str] = {}
        self.said: list[AgentCommand] = []
        self.silent = False
        self.logs = "a line of"
        self.post = Post(bus, identity=self.identity, by=str(self.node_id))
        self._reader = self.post.reader(AgentCommand, AgentConfig, keys=[str(self.node_id), "leases"])
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"agent {hostname}")
        self._thread.start()
        assert self._ready.wait(10)

    def greet(self, **other: Any) -> None:
        """Ask to be let in."""
        self.greeting += 1
        self._greeted = other
        shown = proof(Token.parse(self.token), self.node_id, self.identity.public) if self.token else ""
        self.send(
            AgentInfo(
                node_id=self.node_id,
                hostname=self.hostname,
                ip_address=ip_address("127.0.0.1"),
                runtimes=["docker", "process"],
                boot=self.boot,
                greeting=self.greeting,
                generation=self.generation,
                key=str(self.identity.public),
                proof=shown,
            ).model_copy(update=other)
        )

    def respond(self, **other: Any) -> None:
        """Say how all is."""
        self.seq += 1
        statuses = [self._status(name) for name in self.instances]
        said: dict[str, Any] = {
            "node_id": self.node_id,
            "status": statuses,
            "boot": self.boot,
            "seq": self.seq,
            "full": True,
            "full_seq": self.seq,
            "generation": self.generation,
            "observed_generation": self.generation,
            "verified_generation": self.generation,
            "held": [name for name, one in self.instances.items() if one.exclusive],
        }
        self.send(AgentResponse.model_validate({**said, **other}))

    def send(self, message: Message) -> None:
        self.post.send(message)

    def commands(self, kind: str) -> list[AgentCommand]:
        return [one for one in self.said if one.command == kind]

    def close(self) -> None:
        self._reader.close()
        self._thread.join()
        self.post.close()

    def _status(self, name: str) -> FleetInstanceStatus:
        one = self.instances[name]
        state, reason = self.states.get(name, ("running", ""))
        terms = dict(one.payload.run.terms)
        return FleetInstanceStatus(
            instance_name=name,
            state=state,
            reason=reason,
            generation=one.generation,
            exclusive=one.exclusive,
            cameras={
                camera: CameraFigures(fps=25.0, age_s=0.1, state=self.cameras.get(camera, "live"))
                for camera in terms
            },
            terms=terms,
        )

    def _live(self) -> None:
        while not self._reader.ready(1):
            pass
        self._ready.set()
        try:
            while True:
                for received in self._reader.poll(100, BEAT_S):
                    self._heard(received.message)
                if self._greets_again_s <= time.monotonic():
                    self._greets_again_s = math.inf
                    Agent.greet(self, **self._greeted)
                if self.greeting and not self.silent:
                    self.respond()
        except Closed:
            return

    def _heard(self, message: Message) -> None:
        if self.silent:
            return
        if isinstance(message, AgentConfig):
            desired = open_config(message, self.identity, self.node_id)
            self.generation, self.instances = desired.generation, desired.instances
            self.respond()
        elif isinstance(message, AgentCommand):
            self.said.append(message)
            if message.command == "refuse" and "takes nothing now" in message.reason:
                self._greets_again_s = time.monotonic() + GREET_S
            if message.command == "report":
                self.greet()
                self.respond()
            elif message.command == "logs":
                self.respond(
                    request=message.request, log=f"{self.logs} {message.instance}\n" if self.logs else ""
                )


@contextmanager
def coordinator(folder: Path, bus: str, **settings: Any) -> Iterator[tuple[CoordinatorServer, FleetClient]]:
    """One that runs, and somebody who may ask it."""
    settings = {"timing": QUICK, **settings}
    with (
        CoordinatorServer(bus=bus, database=folder / "fleet.db", **settings) as server,
        FleetClient(server.url, server.token) as client,
    ):
        yield server, client


@contextmanager
def agent(bus: str, client: FleetClient, hostname: str) -> Iterator[Agent]:
    """One that was let in by a token."""
    made = Agent(bus, hostname, client.post("/api/v1/enrolment-tokens")["token"])
    try:
        made.greet()
        yield made
    finally:
        made.close()


def worker(name: str, **other: Any) -> dict[str, Any]:
    """An instance of Sightline's own, as it is wanted."""
    site = {
        "workers": {"look": {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": "out.jsonl"}]}}
    }
    return {"instance_name": name, "kind": "worker", "config": site, **other}


def camera(name: str, **other: Any) -> dict[str, Any]:
    return {"camera_id": name, "address": f"rtsp://10.0.0.5/{name}", **other}
