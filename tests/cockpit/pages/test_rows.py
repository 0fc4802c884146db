"""The pages of cameras, instances and machines over HTTP, against a coordinator and an agent."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.cockpit.pages.conftest import Forms, Visit, text_of
from tests.fleet.api.rig import Agent, camera, worker

from sightline.errors import StoreError
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Acting, Principal, Role, acting
from sightline.fleet.store.csv_file import import_csv

Wait = Callable[..., Any]
ALL = ("/", "/cameras", "/instances", "/agents", "/plan", "/events")


def test_pages_of_an_empty_fleet_say_what_to_do_first(viewer: Visit, operator: Visit, admin: Visit) -> None:
    for path in ALL:
        viewer.see(path)
    assert "No machine is in this fleet yet" in viewer.see("/")
    assert "Add the first one" in operator.see("/cameras")
    assert "Add the first one" not in viewer.see("/cameras"), "who may not is not offered it"
    assert "Make an enrolment token" in admin.see("/agents")
    assert "Make an enrolment token" not in operator.see("/agents")


def test_a_camera_is_made_applied_and_seen_live(
    server: CoordinatorServer, hall: Agent, operator: Visit, wait_for: Wait
) -> None:
    fields = operator.form("/new/instance")
    made = operator.send("/new/instance", **{**fields, "instance_name": "hall 1-2"})
    assert "hall 1-2 is made in the draft" in made
    fields = operator.form("/new/camera")
    address = "rtsp://eye:planted-password@10.0.0.5/main"
    operator.send("/new/camera", **{**fields, "camera_id": "gate", "address": address})
    page = operator.client.get("/cameras/gate").text
    assert "planted" not in page
    assert "not applied yet" in operator.see("/cameras/gate")
    assert "1 camera begins" in operator.see("/plan")
    operator.send("/plan", **{**operator.form("/plan"), "desc": "the gate"})
    wait_for(lambda: _status(server, "gate") == "live", 10, "it is so")
    page = operator.see("/cameras/gate")
    assert "as desired" in page
    assert "hall 1-2 at hall" in page
    assert "applied, by operator (the gate)" in operator.see("/events")
    assert "a line of hall 1-2" in operator.see("/instances/hall%201-2/log")


def _status(server: CoordinatorServer, name: str) -> str:
    return server.service.database.cameras.get(name).status


@pytest.fixture
def running(server: CoordinatorServer, hall: Agent, wait_for: Wait) -> Agent:
    """A machine that runs an instance with a camera."""
    server.service.database.instances.add(worker("hall-1"))
    server.service.database.cameras.add(camera("gate", username="eye", password="planted-password"))
    server.service.apply()
    wait_for(lambda: _status(server, "gate") == "live", 10, "it is so")
    return hall


def test_who_changes_what_somebody_changed_meanwhile_is_shown_both(
    server: CoordinatorServer, operator: Visit, admin: Visit
) -> None:
    server.service.database.cameras.add(camera("gate", username="eye", password="planted-password"))
    mine, theirs = operator.form("/cameras/gate/edit"), admin.form("/cameras/gate/edit")
    admin.send("/cameras/gate/edit", **{**theirs, "pool": "south"})
    with acting(Acting(who=Principal(name="tester", role=Role.OPERATOR, how="session"), act="test_camera")):
        server.service.database.audit.note(of=[("camera", "gate")])
    page = operator.send("/cameras/gate/edit", 409, **{**mine, "pool": "north", "password": "planted-new"})
    assert "<strong>admin</strong> changed it meanwhile" in page
    assert "south" in page
    assert "north" in page
    assert "planted" not in page
    assert server.service.database.cameras.get("gate").pool == "south", "nothing was saved"
    now = server.service.database.cameras.get("gate").generation
    operator.send("/cameras/gate/edit", **{**mine, "pool": "north", "generation": str(now)})
    assert server.service.database.cameras.get("gate").pool == "north"


def test_wrong_values_are_told_at_their_fields_and_nothing_is_saved(
    server: CoordinatorServer, operator: Visit
) -> None:
    fields = {**operator.form("/new/camera"), "camera_id": "gate", "address": "x://planted-user:planted-pw@h",
              "width": "wide", "settings": "stall_after_s: [\n"}  # fmt: skip
    page = operator.send("/new/camera", 422, **fields)
    assert 'id="f-width-error"' in page
    assert 'id="f-settings-error"' in page
    assert "planted-pw" not in page
    page = operator.send("/new/camera", 422, **{**fields, "width": "", "settings": ""})
    assert 'id="f-address-error"' in page
    assert "planted-pw" not in page
    assert server.service.database.cameras.page().total == 0
    server.service.database.cameras.add(camera("gate"))
    page = operator.send("/new/camera", 422, **{**operator.form("/new/camera"), "camera_id": "gate",
                                                "address": "rtsp://10.0.0.5/x"})  # fmt: skip
    assert "there is a camera" in page


def test_acts_of_a_camera_say_first_what_they_would_change(
    server: CoordinatorServer, running: Agent, operator: Visit, wait_for: Wait
) -> None:
    would = operator.send("/cameras/gate/stop", 200, dry_run="1")
    assert "Do it" in would
    assert server.service.database.cameras.get("gate").enabled
    assert "gate is to end" in operator.send("/cameras/gate/stop")
    wait_for(lambda: "stopped" in operator.see("/cameras/gate"), 10, "it is so")
    assert "gate is to run" in operator.send("/cameras/gate/start")
    assert "there is no instance" in operator.send("/cameras/gate/move", instance="nowhere")
    wait_for(lambda: _status(server, "gate") == "live", 10, "it is so")
    assert "begin hall-1 anew" in operator.send("/instances/hall-1/restart", back="gate")
    wait_for(lambda: running.commands("restart"), 10, "it is so")
    assert "taken out of the draft" in operator.send("/cameras/gate/remove")
    assert "Taken out, and running" in operator.see("/cameras")


DRY = (
    ("/cameras/gate", "debug", "gate logs all that there is to say", "is ended and begun anew"),
    ("/cameras/gate", "stop", "gate is to end", "1 camera ends"),
    ("/cameras/gate", "start", "gate is to run", "1 camera begins"),
    ("/instances/hall-1", "debug", "hall-1 logs all that there is to say", "is ended and begun anew"),
    ("/instances/hall-1", "stop", "hall-1 is to end", "1 instance ends"),
    ("/instances/hall-1", "start", "hall-1 is to run", "1 instance begins"),
    ("/agents/hall", "drain", "hall is drained", "1 camera loses its place"),
)


def test_whatever_is_done_at_once_can_be_looked_at_first_and_done_from_there(
    server: CoordinatorServer, running: Agent, operator: Visit
) -> None:
    for page, act, told, change in DRY:
        path, before = f"{page}/{act}", _wanted(server)
        fields = operator.form(page, path)
        assert fields["dry_run"], "the page has a button for it"
        would = operator.send(path, 200, **fields)
        assert f"{told}" in would
        assert "a dry run: nothing is changed" in would
        assert change in text_of(would), path
        assert _wanted(server) == before, path
        done = Forms(would).by_action[path]
        assert "dry_run" not in done
        assert told in operator.send(path, **done)
        assert _wanted(server) != before, path
    assert "What if it were drained?" not in operator.see("/agents/hall"), "it is"


def _wanted(server: CoordinatorServer) -> object:
    database = server.service.database
    return database.draft(), server.service.revision, database.agents.get("hall").drained


def test_a_machine_is_let_in_drained_renamed_and_sent_away(
    server: CoordinatorServer, running: Agent, admin: Visit, operator: Visit, wait_for: Wait
) -> None:
    page = admin.send("/enrolment", 200, **admin.form("/enrolment"))
    assert 'class="secret"' in page
    assert "slt1." not in admin.client.get("/enrolment").text, "a token is shown once"
    assert "What runs there" in operator.see("/agents/hall")
    form = {**operator.form("/agents/hall"), "agent_name": "große Halle", "labels": "room=a"}
    assert "Saved" in operator.send("/agents/hall", **form)
    assert "room=a" in operator.see("/agents/gro%C3%9Fe%20Halle")
    assert "is drained" in operator.send("/agents/gro%C3%9Fe%20Halle/drain")
    assert "may run something again" in operator.send("/agents/gro%C3%9Fe%20Halle/undrain")
    operator.send("/agents/gro%C3%9Fe%20Halle/revoke", 403)
    assert "is sent away" in admin.send("/agents/gro%C3%9Fe%20Halle/revoke")
    assert "no more of the fleet" in admin.send("/agents/gro%C3%9Fe%20Halle/remove")


def test_a_file_shows_what_it_would_change_before_it_is_imported(
    server: CoordinatorServer, operator: Visit, admin: Visit
) -> None:
    server.service.database.cameras.add(camera("gate"))
    text = "camera_id,address,username,password,pool\ngate,rtsp://10.0.0.5/gate,,,south\nyard,rtsp://h/y,eye,planted-pw,\n"
    files = {"file": ("c.csv", text.encode(), "text/csv")}
    page = operator.send("/import", 200, files=files, kind="cameras")
    assert "planted" not in page
    assert "1 new, 1 changed" in page
    assert "<ins>rtsp://h/y</ins>" in page, "of a new row, what the file says"
    assert server.service.database.cameras.page().total == 1, "nothing is changed before it was seen"
    sealed = page.partition('name="sealed" value="')[2].partition('"')[0]
    admin.send("/import", 422, kind="cameras", sealed=sealed)
    vault = server.service.database.vault
    with pytest.raises(StoreError):
        vault.open(sealed)  # nobody has a text of theirs sealed here for anything else
    told = json.dumps({"who": "operator", "until_ns": 2**62, "kind": "cameras", "prune": "", "text": text})
    operator.send("/import", 422, kind="cameras", sealed=vault.seal(told))
    assert "1 new, 1 changed" in operator.send("/import", kind="cameras", sealed=sealed)
    assert server.service.database.cameras.get("yard").has_password
    page = operator.send("/import", 422, files={"file": ("c.csv", b"camera_id\n,\n")}, kind="cameras")
    assert "line 2" in page
    assert "camera_id" in operator.client.get("/export/cameras.csv").text


def test_a_file_that_is_looked_at_can_be_brought_in_however_large(
    server: CoordinatorServer, operator: Visit
) -> None:
    wide = "w" * 15_000  # in a column that is for people alone
    rows = "".join(f"c{number},rtsp://10.0.0.5/{number},{wide}\n" for number in range(100))
    text = f"camera_id,address,id\n{rows}"
    assert len(text) > 1_500_000
    page = operator.send("/import", 200, files={"file": ("c.csv", text, "text/csv")}, kind="cameras")
    sealed = page.partition('name="sealed" value="')[2].partition('"')[0]
    assert "100 new" in operator.send("/import", kind="cameras", sealed=sealed)
    assert server.service.database.cameras.page().total == 100
    large = "camera_id\n" + "ü" * 2_200_000  # the body has room for it, but not for what comes back
    page = operator.send("/import", 422, files={"file": ("c.csv", large, "text/csv")}, kind="cameras")
    assert "expected a smaller file" in page


NAMES = (
    "..",
    ".",
    "~x",
    "a b?c#d%e&f",
    "<script>alert(1)<|script>",
    "مدخل الحديقة",
    "new",
    "7",
)


def test_any_name_has_a_page_of_its_own(server: CoordinatorServer, operator: Visit) -> None:
    for name in NAMES:
        server.service.database.instances.add(worker(name))
    links = [
        part.partition('"')[0]
        for part in operator.client.get("/instances").text.split('<a href="/instances/')
    ]
    for name, link in zip(sorted(NAMES), links[1:], strict=True):
        page = operator.client.get(f"/instances/{link}").text
        assert "<script>alert" not in page
        assert operator.form(f"/instances/{link}/edit")["generation"] == "1", name
        fields = {**operator.form(f"/instances/{link}/edit"), "pool": "p"}
        assert "is changed" in operator.send(f"/instances/{link}/edit", **fields)
    assert {row.pool for row in server.service.database.instances.page().items} == {"p"}


def test_a_thousand_cameras_are_read_in_pages(server: CoordinatorServer, viewer: Visit) -> None:
    rows = "".join(f"c{number:04},rtsp://10.0.0.5/{number}\n" for number in range(1000))
    import_csv(server.service.database, "cameras", f"camera_id,address\n{rows}")
    first = viewer.client.get("/cameras").text
    assert len(first) < 150_000
    assert first.count('<tr><th scope="row">') == 50
    assert "951 to 1,000 of 1,000 cameras" in viewer.see("/cameras?page=99999")
    assert "1 to 1 of 1 cameras" in viewer.see("/cameras?text=c0500")


def test_what_a_viewer_may_not_do_is_refused(
    server: CoordinatorServer, running: Agent, viewer: Visit
) -> None:
    page = viewer.client.get("/cameras/gate").text
    assert "<form" not in page.partition('<main id="content"')[2].replace('action="/logout"', "")
    for path in ("/cameras/gate/stop", "/cameras/gate/edit", "/plan", "/agents/hall/drain", "/import"):
        viewer.send(path, 403)


def test_a_plan_that_somebody_changed_since_it_was_read_is_not_applied(
    server: CoordinatorServer, operator: Visit
) -> None:
    server.service.database.instances.add(worker("hall-1"))
    read = operator.form("/plan")
    server.service.database.cameras.add(camera("gate"))
    assert "nothing is applied: read it again" in operator.send("/plan", **read)
    assert server.service.revision == 0
    assert "revision 1 is applied" in operator.send("/plan", **operator.form("/plan"))
    read = operator.form("/cameras/gate/edit")
    operator.send("/cameras/gate/edit", **{**read, "pool": "south"})
    read = operator.form("/plan")
    server.service.database.cameras.remove("gate")
    server.service.database.cameras.add(camera("gate"))
    server.service.database.cameras.change("gate", {"pool": "north"})
    assert "nothing is applied: read it again" in operator.send("/plan", **read), (
        "another row of the same name"
    )


def test_a_camera_is_looked_at_before_it_is_saved(server: CoordinatorServer, operator: Visit) -> None:
    fields = {
        **operator.form("/new/camera"),
        "camera_id": "gate",
        "password": "planted-pw",
        "username": "eye",
    }
    page = operator.send(
        "/test/camera", 200, **{**fields, "address": "synthetic://street?size=160x90&fps=10"}
    )
    assert "pictures come" in page
    assert 'src="data:image/jpeg;base64,' in page
    assert 'value="gate"' in page, "what was filled in stays"
    assert "planted" not in page
    page = operator.send("/test/camera", 422, **{**fields, "address": "nonsense"})
    assert "It could not be tested" in page
    assert server.service.database.cameras.page().total == 0


def test_lists_find_by_the_states_that_they_show(
    server: CoordinatorServer, running: Agent, operator: Visit, wait_for: Wait
) -> None:
    server.service.database.cameras.add(camera("nowhere", pool="none"))
    server.service.apply()
    wait_for(lambda: "nowhere" in operator.see("/cameras?state=unplaced"), 10, "it is told")
    assert "1 to 1 of 1" in operator.see("/cameras?state=live")
    operator.send("/cameras/gate/stop")
    wait_for(lambda: "No camera is like that" in operator.see("/cameras?state=live"), 10, "it is stopped")
    assert "gate" in operator.see("/cameras?state=unwanted")


def test_what_was_done_is_seen_side_by_side_and_taken_back(
    server: CoordinatorServer, operator: Visit, admin: Visit, viewer: Visit
) -> None:
    server.service.database.cameras.add(camera("gate", username="eye", password="planted-password"))
    fields = operator.form("/cameras/gate/edit")
    operator.send("/cameras/gate/edit", **{**fields, "pool": "south", "password": "planted-new"})
    viewer.see("/audit", 403)
    number = server.service.database.audit.page(act="change_camera").items[0].id
    assert f"{number}" in operator.see("/audit?name=gate&since=2020-01-01")
    assert "Nothing like that" in operator.see("/audit?who=nobody")
    page = operator.see(f"/audit/{number}")
    assert "south" in page
    assert "planted" not in page
    assert "Nothing is taken back yet" in operator.send("/undo", 200, entry=str(number))
    assert server.service.database.cameras.get("gate").pool == "south"
    assert "Taken back: change camera of operator" in operator.send("/undo", entry=str(number), sure="yes")
    assert server.service.database.cameras.get("gate").pool == ""
    assert "undone" in operator.see("/audit?name=gate")
    assert "as it was written" in admin.send("/audit/verify")
    operator.see("/audit/x", 404)
    operator.send("/plan", **operator.form("/plan"))
    would = text_of(operator.send("/undo", 200))
    assert "Undo “apply” of operator" in would
    assert "What becomes of what runs" in would
    assert "What becomes of what runs nothing would change" in would, "it had no place"
    assert "Not as in the revision before: camera gate ." in would
