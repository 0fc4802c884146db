"""`sightline fleet`, as it is typed, against a coordinator that runs and an agent that signs."""

import _thread
import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from rich.console import Console
from tests.conftest import WaitFor
from tests.fleet.api.rig import Agent, agent, bus_url, coordinator
from typer.testing import CliRunner, Result

from sightline.cli import app, fleet_tables
from sightline.cli.fleet import app as commands
from sightline.fleet.api.client import Away, FleetClient

SITE = """
cameras:
  gate: {url: "rtsp://10.0.0.5/main", username: viewer, password: "${GATE_PASSWORD}"}
  yard: {url: "rtsp://10.0.0.6/main"}
workers:
  at-gate: {model: {kind: motion}, cameras: [gate]}
  at-yard: {model: {kind: motion}, cameras: [yard]}
"""
PASSWORD = "planted-0dd5"

pytestmark = pytest.mark.usefixtures("no_leaks")


class Fleet(NamedTuple):
    """A coordinator with a machine, and its command."""

    run: Callable[..., Result]
    client: FleetClient
    hall: Agent
    folder: Path

    def json(self, *arguments: object) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def site(self, text: str = SITE) -> Path:
        path = self.folder / "site.yaml"
        path.write_text(text)
        return path


@pytest.fixture
def typed() -> Iterator[Callable[..., Result]]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def run(*arguments: object, **environ: str) -> Result:
        known = {"COLUMNS": "80", "TERM": "dumb", **environ}
        return CliRunner().invoke(app, ["fleet", *map(str, arguments)], env=known)

    yield run
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def fleet(tmp_path: Path, typed: Callable[..., Result]) -> Iterator[Fleet]:
    bus = bus_url()
    with coordinator(tmp_path, bus) as (server, client), agent(bus, client, "hall") as hall:

        def run(*arguments: object) -> Result:
            environ = {
                "SIGHTLINE_FLEET_URL": server.url,
                "SIGHTLINE_FLEET_TOKEN": server.token,
                "GATE_PASSWORD": PASSWORD,
            }
            done = typed(*arguments, **environ)
            assert PASSWORD not in done.output
            assert server.token not in done.output
            return done

        yield Fleet(run, client, hall, tmp_path)


def test_apply_makes_a_site_run_and_the_same_again_changes_nothing(fleet: Fleet) -> None:
    site = fleet.site()
    done = fleet.run("apply", site, "--timeout", 30)
    assert done.exit_code == 0, done.output
    assert "revision 1: all instances are as desired" in done.output
    assert "+ add" in done.output
    assert "; machines that are not done: 0" in done.output, "how far it is"
    assert set(fleet.hall.instances) == {"at-gate", "at-yard"}
    assert fleet.hall.instances["at-gate"].payload.site["cameras"]["gate"]["password"] == PASSWORD
    generation = fleet.hall.generation
    again = fleet.run("apply", site, "--timeout", 30)
    assert again.exit_code == 0, again.output
    assert "nothing that runs would change" in again.output
    assert (fleet.hall.generation, fleet.json("status")["revision"]) == (generation, 1)


def test_a_dry_run_says_what_would_change_and_changes_nothing(fleet: Fleet) -> None:
    done = fleet.run("apply", fleet.site(), "--dry-run")
    assert done.exit_code == 0, done.output
    assert "instances added: at-gate, at-yard" in done.output
    assert "+ add" in done.output
    assert "2 begin" in done.output
    told = fleet.json("apply", fleet.site(), "--dry-run")
    assert (told["applied"], told["imported"]["plan"]["is_empty"]) == (False, False)
    assert fleet.json("cameras") == []
    assert fleet.json("status")["revision"] == 0
    real = fleet.json("apply", fleet.site(), "--timeout", 30)
    assert real["plan"]["instances"] == told["imported"]["plan"]["instances"], "a dry run lied"


def test_apply_fails_with_the_reasons_where_an_instance_fails(fleet: Fleet) -> None:
    fleet.hall.states["at-gate"] = ("failed", "its model is broken")
    done = fleet.run("apply", fleet.site(), "--timeout", 30)
    assert done.exit_code == 1, done.output
    assert "at-gate: failed: its model is broken" in done.output
    assert "Traceback" not in done.output
    fleet.hall.states.clear()
    assert fleet.run("apply", fleet.site(), "--timeout", 30).exit_code == 0


