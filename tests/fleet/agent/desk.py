"""A coordinator's desk for the tests of agents: lets them in, acknowledges, and says what a test wants."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from sightline.errors import Closed
from sightline.fleet.agent.settings import AgentSettings
from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, NodeShare
from sightline.fleet.documents.building import config_for
from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.fleet.keys.tokens import Token, read_proof
from sightline.fleet.messages.parts import FleetInstanceStatus, RunOptions
from sightline.fleet.messages.topics import AgentCommand, AgentInfo, AgentResponse, Lease
from sightline.fleet.post.post import Post
from sightline.fleet.timing import Timing

STANDIN = (sys.executable, "-m", "sightline.deepstream.standin")
QUICK = Timing(
    status_s=0.3,
    lease_s=2.0,
    margin_s=0.5,
    ack_s=0.2,
    greet_s=0.2,
    most_greet_s=0.5,
    figures_s=0.5,
    wait_for_config_s=0.3,
)
DEEPSTREAM: dict[str, Any] = {
    "appconfig": {"kafka_connection_str": "127.0.0.1:9"},
    "mot_pgie": {"labelfile_path": "/models/mot.txt"},
    "face_pgie": {"labelfile_path": "/models/face.txt"},
}
PASSWORD = "pl4nted-geheim"
GATE = CameraSource(camera_id="gate", address="rtsp://127.0.0.1:9/main", username="admin", password=PASSWORD)


def agent_settings(bus: str, state: Path, token: Token | None, **more: Any) -> AgentSettings:
    said = {
        "bus": bus,
        "state": state,
        "deepstream": STANDIN,
        "runtimes": ("process",),
        "name": "one",
        **more,
    }
    return AgentSettings.read({**said, "token": token and token.text}, environ={})


def source(
    name: str, *, config: dict[str, Any] | None = None, kind: str = "deepstream", **run: Any
) -> InstanceSource:
    options = RunOptions(**{"runtime": "process", "ready_s": 20.0, "settle_s": 0.2, **run})
    return InstanceSource(
        name=name, kind=kind, config=DEEPSTREAM if config is None else config, run=options, debug=True
    )


class Desk:
    """One coordinator, for any number of agents; it knows nothing but what it heard.

    Attributes:
        silent: it hears, and says nothing by itself.
    """

    def __init__(
        self, url: str, *, identity: Identity | None = None, lease_s: float = QUICK.lease_s, prefix: str = ""
    ) -> None:
        self.identity = identity or Identity.made()
        self.token = Token.made(self.identity.public)
        self.silent = False
        self.infos: list[AgentInfo] = []
        self.responses: list[AgentResponse] = []
        self.keys: dict[UUID, PublicKey] = {}
        self.generation = self.numbers = 0
        self._lease_s = lease_s
        self.post = Post(url, identity=self.identity, by="coordinator", prefix=prefix)
        self._reader = self.post.reader(AgentInfo, AgentResponse)
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.post.close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def node_id(self) -> UUID:
        return self.infos[-1].node_id

    def status(self) -> dict[str, FleetInstanceStatus]:
        """How all instances are, as it was said last."""
        full = [one for one in self.responses if one.full]
        return {one.instance_name: one for one in full[-1].status} if full else {}

    def state(self, name: str) -> str:
        found = self.status().get(name)
        return found.state if found else ""

    def verified(self) -> int:
        return self.responses[-1].verified_generation if self.responses else -1

    def configure(
        self, *sources: InstanceSource, exclusive: bool = False, key: PublicKey | None = None
    ) -> int:
        """Have the agent run these, each with the camera `gate`; gives the generation."""
        self.generation += 1
        share = NodeShare(
            node_id=self.node_id,
            generation=self.generation,
            instances=tuple(
                InstanceShare(one.name, self.generation, exclusive, (CameraShare("gate", 1, 1),))
                for one in sources
            ),
        )
        there = Sources(cameras={"gate": GATE}, instances={one.name: one for one in sources})
        built = config_for(share, there, hostname="one", key=key or self.keys[self.node_id])
        assert built.mistakes == ()
        self.post.send(built.config)
        return self.generation

    def command(self, command: Any, **settings: Any) -> None:
        """With all that has the agent that greeted last obey it."""
        self.numbers += 1
        of = self.infos[-1]
        said = {"boot": of.boot, "greeting": of.greeting, "key": of.key, "number": self.numbers}
        self.post.send(AgentCommand(command=command, node_id=of.node_id, **{**said, **settings}))

    def _live(self) -> None:
        while True:
            try:
                came = self._reader.poll(100, 0.5)
            except Closed:
                return
            for each in came:
                if isinstance(each.message, AgentInfo):
                    assert each.signed_by(PublicKey.parse(each.message.key))
                    self._greeted(each.message)
                elif isinstance(each.message, AgentResponse):
                    assert each.signed_by(self.keys[each.message.node_id])
                    self._answered(each.message)

    def _greeted(self, info: AgentInfo) -> None:
        key = PublicKey.parse(info.key)
        if info.proof:
            proven = read_proof(self.identity, info.proof, info.node_id, key)
            assert (proven.token_id, proven.secret) == (self.token.token_id, self.token.secret)
        self.keys[info.node_id] = key
        self.generation = max(self.generation, info.generation)
        self.infos.append(info)
        if not self.silent:
            self.post.send(
                AgentCommand(
                    command="welcome",
                    node_id=info.node_id,
                    boot=info.boot,
                    greeting=info.greeting,
                    generation=0,
                    lease_s=self._lease_s,
                )
            )

    def _answered(self, response: AgentResponse) -> None:
        self.responses.append(response)
        if not self.silent:
            lease = Lease(node_id=response.node_id, boot=response.boot, seq=response.seq)
            self.post.send(AgentCommand(command="leases", leases=[lease]))
