"""One fleet for all that looks at it in a process, and who may."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.cockpit.conftest import Invite
from tests.cockpit.security.rig import PASSWORD
from tests.cockpit.visitor import Visitor
from tests.conftest import WaitFor
from tools.cockpit_fleet import Cameras, CockpitFleet, street, watching

from sightline.frame import Size
from sightline.scene import Scene

SEED, FPS = 7, 10
SCENE = Scene(seed=SEED, size=Size(640, 360), fps=FPS)
LOGIN = ("viewer", "rtsp-geheim-51fe")


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CockpitFleet]:
    """Two agents, somebody of each role, and an instance whose model knows the street."""
    with CockpitFleet(tmp_path_factory.mktemp("cockpit")) as fleet:
        for name in ("admin", "operator", "viewer"):
            fleet.api.post("/api/v1/users", {"name": name, "role": name, "password": PASSWORD})
        fleet.api.post("/api/v1/instances", watching("eyes", SEED))
        yield fleet
        assert LOGIN[1] not in fleet.said()
        assert PASSWORD not in fleet.said()


@pytest.fixture(scope="session")
def cameras(fleet: CockpitFleet) -> Cameras:
    """An RTSP server that wants a login."""
    return fleet.cameras({"street": street(SEED, fps=FPS)}, login=LOGIN)


@pytest.fixture
def yard(fleet: CockpitFleet, cameras: Cameras, wait_for: WaitFor) -> str:
    """A camera that is live, whatever the test before left."""
    if running(fleet).get("yard") != "live":
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        row = {"camera_id": "yard", "address": cameras.url("street"), "instance_name": "eyes", **login}
        there = "yard" in fleet.camera_states()
        method, path = ("PUT", "/api/v1/cameras/yard") if there else ("POST", "/api/v1/cameras")
        fleet.api.ask(method, path, json=row)
        fleet.api.post("/api/v1/update-config", {"desc": "a camera for tests"})
        wait_for(lambda: running(fleet).get("yard") == "live", 40, "the camera to be live")
    return "yard"


@pytest.fixture
def admin(fleet: CockpitFleet, visitor: Invite) -> Visitor:
    return visitor(fleet.url).log_in("admin")


@pytest.fixture
def operator(fleet: CockpitFleet, visitor: Invite) -> Visitor:
    return visitor(fleet.url).log_in("operator")


def fact(page: Page, name: str) -> Locator:
    """What stands beside that name in the first list of facts."""
    return page.locator(f"dt:text-is('{name}') + dd").first


def press(page: Page, label: str) -> None:
    """A button that does something, and that one is sure, where it asks; the page says what was done."""
    page.get_by_role("main").get_by_role("button", name=re.compile(f"^{label}")).click()
    dialog, said = page.get_by_role("dialog"), page.locator("#said .said")
    expect(dialog.or_(said).first).to_be_visible()
    if dialog.is_visible():
        dialog.locator("button[value=yes]").click()
        expect(said).to_be_visible()


def running(fleet: CockpitFleet) -> dict[str, str]:
    """The cameras whose pictures come, or are about to."""
    return {name: state for name, state in fleet.camera_states().items() if state in {"live", "connecting"}}
