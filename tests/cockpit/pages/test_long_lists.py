"""Of what is more than a page has room for: it is said, or on the next page."""

from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from tests.cockpit.pages.conftest import Visit
from tests.cockpit.security.rig import logged_in, served
from tests.fleet.api.rig import QUICK, worker

from sightline.clock import SYSTEM_CLOCK
from sightline.cockpit.app import cockpit_app
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.deciding.coordinator.actions import Noted
from sightline.fleet.store.csv_file import import_csv
from sightline.testing import ManualClock


def test_instances_that_run_until_it_is_applied_are_named_or_counted(
    server: CoordinatorServer, viewer: Visit
) -> None:
    for number in range(23):
        server.service.database.instances.add(worker(f"eyes-{number:02}"))
    server.service.apply()
    for number in range(23):
        server.service.database.instances.remove(f"eyes-{number:02}")
    page = viewer.see("/instances")
    assert "eyes-19 and 3 more" in page
    assert "eyes-20" not in page


def test_what_is_wrong_is_named_or_counted_on_the_first_page(
    server: CoordinatorServer, viewer: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {f"eyes-{number:02}": "its model is not there" for number in range(13)}
    monkeypatch.setattr(server.service, "mistakes", lambda: wrong)
    page = viewer.see("/")
    assert page.count("its model is not there") == 10
    assert "and 3 more of the instances that cannot be made" in page


def test_machines_have_their_names_however_many_there_are(server: CoordinatorServer, viewer: Visit) -> None:
    rows = "".join(f"m{number:04}\n" for number in range(1001))
    import_csv(server.service.database, "agents", f"agent_name\n{rows}")
    last = server.service.database.agents.get("m1000")
    assert len(server.service.database.agents.names()) == 1001
    server.service.database.events.note([Noted(what="it was seen", node_id=UUID(last.node_id))])
    page = viewer.see("/events?agent=m1000")
    assert "it was seen" in page
    assert last.node_id not in page


def test_enrolment_tokens_are_read_in_pages(server: CoordinatorServer, admin: Visit) -> None:
    for number in range(51):
        server.service.new_token(f"machine {number}", 600, 1)
    page = admin.see("/enrolment")
    assert "1 to 50 of 51 tokens" in page
    assert "machine 0 " not in page
    assert "machine 0 " in admin.see("/enrolment?page=2")


def test_mistakes_of_a_file_are_told_or_counted(server: CoordinatorServer, operator: Visit) -> None:
    text = "camera_id,address\n" + ",\n" * 60
    page = operator.send("/import", 422, files={"file": ("c.csv", text, "text/csv")}, kind="cameras")
    assert "more mistakes" in page


def test_pages_go_by_the_time_that_they_are_given(tmp_path: Path) -> None:
    clock = ManualClock(utc_s=SYSTEM_CLOCK.utc_ns() / 1e9)
    with (
        served(tmp_path, timing=QUICK, pages=partial(cockpit_app, clock=clock)) as server,
        logged_in(server.url, "admin") as client,
    ):
        admin = Visit(client)
        files = {"file": ("c.csv", "camera_id,address\ngate,rtsp://10.0.0.5/1\n", "text/csv")}
        looked = admin.send("/import", 200, files=files, kind="cameras")
        admin.send("/enrolment", 200, **admin.form("/enrolment"))
        assert "lets in" in admin.see("/enrolment")
        clock.move(25 * 3600)
        assert "over" in admin.see("/enrolment")
        sealed = looked.partition('name="sealed" value="')[2].partition('"')[0]
        late = admin.send("/import", 422, kind="cameras", sealed=sealed)
        assert "within the last hour" in late
