"""Acts on one camera or instance, as they are typed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.conftest import WaitFor
from tests.fleet.api.rig import agent, bus_url, camera, coordinator, worker
from typer.testing import CliRunner, Result

from sightline.cli import app
from sightline.fleet.api.client import FleetClient

PASSWORD = "planted-0dd5"

pytestmark = pytest.mark.usefixtures("no_leaks")


class Fleet(NamedTuple):
    run: Callable[..., Result]
    client: FleetClient


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (server, client), agent(bus, client, "hall"):

        def run(*arguments: object) -> Result:
            known = {"COLUMNS": "100", "TERM": "dumb", "GATE_PASSWORD": PASSWORD}
            known |= {"SIGHTLINE_FLEET_URL": server.url, "SIGHTLINE_FLEET_TOKEN": server.token}
            done = CliRunner().invoke(app, ["fleet", *map(str, arguments)], env=known)
            assert PASSWORD not in done.output
            return done

        for name in ("one", "both"):
            client.post("/api/v1/instances", worker(name))
        client.post("/api/v1/cameras", camera("gate", instance_name="one"))
        client.post("/api/v1/cameras", camera("both", instance_name="both"))
        client.post("/api/v1/update-config")
        yield Fleet(run, client)


def test_a_camera_is_stopped_started_and_moved_by_its_name(fleet: Fleet, wait_for: WaitFor) -> None:
    wait_for(lambda: fleet.client.get("/api/v1/cameras/gate")["placed_node"], 10, "it has a place")
    dry = fleet.run("stop", "gate", "--dry-run")
    assert (dry.exit_code, "- remove" in dry.output, "1 end" in dry.output) == (0, True, True), dry.output
    assert fleet.client.get("/api/v1/cameras/gate")["enabled"]
    done = fleet.run("stop", "gate")
    assert (done.exit_code, done.output) == (0, "gate is to end\n")
    assert not fleet.client.get("/api/v1/cameras/gate")["enabled"]
    told = json.loads(fleet.run("start", "gate", "--json").stdout)
    assert (told["kind"], told["changed"], told["plan"]) == ("camera", True, None)
    assert fleet.run("move", "gate", "--instance", "both").output == "gate is put on both\n"
    assert fleet.run("move", "one", "--agent", "hall").output == "one is put on hall\n"
    assert fleet.run("move", "gate", "--by-itself").output == "gate is placed by the fleet\n"
    assert fleet.run("debug", "gate").output == "gate logs all that there is to say\n"
    assert fleet.run("debug", "gate", "--off").output == "gate logs as others do\n"


def test_a_name_of_both_or_of_none_is_told_and_nothing_is_done(fleet: Fleet) -> None:
    both = fleet.run("stop", "both")
    assert both.exit_code == 1
    assert "say which with --kind" in both.output
    assert fleet.client.get("/api/v1/cameras/both")["enabled"]
    assert fleet.run("stop", "both", "--kind", "instance").exit_code == 0
    assert not fleet.client.get("/api/v1/instances/both")["enabled"]
    nobody = fleet.run("stop", "nobody")
    assert (nobody.exit_code, "there is no camera or instance 'nobody'" in nobody.output) == (1, True)


@pytest.mark.parametrize(
    "typed", [("move", "gate"), ("move", "gate", "--by-itself", "--agent", "hall"),
              ("move", "one", "--kind", "instance", "--instance", "both"),
              ("test", "gate", "--username", "viewer")]
)  # fmt: skip
def test_what_is_typed_wrong_is_said_to_be(fleet: Fleet, typed: tuple[str, ...]) -> None:
    assert fleet.run(*typed).exit_code == 2


def test_a_camera_is_tested_and_its_picture_saved(fleet: Fleet, tmp_path: Path) -> None:
    fleet.client.post(
        "/api/v1/cameras", {"camera_id": "drawn", "address": "synthetic://street?frames=20&fps=10"}
    )
    done = fleet.run("test", "drawn", "--still", tmp_path / "drawn.jpg")
    assert done.exit_code == 0, done.output
    assert "drawn, seen by coordinator: ok" in done.output
    assert "h264" in done.output
    assert (tmp_path / "drawn.jpg").read_bytes()[:2] == b"\xff\xd8"
    address = "rtsp://127.0.0.1:9/gate"
    wrong = fleet.run("test", address, "--username", "viewer", "--password-env", "GATE_PASSWORD", "--json")
    told: dict[str, Any] = json.loads(wrong.stdout)
    assert (wrong.exit_code, told["ok"], told["jpeg"]) == (1, False, "")
    assert "refused" in told["fault"]


def test_a_dry_run_of_a_table_says_what_of_each_row_would_change(fleet: Fleet, tmp_path: Path) -> None:
    table = tmp_path / "cameras.csv"
    table.write_text("camera_id,address,pool\ngate,rtsp://10.0.0.9/gate,doors\nnew,rtsp://10.0.0.9/new,\n")
    done = fleet.run("import", table, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "cameras added: new" in done.output
    assert "~ camera gate: " in done.output
    assert "pool: - > doors" in done.output
    assert "applying the draft would change then:" in done.output
    assert "~ change" in done.output
    assert fleet.client.get("/api/v1/cameras/gate")["pool"] == ""