def test_apply_fails_with_the_reasons_where_something_has_no_place(fleet: Fleet) -> None:
    fleet.run("drain", "hall")
    done = fleet.run("apply", fleet.site(), "--timeout", 30)
    assert done.exit_code == 1, done.output
    assert "instance at-gate:" in done.output
    told = json.loads(fleet.run("apply", fleet.site(), "--timeout", 30, "--json").stdout)
    assert (told["as_desired"], bool(told["reasons"])) == (False, True)


def test_apply_ends_when_its_time_is_up_or_does_not_wait(fleet: Fleet) -> None:
    fleet.hall.states["at-gate"] = ("starting", "")
    done = fleet.run("apply", fleet.site(), "--timeout", 1)
    assert done.exit_code == 1, done.output
    assert "revision 1: time was up" in done.output
    assert "failed" not in done.output, "it goes on"
    assert fleet.run("apply", fleet.site(), "--no-wait").exit_code == 0


def test_apply_that_is_interrupted_says_that_it_goes_on(fleet: Fleet) -> None:
    fleet.hall.states["at-gate"] = ("starting", "")

    def interrupt() -> None:
        while not fleet.hall.instances and not over.wait(0.05):
            pass
        _thread.interrupt_main()

    over = threading.Event()
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        done = fleet.run("apply", fleet.site(), "--timeout", 60)
    finally:
        over.set()
        thread.join()
    assert done.exit_code == 130, done.output
    assert "revision 1 is applied, and goes on" in done.stderr


def test_a_machine_that_is_behind_says_so_within_80_columns() -> None:
    said = io.StringIO()
    row = {"agent_name": "hall", "state": "connected", "instance_count": 4, "last_seen": None}
    row |= {"observed_generation": 1795340267504, "config_generation": 1795340267505}
    young = row | {"observed_generation": 0, "config_generation": 12345}
    fleet_tables.agents(
        Console(file=said, width=80), [row | {"deployment": "failed"}, young | {"deployment": ""}]
    )
    told = said.getvalue()
    assert "1795340267504 of ..7505" in told
    assert "0 of 12345" in told


def test_a_narrow_terminal_still_names_each_row() -> None:
    said = io.StringIO()
    row = {
        "camera_id": "gate",
        "status": "live",
        "enabled": True,
        "placed_instance": "hall-1",
        "term": 10**12,
    }
    row |= {"observed_generation": 1, "generation": 1, "address": "rtsp://10.0.0.5/main"}
    fleet_tables.cameras(Console(file=said, width=40), [row])
    assert "gate" in said.getvalue()


def test_status_without_a_bus_says_that_it_is_old_before_anything_else() -> None:
    status: dict[str, Any] = {"revision": 1, "draft_revision": 1, "as_desired": True, "bus_connected": False}
    status["bus_away_since"] = "2026-11-22T12:00:00Z"
    status |= {"database_fault": "", "failed": {}, "cannot_be_made": {}}
    totals: dict[str, Any] = {"agents": {}, "instances": {}, "current": 0, "cameras": 0}
    totals |= {"camera_states": {}, "unplaced_cameras": 0, "unplaced_instances": 0}
    since, _, revision, *_ = fleet_tables.status({**status, "totals": totals})
    assert re.fullmatch(r".* does not answer since 11-2\d \d\d:\d\d:00: this is how it was heard last", since)
    assert revision == "revision 1: all instances were as desired"


def test_what_the_file_has_no_more_stays_unless_pruned(fleet: Fleet, wait_for: WaitFor) -> None:
    assert fleet.run("apply", fleet.site(), "--timeout", 30).exit_code == 0
    fewer = fleet.site("\n".join(line for line in SITE.splitlines() if "yard" not in line))
    kept = fleet.run("apply", fewer, "--timeout", 30)
    assert "stay without --prune: yard" in kept.output
    assert "at-yard" in fleet.hall.instances
    pruned = fleet.run("apply", fewer, "--prune", "--timeout", 30)
    assert "cameras removed: yard" in pruned.output
    wait_for(lambda: set(fleet.hall.instances) == {"at-gate"}, 10, "it is gone")


def test_a_wrong_site_is_told_before_anything_is_asked(fleet: Fleet) -> None:
    done = fleet.run("apply", fleet.site(SITE.replace("kind: motion", "kind: mution")))
    assert done.exit_code == 1
    assert "mution" in done.output
    assert fleet.json("cameras") == []


