"""Of which topics a change in the real database is news."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from tests.cockpit.security.rig import served

from sightline.cockpit.looks import look
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.deciding.coordinator.actions import Noted
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.fleet.store.observing import AgentSeen, CameraSeen
from sightline.fleet.store.rows import AgentIn, CameraIn

NODE = UUID("6f1b7c58-8a4f-4a3e-9d0f-0c9a1d2e3f40")

BEFORE = {"one": "live", "two": "stalled", "three": "stalled", "four": "live"}
AFTER = {"one": "stalled", "two": "live", "three": "live", "four": "stalled"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with served(tmp_path_factory.mktemp("looks")) as server:
        for name in BEFORE:
            server.service.database.cameras.add(camera(name))
        server.service.database.agents.add(
            AgentIn.model_validate({"agent_name": "hall", "node_id": str(NODE)})
        )
        see(server.service.database, **BEFORE)
        yield server


def camera(name: str) -> CameraIn:
    return CameraIn.model_validate({"camera_id": name, "address": f"rtsp://{name}/1"})


def see(database: Database, **states: str) -> None:
    cameras = {name: CameraSeen(status=state) for name, state in states.items()}
    database.observed.observe(cameras=cameras)
    database.observed.write(now=True)


def heard(database: Database, at: int, *, connected: bool) -> None:
    database.observed.observe(agents={NODE: AgentSeen(connected=connected, last_seen=at)})
    database.observed.write(now=True)


CHANGES: dict[str, tuple[Callable[[Database], object], set[str]]] = {
    "nothing": (lambda database: None, set()),
    "a camera more": (
        lambda database: database.cameras.add(camera("roof")),
        {"cameras", "status"},
    ),
    "a camera less": (lambda database: database.cameras.remove("roof"), {"cameras", "status"}),
    "a camera is found otherwise": (lambda database: see(database, one="backing_off"), {"cameras"}),
    "cameras change places": (lambda database: see(database, **AFTER), {"cameras"}),
    "a machine is there": (lambda database: heard(database, 1000, connected=True), {"agents"}),
    "a machine is heard again": (lambda database: heard(database, 90_000, connected=True), set()),
    "something happened": (lambda database: database.events.note([Noted(what="a tree fell")]), {"events"}),
    "a user changed": (
        lambda database: database.users.change(Role.VIEWER.value, disabled=True),
        {"users"},
    ),
}


def test_cameras_that_change_places_are_news_though_all_sums_are_the_same(tmp_path: Path) -> None:
    here, there = ("1", "5", "6"), ("2", "3", "7")  # as many, of the same sum and sum of squares
    with served(tmp_path) as server:
        for number in range(1, 8):
            server.service.database.cameras.add(camera(str(number)))
        see(server.service.database, **dict.fromkeys(here, "live"), **dict.fromkeys(there, "stalled"))
        before = look(server.service)
        see(server.service.database, **dict.fromkeys(here, "stalled"), **dict.fromkeys(there, "live"))
        assert look(server.service)["cameras"] != before["cameras"]


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_is_news_of_its_topics_alone(server: CoordinatorServer, what: str) -> None:
    change, topics = CHANGES[what]
    see(server.service.database, **BEFORE)
    before = look(server.service)
    change(server.service.database)
    after = look(server.service)
    assert {topic for topic in before if before[topic] != after[topic]} == topics
