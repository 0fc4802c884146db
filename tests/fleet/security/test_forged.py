"""What a stranger can do who reads and writes all topics, and has no key: nothing that an agent obeys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, coordinator

from sightline.fleet.api.client import FleetClient
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.topics import Refresh, UpdateConfig
from sightline.fleet.post.post import Post

pytestmark = pytest.mark.usefixtures("no_leaks")


@contextmanager
def one_agent(folder: Path, wait_for: WaitFor) -> Iterator[tuple[str, CoordinatorServer, FleetClient, Agent]]:
    """A coordinator and an agent that is in."""
    bus = bus_url()
    with coordinator(folder, bus) as (server, client), agent(bus, client, "hall") as hall:
        wait_for(lambda: hall.commands("welcome"), 10, "it is let in")
        yield bus, server, client, hall


@contextmanager
def posing_as(bus: str, hall: Agent, identity: Identity | None) -> Iterator[Agent]:
    """`hall` sends by somebody else's post."""
    true, token, boot = hall.post, hall.token, hall.boot
    with Post(bus, identity=identity, by=str(hall.node_id)) as forger:
        hall.post, hall.token, hall.silent = forger, "", True
        try:
            yield hall
        finally:
            hall.post, hall.token, hall.silent, hall.boot = true, token, False, boot


def looked_at(server: CoordinatorServer, times: int, wait_for: WaitFor) -> None:
    """So many greetings were refused."""
    wait_for(lambda: server.service.counts().get("refused_greeting", 0) >= times, 20, "they are looked at")


def refusals(hall: Agent) -> list[Any]:
    """Those that its own agent would obey."""
    return [one for one in hall.commands("refuse") if one.key == str(hall.identity.public)]


@pytest.mark.parametrize("identity", [None, Identity.made()], ids=["unsigned", "by another key"])
def test_a_forged_message_has_no_agent_refused(
    tmp_path: Path, wait_for: WaitFor, identity: Identity | None
) -> None:
    with one_agent(tmp_path, wait_for) as (bus, server, _, hall):
        with posing_as(bus, hall, identity):
            hall.respond(boot=0)
            hall.respond(seq=1000)
            keys = hall.identity.public, (identity or hall.identity).public
            for times, key in enumerate(map(str, keys), 1):
                hall.greet(greeting=1, key=key)
                looked_at(server, times, wait_for)
            wait_for(lambda: server.service.counts().get("refused_signature", 0) >= 2, 10, "and these")
        leases = len(hall.commands("leases"))
        wait_for(lambda: len(hall.commands("leases")) > leases + 1, 10, "the true one is heard")
        assert refusals(hall) == []
        assert all(one.key for one in hall.commands("refuse")), "none that names nobody"


def test_who_is_refused_is_named_by_its_key(tmp_path: Path, wait_for: WaitFor) -> None:
    with one_agent(tmp_path, wait_for) as (_, _, client, hall):
        client.post("/api/v1/agents/hall/revoke")
        hall.greet()
        told = wait_for(lambda: refusals(hall), 10, "it is refused")
        assert {one.key for one in told} == {str(hall.identity.public)}


def test_a_flood_of_greetings_is_answered_and_noted_a_few_times(tmp_path: Path, wait_for: WaitFor) -> None:
    with one_agent(tmp_path, wait_for) as (bus, server, client, hall):
        stranger = Agent(bus, "flood")
        try:
            for _ in range(500):
                stranger.node_id = uuid4()
                stranger.greet()
            looked_at(server, 500, wait_for)
            welcomes = len(hall.commands("welcome"))
            hall.greet()
            wait_for(lambda: len(hall.commands("welcome")) > welcomes, 10, "the true one is let in")
        finally:
            stranger.close()
        wait_for(lambda: client.get("/api/v1/events")["total"], 10, "some are noted")
        assert client.get("/api/v1/events")["total"] < 150


def test_nobody_applies_the_draft_by_the_topic_without_the_coordinators_key(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    with one_agent(tmp_path, wait_for) as (bus, server, client, hall):
        client.post("/api/v1/cameras", {"camera_id": "half-done", "address": "rtsp://10.0.0.5/x"})
        for identity in (None, Identity.made(), hall.identity):
            with Post(bus, identity=identity, by="user") as user:
                user.send(UpdateConfig(desc="please"))
                user.send(Refresh())
        wait_for(lambda: server.service.counts().get("refused_user", 0) == 6, 10, "all came")
        assert client.get("/api/v1/status")["revision"] == 0
        with Post(bus, identity=server.service.identity, by="user") as user:
            user.send(UpdateConfig(desc="please"))
        wait_for(lambda: client.get("/api/v1/status")["revision"] == 1, 10, "it is applied")


def test_anybody_may_where_a_user_opened_the_topics(tmp_path: Path, wait_for: WaitFor) -> None:
    """As the document has it: its own pages send on the topics themselves."""
    bus = bus_url()
    with (
        coordinator(tmp_path, bus, open_topics=True) as (_, client),
        Post(bus, identity=None, by="page") as user,
    ):
        client.post("/api/v1/cameras", {"camera_id": "gate", "address": "rtsp://10.0.0.5/x"})
        user.send(UpdateConfig(desc="please"))
        wait_for(lambda: client.get("/api/v1/status")["revision"] == 1, 10, "it is applied")