def test_tables_fit_80_columns_and_json_has_all(fleet: Fleet, wait_for: WaitFor) -> None:
    fleet.run("apply", fleet.site(), "--timeout", 30)
    wait_for(lambda: len(fleet.json("cameras", "--state", "live")) == 2, 10, "the rows are written")
    wait_for(lambda: fleet.json("agents")[0]["observed_generation"], 10, "the machine's too")
    for command, words in {
        "agents": ("hall", "connected", "2"),
        "instances": ("at-gate", "running", "hall"),
        "cameras": ("gate", "live", "at-gate", "rtsp://10.0.0.5/main"),
        "events": ("hall is new in the fleet",),
        "status": ("all instances are as desired", "2 (2 running)", "1 (1 connected)", "2 (2 live)"),
        "plan": ("nothing that runs would change",),
    }.items():
        done = fleet.run(command)
        assert done.exit_code == 0, done.output
        assert max(map(len, done.output.splitlines())) <= 80, done.output
        assert all(word in done.output for word in words), done.output
        assert fleet.json(command) is not None
    assert [one["instance_name"] for one in fleet.json("instances", "--text", "yard")] == ["at-yard"]
    assert [one["camera_id"] for one in fleet.json("cameras", "--instance", "at-gate")] == ["gate"]
    assert fleet.json("plan", "--lose", "hall")["is_empty"] is False


def test_status_says_which_cameras_are_away_where_all_instances_are_as_desired(
    fleet: Fleet, wait_for: WaitFor
) -> None:
    fleet.run("apply", fleet.site(), "--timeout", 30)
    fleet.hall.cameras["yard"] = "backing_off"

    def told() -> str:
        done = fleet.run("status").output
        return done if "backing_off" in done else ""

    shown = wait_for(told, 10, "the camera is away")
    assert "cameras: 2 (1 backing_off, 1 live)" in shown
    assert "revision 1: all instances are as desired" in shown
    assert fleet.json("status")["totals"]["camera_states"] == {"live": 1, "backing_off": 1}


def test_explain_says_why_and_whether_all_is_well(fleet: Fleet, wait_for: WaitFor) -> None:
    fleet.run("apply", fleet.site(), "--timeout", 30)

    def told(code: int) -> str:
        done = fleet.run("explain", "gate")
        return done.output if done.exit_code == code else ""

    well = wait_for(lambda: told(0), 10, "it is well")
    assert "hall is connected" in well.replace("\n", " ")
    assert fleet.run("explain", "at-gate").exit_code == 0
    unknown = fleet.run("explain", "nobody")
    assert (unknown.exit_code, "no applied camera or instance 'nobody'" in unknown.output) == (1, True)
    fleet.hall.states["at-gate"] = ("failed", "no such model")
    ill = wait_for(lambda: told(1), 10, "it is seen")
    assert "no such model" in ill


def test_what_is_done_with_one_thing_is_done(fleet: Fleet, wait_for: WaitFor) -> None:
    fleet.run("apply", fleet.site(), "--timeout", 30)
    assert fleet.run("logs", "at-gate", "--lines", 3).output == "a line of at-gate\n"
    fleet.hall.logs = ""
    assert fleet.run("logs", "at-gate").stderr == "at-gate has written nothing yet\n"
    assert "hall" in fleet.run("restart", "at-gate").output
    wait_for(lambda: fleet.hall.commands("restart"), 10, "its agent is asked")
    assert fleet.run("retry", "at-gate").exit_code == 0
    wait_for(lambda: fleet.hall.commands("retry"), 10, "its agent is asked")
    assert fleet.run("refresh").output == "all agents are asked\n"
    assert "hall is drained" in fleet.run("drain", "hall").output
    wait_for(lambda: not fleet.hall.instances, 10, "it runs nothing")
    assert "may run" in fleet.run("undrain", "hall").output
    wait_for(lambda: len(fleet.hall.instances) == 2, 10, "it runs all again")
    assert fleet.run("revoke", "hall").exit_code == 1, "nobody said yes"
    assert fleet.run("revoke", "hall", "--yes").exit_code == 0
    assert fleet.json("agents")[0]["state"] == "revoked"
    assert fleet.run("drain", "nobody").exit_code == 1


def test_what_is_said_and_done_with_one_thing_is_json_too(fleet: Fleet, wait_for: WaitFor) -> None:
    fleet.run("apply", fleet.site(), "--timeout", 30)
    wait_for(lambda: fleet.run("explain", "gate").exit_code == 0, 10, "it is well")
    told = fleet.json("explain", "gate")
    assert (told["name"], told["kind"], told["ok"]) == ("gate", "camera", True)
    assert fleet.json("logs", "at-gate") == {"instance_name": "at-gate", "log": "a line of at-gate\n"}
    assert "hall" in fleet.json("restart", "at-gate")["detail"]
    assert "hall" in fleet.json("retry", "at-gate")["detail"]
    assert fleet.json("refresh") == {"revision": 1, "detail": "all agents are asked"}
    assert fleet.json("drain", "hall")["state"] == "drained"
    assert fleet.json("undrain", "hall")["state"] == "connected"
    made = fleet.json("token", "--description", "the yard")
    assert made["token"].startswith("slt1.")
    (_, listed) = sorted(fleet.json("token", "--list"), key=lambda one: bool(one["description"]))
    assert (listed["token_id"], "token" in listed) == (made["token_id"], False)
    assert fleet.json("token", "--take-back", made["token_id"])["revoked"]
    assert fleet.json("revoke", "hall", "--yes")["state"] == "revoked"


