"""What the document of the DeepStream fleet runs: coordinator, agent and API, the CRUD of its three tables,
and its two messages of users. Each is done as it is done here; the agent's containers have tests of their
own.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.conftest import WaitFor

from sightline.fleet import (
    TOPIC300,
    TOPIC301,
    AgentService,
    AgentSettings,
    CoordinatorServer,
    FleetClient,
    Post,
)
from sightline.fleet.api.client import Refused

YARD = MappingProxyType(
    {
        "instance_name": "yard",
        "kafka_connection_str": "kafka.local;9092",
        "config": {"mot_pgie": {"labelfile_path": "m"}, "face_pgie": {"labelfile_path": "f"}},
    }
)
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cameras": ({"camera_id": "gate", "ip_address": "10.0.0.5"}, {"encodeType": "h265"}),
    "agents": ({"agent_name": "hall"}, {"description": "by the door"}),
    "instances": ({**YARD}, {"mot_raw_meta_topic": "Raw"}),
}
BEGUN_S = 60.0


@pytest.fixture
def bus() -> str:
    return f"memory://seed-{secrets.token_hex(4)}"


@pytest.fixture
def server(bus: str, tmp_path: Path) -> Iterator[CoordinatorServer]:
    """`coordinator.py` and `app.py`, which are one here."""
    with CoordinatorServer(bus=bus, database=tmp_path / "fleet.db") as server:
        yield server


@pytest.fixture
def client(server: CoordinatorServer) -> Iterator[FleetClient]:
    with FleetClient(server.url, server.token) as client:
        yield client


@pytest.mark.parametrize("table", ROWS)
def test_each_of_the_three_tables_is_made_read_changed_and_emptied(client: FleetClient, table: str) -> None:
    row, change = ROWS[table]
    path = f"/api/v1/{table}"
    made = client.post(path, row)
    assert client.get(f"{path}/{made['id']}") == made
    assert [one["id"] for one in client.get(path)["items"]] == [made["id"]]
    changed = client.ask("PATCH", f"{path}/{made['id']}", json=change)
    assert change.items() <= changed.items()
    client.ask("DELETE", f"{path}/{made['id']}")
    with pytest.raises(Refused, match="there is no"):
        client.get(f"{path}/{made['id']}")


def test_a_password_goes_in_and_never_comes_out(client: FleetClient) -> None:
    made = client.post("/api/v1/cameras", {**ROWS["cameras"][0], "username": "viewer", "password": "kX9-vZ2"})
    assert made["has_password"]
    assert "password" not in made
    assert "kX9-vZ2" not in str(made)


def test_whether_to_debug_is_chosen(client: FleetClient) -> None:
    assert client.post("/api/v1/instances", {**YARD, "debug": True})["debug"]


def test_a_new_agent_is_connected_and_updated_without_refresh(
    client: FleetClient, bus: str, tmp_path: Path, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    token = client.post("/api/v1/enrolment-tokens")["token"]
    said = 'IMAGE_NAME = "deepstream:8.0"', 'GPULIST = ["NVIDIA L4"]', "CAPACITY = 16"
    Path("settings.toml").write_text("\n".join(said))
    options = {"bus": bus, "token": token, "state": Path("agent"), "name": "box", "runtimes": ["process"]}
    settings = AgentSettings.read(options, environ={})
    assert settings.image_name == "deepstream:8.0"
    with AgentService(settings) as agent:
        wait_for(lambda: client.get("/api/v1/agents", state="connected")["items"], BEGUN_S, "it is noticed")
        row = client.get("/api/v1/agents/box")
        assert row["connected"]
        assert (row["node_id"], row["hostname"]) == (str(agent.node_id), "box")
        assert (row["gpulist"], row["capacity"]) == (["NVIDIA L4"], 16)
        client.post("/api/v1/instances", {**YARD, "run": {"runtime": "process"}})
        client.post("/api/v1/cameras", {**ROWS["cameras"][0], "instance_name": "yard"})
        plan = client.get("/api/v1/plan")
        assert [(one["name"], one["node"]) for one in plan["instances"]] == [("yard", str(agent.node_id))]


def test_both_apis_are_there_and_both_topics_do_what_they_do(
    server: CoordinatorServer, client: FleetClient, bus: str, wait_for: WaitFor
) -> None:
    client.post("/api/v1/cameras", ROWS["cameras"][0])
    assert client.post("/api/v1/refresh", {"desc": "who is there?"})["revision"] == 0
    assert client.post("/api/v1/update-config", {"desc": "a camera"})["revision"] == 1
    client.post("/api/v1/instances", {**YARD})
    with Post(bus, identity=server.service.identity, by="user") as user:
        user.send(TOPIC301(desc="who is there?"))
        user.send(TOPIC300(desc="an instance"))
        wait_for(lambda: client.get("/api/v1/status")["revision"] == 2, BEGUN_S, "it is applied")
    assert client.get("/api/v1/status")["counts"].items() >= {"UpdateConfig": 1, "Refresh": 1}.items()
