"""The coordinator at work: real database, real bus, agents that sign what they say."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, camera, coordinator, worker

from sightline.fleet.api.client import FleetClient, Refused
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.topics import Refresh, UpdateConfig
from sightline.fleet.post.post import Post
from sightline.hub import StreamServer

pytestmark = pytest.mark.usefixtures("no_leaks")


def wanted(client: FleetClient, *names: str, **other: Any) -> None:
    """Instances with a camera each, in the draft."""
    for name in names:
        client.post("/api/v1/instances", worker(name, **other))
        client.post("/api/v1/cameras", camera(f"{name}-camera", instance_name=name))


def test_what_is_applied_runs_and_is_seen(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        wanted(client, "one", "two")
        assert client.post("/api/v1/update-config")["revision"] == 1
        wait_for(lambda: set(hall.instances) == {"one", "two"}, 10, "the agent has both")
        wait_for(lambda: client.get("/api/v1/status")["as_desired"], 10, "all is as desired")
        status = client.get("/api/v1/status")
        assert status["totals"]["instances"] == {"running": 2}
        assert status["totals"]["agents"] == {"connected": 1}

        def rows() -> list[Any]:
            found = client.get("/api/v1/instances", state="running")["items"]
            cameras = client.get("/api/v1/cameras", state="live")["items"]
            return [*found, *cameras] if len(found) + len(cameras) == 4 else []

        for row in wait_for(rows, 10, "the database says so"):
            assert row["observed_generation"] == row["generation"] == 1
            assert row["placed_node"] == str(hall.node_id)
        (machine,) = client.get("/api/v1/agents", state="connected")["items"]
        assert (machine["agent_name"], machine["observed_generation"]) == ("hall", hall.generation)


def test_a_password_reaches_the_agent_and_nobody_else(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        client.post("/api/v1/instances", worker("one"))
        client.post("/api/v1/cameras", camera("gate", username="viewer", password="planted-5f3a"))
        client.post("/api/v1/update-config")
        wait_for(lambda: hall.instances, 10, "the agent has it")
        assert hall.instances["one"].payload.site["cameras"]["gate"]["password"] == "planted-5f3a"
        assert "planted-5f3a" not in str(client.get("/api/v1/cameras"))


def test_who_has_no_token_is_refused_with_a_reason(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus):
        stranger = Agent(bus, "cellar")
        try:
            stranger.greet()
            refusal, *_ = wait_for(lambda: stranger.commands("refuse"), 10, "it is refused")
            assert "not enrolled" in refusal.reason
            assert not stranger.commands("welcome")
        finally:
            stranger.close()


def test_a_token_lets_one_agent_in_and_that_one_again(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        wait_for(lambda: hall.commands("welcome"), 10, "it is let in")
        hall.greet()
        wait_for(lambda: len(hall.commands("welcome")) > 1, 10, "and again, as its answer may be lost")
        second = Agent(bus, "cellar", hall.token)
        try:
            second.greet()
            refusal, *_ = wait_for(lambda: second.commands("refuse"), 10, "the second one is refused")
            assert "used already" in refusal.reason
        finally:
            second.close()


def test_nobody_is_taken_for_an_agent_whose_key_they_do_not_have(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (server, client), agent(bus, client, "hall") as hall:
        wait_for(lambda: hall.commands("welcome"), 10, "it is let in")
        with Post(bus, identity=Identity.made(), by=str(hall.node_id)) as forger:
            true, hall.post = hall.post, forger
            hall.respond(seq=1000)
            hall.greet()
            hall.post = true
            wait_for(lambda: server.service.counts().get("refused_signature"), 10, "it is not listened to")
            wait_for(lambda: server.service.counts().get("refused_greeting"), 10, "nor let in")
        hall.respond()
        wait_for(lambda: hall.commands("leases"), 10, "the true one is heard")


def test_a_revoked_agent_is_told_to_run_nothing_and_is_let_in_no_more(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        wanted(client, "one")
        client.post("/api/v1/update-config")
        wait_for(lambda: hall.instances, 10, "it runs one")
        assert client.post("/api/v1/agents/hall/revoke")["state"] == "revoked"
        wait_for(lambda: not hall.instances, 10, "it runs nothing")
        hall.token = ""
        hall.greet()
        assert wait_for(lambda: hall.commands("refuse"), 10, "it is refused")[-1].reason == "it was revoked"


def test_what_a_drained_machine_ran_goes_to_another(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with (
        coordinator(tmp_path, bus) as (_, client),
        agent(bus, client, "hall") as hall,
        agent(bus, client, "yard") as yard,
    ):
        wanted(client, "one", "two")
        client.post("/api/v1/update-config")
        wait_for(lambda: len(hall.instances) + len(yard.instances) == 2, 10, "both run")
        client.post("/api/v1/agents/hall/drain")
        wait_for(lambda: len(yard.instances) == 2 and not hall.instances, 10, "all is on the other one")
        assert client.get("/api/v1/agents/hall")["state"] == "drained"


def test_users_ask_who_is_there_and_spread_the_load_anew_over_http(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        wanted(client, "one", "two")
        client.post("/api/v1/update-config")
        wait_for(lambda: len(hall.instances) == 2, 10, "the first one runs both")
        asked = len(hall.commands("report"))
        assert client.post("/api/v1/refresh", {"desc": "who is there?"})["revision"] == 1
        wait_for(lambda: len(hall.commands("report")) > asked, 10, "it is asked")
        with agent(bus, client, "yard") as yard:
            wait_for(lambda: client.get("/api/v1/agents", state="connected")["total"] == 2, 10, "both are in")
            assert not yard.instances, "nothing moves by itself"
            client.post("/api/v1/rebalance")
            wait_for(lambda: len(hall.instances) == len(yard.instances) == 1, 10, "each runs one")


def test_an_agent_that_goes_is_noticed_and_what_it_ran_moves(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "yard") as yard:
        with agent(bus, client, "hall") as hall:
            wanted(client, "one", "two")
            client.post("/api/v1/update-config")
            wait_for(lambda: len(hall.instances) == len(yard.instances) == 1, 10, "each runs one")
        wait_for(lambda: len(yard.instances) == 2, 20, "the other one runs both")
        wait_for(lambda: client.get("/api/v1/agents/hall")["state"] == "lost", 10, "it is lost")
        assert any("is lost" in one["what"] for one in client.get("/api/v1/events")["items"])


def test_logs_come_from_the_agent_and_what_is_on_none_is_a_conflict(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        wanted(client, "one")
        client.post("/api/v1/update-config")
        wait_for(lambda: hall.instances, 10, "it runs one")
        assert client.get("/api/v1/instances/one/logs", lines=3)["log"] == "a line of one\n"
        assert hall.commands("logs")[0].lines == 3
        assert "hall" in client.post("/api/v1/instances/one/restart")["detail"]
        assert wait_for(lambda: hall.commands("restart"), 10, "it is asked to")[0].instance == "one"
        client.post("/api/v1/agents/hall/drain")
        with pytest.raises(Refused) as refused:
            client.get("/api/v1/instances/two/logs")
        assert refused.value.status == 404


def test_while_the_bus_is_away_it_is_told_since_when_and_who_is_to_be_asked_is_asked_later(
    tmp_path: Path, wait_for: WaitFor, free_port: Callable[[], int]
) -> None:
    port = free_port()

    def away_since() -> str | None:
        status = client.get("/api/v1/status")
        assert status["bus_connected"] is (status["bus_away_since"] is None)
        return cast("str | None", status["bus_away_since"])

    with ExitStack() as opened:
        with StreamServer(port=port) as hub:
            _, client = opened.enter_context(coordinator(tmp_path, hub.url))
            hall = opened.enter_context(agent(hub.url, client, "hall"))
            wait_for(lambda: hall.commands("welcome"), 20, "it is let in")
            wanted(client, "one")
            client.post("/api/v1/update-config")
            wait_for(lambda: hall.instances, 20, "it runs one")
            assert away_since() is None
            asked_at = datetime.now(UTC)
        text = wait_for(away_since, 30, "it is noticed")
        assert text is not None
        since = datetime.fromisoformat(text)
        assert asked_at - timedelta(seconds=1) < since <= datetime.now(UTC)
        told = client.post("/api/v1/refresh")
        assert told["detail"].startswith(f"the bus does not answer since {since:%Y-%m-%dT%H:%M}")
        assert away_since() == text, "it does not go on with the clock"
        for path in ("instances/one/restart", "instances/one/retry", "cameras/one-camera/test"):
            with pytest.raises(Refused) as refused:
                client.ask("POST", f"/api/v1/{path}", query={"agent": "hall"} if "test" in path else None)
            assert (refused.value.status, refused.value.kind) == (503, "bus-away"), path
            assert "nobody can be asked until it does" in str(refused.value)
        assert client.post("/api/v1/cameras/one-camera/stop")["changed"], "what is kept is told later"
        asked = len(hall.commands("report"))
        opened.enter_context(StreamServer(port=port))
        wait_for(lambda: len(hall.commands("report")) > asked, 30, "it is asked")
        assert wait_for(lambda: away_since() is None, 30, "the bus is back")
        wait_for(lambda: not hall.instances, 30, "it is told what was stopped")
        assert not hall.commands("restart")
        assert not hall.commands("retry")


def test_what_the_document_sends_on_the_topics_is_done(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (server, client), agent(bus, client, "hall") as hall:
        wait_for(lambda: hall.commands("welcome"), 10, "it is let in")
        wanted(client, "one")
        with Post(bus, identity=server.service.identity, by="user") as user:
            user.send(UpdateConfig(desc="please"))
            wait_for(lambda: hall.instances, 10, "it is applied")
            asked = len(hall.commands("report"))
            user.send(Refresh(desc="who is there?"))
            wait_for(lambda: len(hall.commands("report")) > asked, 10, "all are asked")


def test_events_tell_what_was_applied_by_which_way_and_what_is_well_again(
    tmp_path: Path, wait_for: WaitFor
) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (server, client), agent(bus, client, "hall") as hall:

        def told(text: str) -> bool:
            found = [one["what"] for one in client.get("/api/v1/events")["items"]]
            return any(text in one for one in found)

        wanted(client, "one")
        client.post("/api/v1/update-config", {"desc": "the first"})
        wait_for(lambda: hall.instances, 10, "it runs one")
        first = "revision 1 is applied, by the API (the first): 1 instance added, 1 camera added"
        wait_for(lambda: told(first), 10, "it is told")
        wanted(client, "two")
        with Post(bus, identity=server.service.identity, by="user") as user:
            user.send(UpdateConfig(desc="please"))
            wait_for(
                lambda: told("revision 2 is applied, by the topic UpdateConfig (please)"), 10, "this too"
            )
        wait_for(lambda: len(hall.instances) == 2, 10, "it runs both")
        hall.states["one"] = ("failed", "no image")
        wait_for(lambda: told("failed: no image"), 10, "its trouble")
        hall.states.clear()
        wait_for(lambda: told("is as it should be again"), 10, "its end")


def test_a_coordinator_that_is_begun_anew_goes_on_where_it_was(tmp_path: Path, wait_for: WaitFor) -> None:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (_, client), agent(bus, client, "hall") as hall:
        wanted(client, "one")
        client.post("/api/v1/update-config")
        wait_for(lambda: client.get("/api/v1/status")["as_desired"], 10, "all is as desired")
        generation = hall.generation
        with pytest.raises(Exception, match="another"):
            coordinator(tmp_path, bus).__enter__()
    hall = Agent(bus, "hall", identity=hall.identity)
    try:
        with coordinator(tmp_path, bus) as (_, client):
            row = client.get("/api/v1/agents/hall")
            hall.node_id = type(hall.node_id)(row["node_id"])
            assert client.get("/api/v1/status")["revision"] == 1
            assert row["config_generation"] == generation
    finally:
        hall.close()
