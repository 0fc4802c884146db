"""The audit and undo as they are asked for, by HTTP and by the command, of a coordinator that runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import structlog
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, camera, coordinator, worker
from typer.testing import CliRunner, Result

from sightline.cli import app
from sightline.fleet.api.client import FleetClient, Refused
from sightline.fleet.people.principal import Role

PLANTED = "planted-geheim-88ab"


class Fleet(NamedTuple):
    """A coordinator with a machine, who may ask it, and its command."""

    client: FleetClient
    hall: Agent
    server: Any
    run: Callable[..., Result]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    bus, folder = bus_url(), tmp_path_factory.mktemp("fleet")
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    with coordinator(folder, bus) as (server, client), agent(bus, client, "hall") as hall:

        def run(*arguments: object) -> Result:
            environ = {"SIGHTLINE_FLEET_URL": server.url, "SIGHTLINE_FLEET_TOKEN": server.token}
            environ |= {"COLUMNS": "80", "TERM": "dumb"}
            done = CliRunner().invoke(app, ["fleet", *map(str, arguments)], env=environ)
            assert PLANTED not in done.output
            return done

        yield Fleet(client, hall, server, run)
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def newest(fleet: Fleet, **wanted: object) -> dict[str, Any]:
    found: dict[str, Any] = fleet.client.get("/api/v1/audit", limit=1, **wanted)["items"][0]
    return found


def test_each_route_that_changes_something_is_told_under_its_name(fleet: Fleet) -> None:
    ask = fleet.client.ask
    steps: list[tuple[str, str, object, str]] = [
        ("POST", "/api/v1/instances", worker("one"), "create_instance"),
        ("POST", "/api/v1/cameras", camera("told", username="u", password=PLANTED), "create_camera"),
        ("PATCH", "/api/v1/cameras/told", {"pool": "x"}, "change_camera"),
        ("PUT", "/api/v1/cameras/told", camera("told"), "replace_camera"),
        ("POST", "/api/v1/cameras/told/stop", None, "stop_camera"),
        ("POST", "/api/v1/import", {"origin": "o", "cameras": [camera("came")]}, "import_all"),
        ("POST", "/api/v1/update-config", {"desc": "two more"}, "update_config"),
        ("POST", "/api/v1/agents/hall/drain", None, "drain_agent"),
        ("POST", "/api/v1/agents/hall/undrain", None, "undrain_agent"),
        ("POST", "/api/v1/refresh", {"desc": "who is there"}, "refresh"),
        ("POST", "/api/v1/rebalance", None, "rebalance"),
        ("POST", "/api/v1/enrolment-tokens", None, "create_enrolment_token"),
        ("DELETE", "/api/v1/cameras/told", None, "delete_camera"),
    ]
    for method, path, body, act in steps:
        count = fleet.client.get("/api/v1/audit")["total"]
        ask(method, path, json=body)
        assert fleet.client.get("/api/v1/audit")["total"] == count + 1, act
        told = newest(fleet)
        assert (told["act"], told["who"], told["how"], told["role"]) == (act, "root", "root", "admin")
        assert told["address"] == "127.0.0.1"
        assert PLANTED not in json.dumps(told)
    assert (newest(fleet, act="update_config")["desc"], newest(fleet, act="refresh")["desc"]) == (
        "two more",
        "who is there",
    )
    count = fleet.client.get("/api/v1/audit")["total"]
    for path in ("/api/v1/cameras", "/api/v1/status", "/api/v1/plan", "/api/v1/audit"):
        fleet.client.get(path)
    assert fleet.client.get("/api/v1/audit")["total"] == count, "who looks is not told"


def test_what_is_applied_and_taken_back_is_so_on_the_machine(fleet: Fleet, wait_for: WaitFor) -> None:
    fleet.client.post("/api/v1/instances", worker("seen"))
    fleet.client.post("/api/v1/cameras", camera("seen-1", instance_name="seen"))
    revision = fleet.client.post("/api/v1/update-config")["revision"]
    wait_for(lambda: "seen" in fleet.hall.instances, 20, "the instance on the machine")
    told = fleet.client.post("/api/v1/undo", dry_run="1")
    assert (told["undoes"]["act"], told["revision"], told["entry"]) == ("update_config", revision + 1, None)
    ends = [(one["name"], one["ends"]) for one in told["plan"]["instances"]]
    assert ("seen", True) in ends, "a dry run says what becomes of what runs"
    assert fleet.client.get("/api/v1/status")["revision"] == revision
    done = fleet.client.post("/api/v1/undo")
    assert (done["undoes"]["act"], done["revision"], done["plan"]) == ("update_config", revision + 1, None)
    wait_for(lambda: "seen" not in fleet.hall.instances, 20, "the instance gone from the machine")
    assert fleet.client.get("/api/v1/instances/seen")["enabled"], "the draft stays"
    fleet.client.post("/api/v1/undo", entry=done["entry"])
    wait_for(lambda: "seen" in fleet.hall.instances, 20, "the instance on the machine again")
    wait_for(lambda: fleet.client.get("/api/v1/status")["as_desired"], 20, "all as desired")

    def happened() -> list[str]:
        return [one["what"] for one in fleet.client.get("/api/v1/events")["items"]]

    wait_for(lambda: any("undo of entry" in what for what in happened()), 20, "an event that says so")


def test_a_machine_that_was_drained_is_taken_in_again(fleet: Fleet, wait_for: WaitFor) -> None:
    wait_for(lambda: "seen" in fleet.hall.instances, 20, "something that runs there")
    fleet.client.post("/api/v1/agents/hall/drain")
    wait_for(lambda: not fleet.hall.instances, 20, "drained")
    assert fleet.client.post("/api/v1/undo")["nodes"] == [str(fleet.hall.node_id)]
    wait_for(lambda: "seen" in fleet.hall.instances, 20, "taken in again")


def test_what_was_changed_since_is_a_problem_that_says_by_whom(fleet: Fleet) -> None:
    fleet.client.post("/api/v1/cameras", camera("since"))
    entry = newest(fleet)["id"]
    fleet.client.ask("PATCH", "/api/v1/cameras/since", json={"pool": "x"})
    with pytest.raises(Refused, match="camera since was changed since by change_camera of root") as refused:
        fleet.client.post("/api/v1/undo", entry=entry)
    assert (refused.value.status, refused.value.kind) == (409, "refused")
    for wrong, status in (("99999", 404), ("x", 422), ("0", 422)):
        with pytest.raises(Refused) as refused:
            fleet.client.post("/api/v1/undo", entry=wrong)
        assert refused.value.status == status
    for path in ("nobody", "99999", "9" * 30, "-1", "²"):
        with pytest.raises(Refused) as refused:
            fleet.client.get(f"/api/v1/audit/{path}")
        assert refused.value.status == 404


def test_who_looks_may_not_read_it_and_who_acts_may_not_verify_it(fleet: Fleet) -> None:
    made = {}
    for role in (Role.VIEWER, Role.OPERATOR):
        name = f"{role.value}-1"
        fleet.server.entrance.users.add(name, role, "a long enough password")
        text = fleet.server.entrance.tokens.make(name, role=role, description="", life_s=600).text
        made[role] = FleetClient(fleet.server.url, text)
    allowed = {
        Role.VIEWER: {"/api/v1/audit": False, "/api/v1/audit/1": False, "/api/v1/audit/verify": False},
        Role.OPERATOR: {"/api/v1/audit": True, "/api/v1/audit/1": True, "/api/v1/audit/verify": False},
    }
    for role, paths in allowed.items():
        with made[role] as client:
            for path, may in paths.items():
                if may:
                    client.get(path)
                else:
                    with pytest.raises(Refused) as refused:
                        client.get(path)
                    assert refused.value.status == 403
            if role is Role.VIEWER:
                with pytest.raises(Refused) as refused:
                    client.post("/api/v1/undo")
                assert refused.value.status == 403
            else:
                client.post("/api/v1/cameras", camera("hers"))
                told = newest(fleet)
                assert (told["who"], told["how"].split()[0], told["role"]) == (
                    "operator-1",
                    "token",
                    "operator",
                )


def test_the_command_lists_shows_verifies_and_takes_back(fleet: Fleet) -> None:
    fleet.client.post("/api/v1/cameras", camera("typed", username="u", password=PLANTED))
    fleet.client.ask("PATCH", "/api/v1/cameras/typed", json={"pool": "night", "password": f"{PLANTED}2"})
    listed = fleet.run("audit", "--kind", "camera", "--name", "typed")
    assert listed.exit_code == 0
    assert all(len(line) <= 80 for line in listed.output.splitlines())
    flat = " ".join(listed.output.split())
    assert "camera typed came" in flat
    for word in ('pool "" to "night"', 'password "set" to "changed"'):
        assert word in " ".join(fleet.run("audit", newest(fleet)["id"]).output.split())
    whose = json.loads(fleet.run("audit", "--who", "nobody", "--json").stdout)
    assert whose == []
    assert len(json.loads(fleet.run("audit", "--since", "2020-01-01", "--limit", "2", "--json").stdout)) == 2
    wrong = fleet.run("audit", "--since", "yesterday")
    assert wrong.exit_code != 0

    verified = fleet.run("audit", "--verify")
    assert verified.exit_code == 0
    assert "the audit is as it was written" in verified.output
    head = json.loads(fleet.run("audit", "--verify", "--json").stdout)["head_hash"]
    assert head in verified.output
    assert fleet.run("audit", "--verify", "--seen", head).exit_code == 0
    assert fleet.run("audit", "--verify", "--seen", "0" * 64).exit_code == 1

    dry = fleet.run("undo", "--dry-run")
    assert "would take back change_camera of root" in dry.output
    assert fleet.client.get("/api/v1/cameras/typed")["pool"] == "night"
    done = fleet.run("undo")
    assert done.exit_code == 0
    assert "took back change_camera of root" in done.output
    assert fleet.client.get("/api/v1/cameras/typed")["pool"] == ""
    again = done.output.split("--entry ")[1].split()[0]
    assert json.loads(fleet.run("undo", "--entry", again, "--json").stdout)["entry"] is not None
    assert fleet.client.get("/api/v1/cameras/typed")["pool"] == "night"
    refused = fleet.run("undo", "--entry", again)
    assert refused.exit_code == 1


def test_a_broken_chain_is_told_by_the_command(fleet: Fleet) -> None:
    with fleet.server.service.database.sessions.writing() as session:
        session.connection().exec_driver_sql("UPDATE audit SET who = 'nobody' WHERE id = 2")
    done = fleet.run("audit", "--verify")
    assert done.exit_code == 1
    assert "the audit is not as it was written: entry 2" in done.output
