"""Acts on one camera or instance: at once, that row alone, and dry runs that change nothing."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, camera, coordinator, worker

from sightline.fleet.api.client import Refused

pytestmark = pytest.mark.usefixtures("no_leaks")


class Fleet:
    """A coordinator, and machines that run what they are told."""

    def __init__(self, folder: Path, wait_for: WaitFor, opened: ExitStack) -> None:
        self._bus, self._wait_for, self._opened = bus_url(), wait_for, opened
        self.server, self.client = opened.enter_context(coordinator(folder, self._bus))

    def machine(self, name: str) -> Agent:
        return self._opened.enter_context(agent(self._bus, self.client, name))

    def wanted(self, *names: str, **other: Any) -> None:
        """Instances with a camera each, in the draft."""
        for name in names:
            self.client.post("/api/v1/instances", worker(name, **other))
            self.client.post("/api/v1/cameras", camera(f"{name}-cam", instance_name=name))

    def apply(self) -> int:
        return int(self.client.post("/api/v1/update-config")["revision"])

    def act(self, path: str, json: Any = None, *, dry_run: bool = False) -> Any:
        query = {"dry_run": True} if dry_run else None
        return self.client.ask("POST", f"/api/v1/{path}", json=json, query=query)

    def runs(self, machine: Agent, *names: str) -> None:
        self._wait_for(lambda: set(machine.instances) == set(names), 10, f"{machine.hostname}: {names}")

    def revision(self) -> int:
        return int(self.client.get("/api/v1/status")["revision"])

    def rows(self) -> Any:
        found = self.client.get("/api/v1/cameras")["items"] + self.client.get("/api/v1/instances")["items"]
        left_out = (
            "status",
            "reason",
            "observed_generation",
            "placed_node",
            "placed_instance",
            "camera_count",
        )
        return [{key: value for key, value in row.items() if key not in left_out} for row in found]


@pytest.fixture
def fleet(tmp_path: Path, wait_for: WaitFor) -> Iterator[Fleet]:
    with ExitStack() as opened:
        yield Fleet(tmp_path, wait_for, opened)


def test_a_camera_that_is_stopped_ends_at_once_and_the_rest_of_the_draft_stays_draft(fleet: Fleet) -> None:
    hall = fleet.machine("hall")
    fleet.wanted("one", "two")
    fleet.apply()
    fleet.runs(hall, "one", "two")
    fleet.wanted("draft")
    fleet.client.ask("PATCH", "/api/v1/cameras/two-cam", json={"labels": {"room": "z"}})
    done = fleet.act("cameras/one-cam/stop")
    assert (done["kind"], done["name"], done["changed"], done["revision"]) == ("camera", "one-cam", True, 2)
    assert (done["detail"], done["plan"]) == ("one-cam is to end", None)
    fleet.runs(hall, "two")
    assert fleet.client.get("/api/v1/cameras/one-cam")["enabled"] is False
    plan = fleet.client.get("/api/v1/plan")
    assert {one["name"] for one in plan["instances"]} >= {"draft"}, "it is a draft yet"
    again = fleet.act("cameras/one-cam/stop")
    assert (again["changed"], again["revision"], again["detail"]) == (False, 2, "one-cam is to end already")
    assert fleet.act("cameras/one-cam/start")["detail"] == "one-cam is to run"
    fleet.runs(hall, "one", "two")


def test_an_instance_is_stopped_and_started_alone(fleet: Fleet) -> None:
    hall = fleet.machine("hall")
    fleet.wanted("one", "two")
    fleet.apply()
    fleet.runs(hall, "one", "two")
    fleet.act("instances/one/stop")
    fleet.runs(hall, "two")
    told = fleet.act("instances/one/start")
    assert (told["kind"], told["name"], told["detail"]) == ("instance", "one", "one is to run")
    fleet.runs(hall, "one", "two")


def test_what_was_changed_of_the_very_row_before_holds_too_and_that_is_said(fleet: Fleet) -> None:
    fleet.wanted("one")
    assert "was not applied before" in fleet.act("cameras/one-cam/start")["detail"]
    fleet.client.ask("PATCH", "/api/v1/cameras/one-cam", json={"address": "rtsp://10.0.0.9/other"})
    told = fleet.act("cameras/one-cam/stop")
    assert told["detail"] == "one-cam is to end; what was changed of it and not applied yet holds now, too"


def test_an_instance_is_moved_between_machines_and_back_to_where_the_fleet_likes(fleet: Fleet) -> None:
    hall, yard = fleet.machine("hall"), fleet.machine("yard")
    fleet.wanted("one", agent_name="hall")
    fleet.apply()
    fleet.runs(hall, "one")
    moved = fleet.act("instances/one/move", {"agent_name": "yard"})
    assert moved["detail"] == "one is put on yard"
    fleet.runs(yard, "one")
    fleet.runs(hall)
    assert fleet.act("instances/one/move")["detail"] == "one is placed by the fleet"
    assert fleet.client.get("/api/v1/instances/one")["agent_name"] is None
    fleet.runs(yard, "one")  # it has a good place
    with pytest.raises(Refused) as refused:
        fleet.act("instances/one/move", {"agent_name": "nowhere"})
    assert refused.value.status == 422
    assert "there is no agent 'nowhere'" in str(refused.value)


def test_a_camera_is_moved_to_another_instance_to_a_machine_and_back(fleet: Fleet) -> None:
    fleet.machine("hall")
    fleet.wanted("one", "two")
    fleet.apply()
    assert fleet.act("cameras/one-cam/move", {"instance_name": "two"})["detail"] == "one-cam is put on two"
    row = fleet.client.get("/api/v1/cameras/one-cam")
    assert (row["instance_name"], row["agent_name"]) == ("two", None)
    fleet.act("cameras/one-cam/move", {"agent_name": "hall"})
    row = fleet.client.get("/api/v1/cameras/one-cam")
    assert (row["instance_name"], row["agent_name"]) == (None, "hall")
    fleet.act("cameras/one-cam/move", {})
    row = fleet.client.get("/api/v1/cameras/one-cam")
    assert (row["instance_name"], row["agent_name"]) == (None, None)


DRY: tuple[tuple[str, Any], ...] = (
    ("cameras/one-cam/stop", None),
    ("cameras/off-cam/start", None),
    ("cameras/one-cam/move", {"instance_name": "off"}),
    ("cameras/one-cam/debug", {"debug": True}),
    ("instances/one/stop", None),
    ("instances/one/move", {"agent_name": "yard"}),
    ("instances/one/debug", None),
)


def test_a_dry_run_gives_the_plan_of_that_act_alone_and_changes_nothing(fleet: Fleet) -> None:
    hall = fleet.machine("hall")
    fleet.machine("yard")
    fleet.wanted("one", agent_name="hall")
    fleet.wanted("off")
    fleet.client.ask("PATCH", "/api/v1/cameras/off-cam", json={"enabled": False})
    fleet.apply()
    fleet.runs(hall, "one")
    fleet.wanted("draft")
    before = fleet.rows()
    for path, body in DRY:
        told = fleet.act(path, body, dry_run=True)
        assert (told["revision"], told["plan"]["revision"], told["changed"]) == (2, 2, True), path
        names = {one["name"] for one in told["plan"]["instances"]}
        assert names, path
        assert "draft" not in names, path
        assert (fleet.revision(), fleet.rows()) == (1, before), path
    told = fleet.act("update-config", dry_run=True)
    assert "draft" in {one["name"] for one in told["plan"]["instances"]}
    assert (fleet.revision(), fleet.rows()) == (1, before)
    path, body = DRY[5]
    assert fleet.act(path, body)["revision"] == 2, "the same for real is what was said"
    fleet.runs(hall)


def test_to_drain_a_machine_or_spread_the_load_can_be_asked_for_first(fleet: Fleet) -> None:
    hall, _ = fleet.machine("hall"), fleet.machine("yard")
    fleet.wanted("one", agent_name="hall")
    fleet.wanted("two")
    fleet.apply()
    fleet.runs(hall, "one")
    drained = fleet.client.ask("GET", "/api/v1/plan", query={"drain": ["hall"]})
    assert [(one["name"], one["change"]) for one in drained["instances"]] == [("one", "unplaced")]
    spread = fleet.act("rebalance", dry_run=True)
    assert (spread["revision"], spread["plan"]["is_empty"]) == (1, True)
    fleet.runs(hall, "one")


def test_debug_reaches_the_workers_documents(fleet: Fleet, wait_for: WaitFor) -> None:
    hall = fleet.machine("hall")
    fleet.wanted("one")
    fleet.apply()
    fleet.runs(hall, "one")
    assert fleet.act("instances/one/debug")["detail"] == "one logs all that there is to say"
    wait_for(lambda: hall.instances["one"].payload.debug, 10, "the instance is told")
    fleet.act("instances/one/debug", {"debug": False})
    wait_for(lambda: not hall.instances["one"].payload.debug, 10, "and told again")
    fleet.act("cameras/one-cam/debug")

    def told() -> dict[str, Any]:
        found: dict[str, Any] = hall.instances["one"].payload.site["cameras"]["one-cam"]
        return found

    wait_for(lambda: told().get("debug"), 10, "the camera is told of")
    assert fleet.client.get("/api/v1/cameras/one-cam")["settings"] == {"debug": True}
    fleet.act("cameras/one-cam/debug", {"debug": False})
    wait_for(lambda: "debug" not in told(), 10, "and told of no more")


def test_debug_of_a_camera_of_deepstream_says_whose_it_is(fleet: Fleet) -> None:
    fleet.machine("hall")
    of = {"kafka_connection_str": "10.0.0.9;9092", "mot_raw_meta_topic": "m", "face_raw_meta_topic": "f"}
    more = {"visual_topic": "v", "streammux_output_width": 1920, "streammux_output_height": 1080}
    parts = {"config": {"mot_pgie": {"labelfile_path": "/m"}, "face_pgie": {"labelfile_path": "/f"}}}
    limits = {"mot_confidence_threshold": 0.5, "face_confidence_threshold": 0.5}
    fleet.client.post("/api/v1/instances", {"instance_name": "ds", **of, **more, **parts, **limits})
    fleet.client.post("/api/v1/cameras", camera("gate", instance_name="ds"))
    fleet.apply()
    with pytest.raises(Refused) as refused:
        fleet.act("cameras/gate/debug")
    assert (refused.value.status, "debug mode of the whole instance" in str(refused.value)) == (409, True)
    assert fleet.act("instances/ds/debug")["changed"]


def test_acts_on_what_there_is_not_are_told(fleet: Fleet) -> None:
    for path in ("cameras/nobody/stop", "instances/nobody/debug", "cameras/nobody/test"):
        with pytest.raises(Refused) as refused:
            fleet.act(path)
        assert refused.value.kind == "not-found"


def test_an_act_is_one_entry_of_the_audit_and_a_dry_run_is_none(fleet: Fleet) -> None:
    fleet.wanted("one")
    fleet.apply()
    before = fleet.client.get("/api/v1/audit")["total"]
    fleet.act("cameras/one-cam/stop", dry_run=True)
    fleet.client.ask("POST", "/api/v1/import/cameras.csv", content=b"camera_id,address\nx,rtsp://h/x\n",
                     query={"dry_run": True})  # fmt: skip
    assert fleet.client.get("/api/v1/audit")["total"] == before
    fleet.act("cameras/one-cam/stop")
    told = fleet.client.get("/api/v1/audit")
    assert told["total"] == before + 1
    assert told["items"][0]["act"] == "stop_camera"


def test_an_act_is_taken_back_by_undo_and_runs_again(fleet: Fleet) -> None:
    hall = fleet.machine("hall")
    fleet.wanted("one")
    fleet.apply()
    fleet.runs(hall, "one")
    fleet.act("cameras/one-cam/stop")
    fleet.runs(hall)
    fleet.client.post("/api/v1/undo")
    assert fleet.client.get("/api/v1/cameras/one-cam")["enabled"]
    fleet.runs(hall, "one")


def test_what_is_applied_is_what_was_read(fleet: Fleet) -> None:
    fleet.wanted("look")
    plan = fleet.client.get("/api/v1/plan")
    fleet.client.post("/api/v1/cameras", camera("more"))
    for query in ({"mark": plan["mark"]}, {"revision": plan["revision"] + 1}):
        with pytest.raises(Refused) as refused:
            fleet.client.ask("POST", "/api/v1/update-config", query=query)
        assert refused.value.status == 409
    assert fleet.revision() == 0
    read = fleet.client.ask("POST", "/api/v1/update-config", query={"dry_run": True})["plan"]
    query = {"mark": read["mark"], "revision": read["revision"]}
    assert fleet.client.ask("POST", "/api/v1/update-config", query=query)["revision"] == 1
