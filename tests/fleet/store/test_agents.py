"""Machines in the database: what they say, what users say over it, and how they are let in."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fleet.store.filled import camera, worker

from sightline.errors import FleetError
from sightline.fleet.deciding.coordinator.actions import Save
from sightline.fleet.inventory import AgentSpec, Placement
from sightline.fleet.keys.tokens import Proven, TokenRecord, digest_of
from sightline.fleet.messages.topics import AgentInfo
from sightline.fleet.store import Database, Missing
from sightline.testing import ManualClock

NODE = UUID("8c1f3e0a-5b52-4c37-9d0e-2f6f6a3c1b11")
SECRET = "s" * 43


def said(node_id: UUID = NODE, **more: Any) -> AgentInfo:
    values = {
        "hostname": "box",
        "ip_address": "10.0.0.2",
        "key": "KEY",
        "labels": {"room": "a"},
        "capacity": 4,
    }
    return AgentInfo.model_validate({"node_id": node_id, **values, **more})


def token(database: Database, clock: ManualClock, uses: int = 1) -> Proven:
    expires = clock.utc_ns() + 60 * 10**9
    database.tokens.add(
        TokenRecord(token_id="t1", digest=digest_of(SECRET), expires_at_ns=expires, uses_left=uses),
        "for the hall",
    )
    return Proven("t1", SECRET)


def let_in(database: Database, node_id: UUID = NODE, hostname: str = "box") -> None:
    spec = AgentSpec(node_id=node_id, hostname=hostname, capacity=4, labels={"room": "a"})
    database.save(Save(agents={node_id: spec}))


def test_a_token_lets_one_agent_in(database: Database, clock: ManualClock) -> None:
    proven = token(database, clock)
    database.tokens.enrol(proven, said())
    agent = database.agents.get(str(NODE))
    assert (agent.agent_name, agent.hostname, agent.ip_address, agent.enrolled) == (
        "box",
        "box",
        "10.0.0.2",
        True,
    )
    assert database.agents.key_of(NODE) == "KEY"
    with pytest.raises(FleetError, match="was used already"):
        database.tokens.enrol(proven, said(uuid4(), key="OTHER"))
    assert database.agents.page().total == 1
    (shown,) = database.tokens.list()
    assert (shown.uses_left, shown.used_by, shown.description) == (0, [str(NODE)], "for the hall")
    assert SECRET not in shown.model_dump_json()


def test_the_same_agent_may_show_its_token_again(database: Database, clock: ManualClock) -> None:
    proven = token(database, clock)
    database.tokens.enrol(proven, said())
    database.tokens.enrol(proven, said())
    with pytest.raises(FleetError, match="wrong"):
        database.tokens.enrol(Proven("t1", "x" * 43), said())
    with pytest.raises(FleetError, match="was used already"):
        database.tokens.enrol(proven, said(key="ANOTHER"))


@pytest.mark.parametrize("why", ["wrong", "expired", "taken back", "unknown"])
def test_a_token_that_does_not_hold_lets_nobody_in(database: Database, clock: ManualClock, why: str) -> None:
    proven = token(database, clock)
    if why == "wrong":
        proven = Proven("t1", "x" * 43)
    elif why == "expired":
        clock.move(61)
    elif why == "taken back":
        database.tokens.revoke("t1")
    else:
        proven = Proven("t2", SECRET)
    with pytest.raises(FleetError, match="wrong" if why == "unknown" else why):
        database.tokens.enrol(proven, said())
    assert database.agents.page().total == 0


def test_no_token_no_taking_back(database: Database) -> None:
    with pytest.raises(Missing):
        database.tokens.revoke("t1")


def test_what_users_set_lies_over_what_an_agent_says(database: Database, clock: ManualClock) -> None:
    database.tokens.enrol(token(database, clock), said())
    let_in(database)
    changed = database.agents.change(
        "box", {"labels": {"room": "b", "gpu": "no"}, "capacity": 2, "drained": True}
    )
    assert (changed.labels, changed.capacity, changed.state) == ({"room": "b", "gpu": "no"}, 2, "drained")
    spec = database.agents.spec(NODE)
    assert spec is not None
    assert (spec.labels, spec.capacity, spec.drained) == ({"room": "b", "gpu": "no"}, 2, True)
    told = database.agents.greeted(said(labels={"room": "c", "floor": "1"}, capacity=9))
    assert (told.labels, told.capacity) == ({"room": "b", "gpu": "no", "floor": "1"}, 2)
    assert database.memory().agents[NODE].labels == {"room": "b", "gpu": "no"}


def test_only_a_real_change_raises_an_agents_generation(database: Database) -> None:
    database.agents.add({"agent_name": "hall", "node_id": str(NODE)})
    assert database.agents.change("hall", {"labels": {}, "drained": False}).generation == 1
    assert database.agents.change("hall", {"labels": {"a": "b"}}).generation == 2
    assert database.agents.change("hall", {"labels": {"a": "b"}}).generation == 2
    assert database.agents.replace("hall", {"agent_name": "hall"}).labels == {}


def test_an_agent_that_was_sent_away_is_no_more(database: Database, clock: ManualClock) -> None:
    database.tokens.enrol(token(database, clock), said())
    let_in(database)
    database.agents.change("box", {"revoked": True})
    assert database.agents.key_of(NODE) is None
    assert database.agents.spec(NODE) is None
    assert database.memory().agents == {}
    assert database.agents.keys() == {}


def test_two_of_one_hostname_have_two_names(database: Database) -> None:
    let_in(database)
    other = uuid4()
    let_in(database, other)
    assert {agent.agent_name for agent in database.agents.page().items} == {"box", f"box-{str(other)[:8]}"}


def test_an_agent_that_goes_leaves_its_instances_and_cameras(database: Database) -> None:
    database.agents.add({"agent_name": "hall", "node_id": str(NODE)})
    instance = database.instances.add(worker(agent_name="hall"))
    gate = database.cameras.add(camera(agent_name=str(NODE)))
    assert database.inventory().instances["motion"].node == database.inventory().cameras["gate"].node == NODE
    database.save(Save(placement=Placement(instances={"motion": NODE})))
    database.agents.remove("hall")
    assert database.instances.get("motion").generation == instance.generation + 1
    assert database.cameras.get("gate").generation == gate.generation + 1
    assert database.inventory().instances["motion"].node is None
    assert database.memory().placement == Placement()


def test_agents_are_found_by_what_they_are(database: Database) -> None:
    let_in(database)
    database.agents.add({"agent_name": "new", "labels": {"room": "z"}, "description": "upstairs"})
    database.save(Save(placement=Placement(instances={"motion": NODE})))

    def found(**by: Any) -> list[str]:
        return [agent.agent_name for agent in database.agents.page(**by).items]

    assert found(state="new") == ["new"] == found(label="room=z") == found(text="UPST") == found(name="new")
    assert found(state="lost") == ["box"] == found(instance="motion")
    assert found(state="connected") == found(state="nonsense") == []
    assert database.agents.get("box").instance_count == 1
