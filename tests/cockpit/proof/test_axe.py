"""Axe finds nothing serious on any page, light or dark, and a phone is wide enough for all of them."""

from __future__ import annotations

import pytest
from tests.cockpit.conftest import Invite
from tests.cockpit.crawl import pages_from
from tests.cockpit.proof.seen_by_all import faults
from tools.cockpit_fleet import CockpitFleet
from tools.cockpit_scenes import SCENES, Of

pytestmark = [
    pytest.mark.needs("browser"),
    pytest.mark.alone,  # a browser, cameras and models at once: they want the machine
    pytest.mark.timeout(180),
]

PAGES = ("/", "/cameras", "/instances", "/agents", "/plan", "/events", "/audit", "/users", "/account")


@pytest.fixture
def busy(fleet: CockpitFleet, yard: str) -> str:
    """There is a camera that is not reached, and a draft that is not applied."""
    if "cellar" in fleet.camera_states():
        return yard
    row = {"camera_id": "cellar", "address": "rtsp://127.0.0.1:9/cellar", "instance_name": "eyes"}
    fleet.api.post("/api/v1/cameras", row)
    fleet.api.post("/api/v1/update-config", {"desc": "one that is not there"})
    fleet.api.post("/api/v1/cameras", {**row, "camera_id": "later"})
    return yard


def test_axe_finds_nothing_serious_and_no_page_is_wider_than_a_small_phone(
    fleet: CockpitFleet, busy: str, visitor: Invite
) -> None:
    admin = visitor(fleet.url)
    admin.go("/login")
    found = {"/login": faults(admin.page)}
    admin.log_in("admin")
    for address in pages_from(admin):
        found[address] = faults(admin.page)
    assert {address: told for address, told in found.items() if told} == {}
    assert set(PAGES) <= found.keys()
    assert len(found) > 15


def test_nor_on_pages_to_which_forms_and_buttons_lead(
    fleet: CockpitFleet, busy: str, visitor: Invite
) -> None:
    admin = visitor(fleet.url).log_in("admin")
    of = Of(fleet.api, busy, "eyes", "hall")
    found = {}
    for name, play in SCENES.items():
        play(admin.page, of)
        found[name] = faults(admin.page)
    viewer = visitor(fleet.url).log_in("viewer")
    answer = viewer.page.goto("/users")
    assert answer is not None
    assert answer.status == 403
    found["denied"] = faults(viewer.page)
    assert {name: told for name, told in found.items() if told} == {}
