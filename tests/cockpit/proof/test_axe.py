"""Axe finds nothing serious on any page, light or dark, of a fleet in which something is wrong."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.cockpit.conftest import Invite
from tests.cockpit.crawl import pages_from
from tools.cockpit_fleet import CockpitFleet

pytestmark = [
    pytest.mark.needs("browser"),
    pytest.mark.waits,
    pytest.mark.xdist_group("cockpit-axe"),
    pytest.mark.timeout(180),
]

SERIOUS = {"serious", "critical"}
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(fleet: CockpitFleet, busy: str, visitor: Invite, scheme: str) -> None:
    admin = visitor(fleet.url, scheme=scheme)
    found = {}
    looked = []
    admin.go("/login")
    found["/login"] = _faults(admin.page)
    admin.log_in("admin")
    for address in pages_from(admin):
        looked.append(address)
        found[address] = _faults(admin.page)
    assert {address: faults for address, faults in found.items() if faults} == {}
    assert set(PAGES) <= set(looked)
    assert len(looked) > 15


def _faults(page: Page) -> list[str]:
    said = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for one in said
        if one["impact"] in SERIOUS
        for node in one["nodes"][:3]
    ]


def test_no_page_is_wider_than_a_small_phone(fleet: CockpitFleet, busy: str, visitor: Invite) -> None:
    phone = visitor(fleet.url, width=320).log_in("admin")
    wide = {
        address: width
        for address in pages_from(phone, alike=1)
        if (width := phone.page.evaluate("document.documentElement.scrollWidth")) > 320
    }
    assert wide == {}, "what is wide scrolls by itself, as tables do"