def test_a_token_is_printed_alone_and_can_be_taken_back(fleet: Fleet) -> None:
    made = fleet.run("token", "--description", "the yard")
    text = made.stdout.strip()
    assert text.startswith("slt1.")
    assert "sightline agent" in made.stderr
    token_id = text.split(".")[1]
    listed = fleet.run("token", "--list")
    assert token_id in listed.output
    assert text.split(".")[2] not in listed.output
    assert fleet.run("token", "--take-back", token_id).exit_code == 0
    assert "taken back" in fleet.run("token", "--list").output


def test_files_go_in_and_out(fleet: Fleet) -> None:
    told = fleet.json("import", fleet.site(), "--dry-run")
    assert told["cameras"]["added"] == ["gate", "yard"]
    assert "cameras added: gate, yard" in fleet.run("import", fleet.site()).output
    table = fleet.folder / "cameras.csv"
    assert fleet.run("export", "cameras", "--out", table).exit_code == 0
    assert "already" in fleet.run("import", table).output
    assert fleet.run("import", table.rename(fleet.folder / "other.csv")).exit_code == 2
    assert fleet.run("import", fleet.folder / "other.csv", "--table", "cameras").exit_code == 0
    assert "No such file" in fleet.run("import", fleet.folder / "nowhere.csv").output
    site = fleet.run("export")
    assert "at-gate" in site.stdout
    assert "to be set in the environment" in site.stderr
    assert fleet.run("export", "nothing").exit_code == 2


def test_a_coordinator_that_is_away_is_told_with_what_to_do(
    typed: Callable[..., Result], tmp_path: Path, free_port: Callable[[], int]
) -> None:
    away = typed("status", "--url", f"http://127.0.0.1:{free_port()}", SIGHTLINE_FLEET_TOKEN="planted-77")
    assert (away.exit_code, "sightline coordinator" in away.output) == (1, True)
    assert "planted-77" not in away.output
    none = typed("status", XDG_DATA_HOME=str(tmp_path), SIGHTLINE_FLEET_TOKEN="")
    assert (none.exit_code, "SIGHTLINE_FLEET_TOKEN" in none.output) == (1, True)
    unset = typed("status", "--token-env", "NOT_SET")
    assert (unset.exit_code, "NOT_SET" in unset.output) == (1, True)
    wrong = typed("status", "--url", "ftp://x", SIGHTLINE_FLEET_TOKEN="planted-77")
    assert (wrong.exit_code, "http://" in wrong.output) == (1, True)


def test_a_coordinator_that_is_slow_is_not_told_to_be_begun(silent_port: int) -> None:
    client = FleetClient(f"http://127.0.0.1:{silent_port}", "planted-77", timeout_s=0.2)
    with client, pytest.raises(Away, match=r"did not answer within 0\.2 s$"):
        client.get("/api/v1/status")


def test_its_token_may_be_in_a_file(fleet: Fleet, typed: Callable[..., Result], tmp_path: Path) -> None:
    (file,) = tmp_path.rglob("fleet.db.token")
    url = fleet.client.url
    told = typed("status", "--url", url, SIGHTLINE_FLEET_TOKEN="", SIGHTLINE_FLEET_TOKEN_FILE=str(file))
    assert told.exit_code == 0, told.output


def test_a_wrong_token_is_told(fleet: Fleet, typed: Callable[..., Result]) -> None:
    done = typed("status", "--url", fleet.client.url, SIGHTLINE_FLEET_TOKEN="wrong-token-1")
    assert (done.exit_code, "SIGHTLINE_FLEET_TOKEN" in done.output) == (1, True)
    assert not any(word in done.output for word in ("wrong-token-1", "***", "page")), done.output


def test_every_command_has_examples(typed: Callable[..., Result]) -> None:
    for command in commands.registered_commands:
        assert command.callback is not None
        assert "Examples:" in (command.callback.__doc__ or "")
