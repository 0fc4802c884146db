"""What becomes of an agent that is connected when its key is taken back."""

from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import agent, bus_url, camera, coordinator, worker

from sightline.fleet.messages.topics import AgentCommand

pytestmark = pytest.mark.usefixtures("no_leaks")


def test_a_connected_agent_whose_key_is_taken_back_loses_all_and_comes_back_by_no_token(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    bus = bus_url()
    with (
        coordinator(tmp_path, bus) as (_, client),
        agent(bus, client, "hall") as hall,
        agent(bus, client, "yard") as yard,
    ):
        wait_for(lambda: client.get("/api/v1/agents", state="connected")["total"] == 2, 10, "both are in")
        client.post("/api/v1/instances", worker("one", exclusive=True))
        client.post("/api/v1/cameras", camera("first", instance_name="one"))
        client.post("/api/v1/update-config")
        wait_for(lambda: hall.instances or yard.instances, 10, "one of them runs it")
        sent, other = (hall, yard) if hall.instances else (yard, hall)
        client.post(f"/api/v1/agents/{sent.hostname}/revoke")
        wait_for(lambda: not sent.instances and other.instances, 10, "the other one does, and it does not")

        login = {"username": "viewer", "password": "planted-later"}
        client.post("/api/v1/cameras", camera("gate", instance_name="one", **login))
        client.post("/api/v1/update-config")
        wait_for(lambda: "gate" in str(other.instances["one"].payload.site), 10, "the other one has it")
        assert not sent.instances, "it still listens, and its key opens nothing that is new"

        sent.token = client.post("/api/v1/enrolment-tokens")["token"]
        sent.greet()
        refusals = wait_for(lambda: sent.commands("refuse"), 10, "no token lets it in")
        assert refusals[-1].reason == "it was revoked"

        heard = len(other.commands("leases"))
        wait_for(lambda: len(other.commands("leases")) > heard + 2, 10, "leases go on")
        assert all(sent.node_id not in named(one) for one in other.commands("leases")[-2:])
        row = client.get(f"/api/v1/agents/{sent.hostname}")
        assert (row["state"], row["connected"], row["instance_count"]) == ("revoked", False, 0)


def named(command: AgentCommand) -> set[object]:
    return {lease.node_id for lease in command.leases}
