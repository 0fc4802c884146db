"""The page in a real Chromium over a real fleet: hub, coordinator, two agents, RTSP cameras and a model.

What it shows is held against what is: the scene's truth, the fleet's API, the other browser.
"""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.cockpit.conftest import Invite
from tests.cockpit.proof.conftest import FPS, LOGIN, SCENE, fact, press, running
from tests.cockpit.proof.live import apart, best, look
from tests.cockpit.security.rig import PASSWORD
from tests.cockpit.visitor import Visitor
from tests.conftest import WaitFor
from tools.cockpit_fleet import Cameras, CockpitFleet, street

pytestmark = [
    pytest.mark.needs("browser"),
    pytest.mark.alone,  # a browser, cameras and models at once: they want the machine
    pytest.mark.timeout(180),
]

PICTURES = 20
TOLD_S = 5.0
BEGIN_MS = 40_000


def test_a_camera_added_by_hand_is_tested_applied_and_seen_with_boxes_where_things_are(
    fleet: CockpitFleet, cameras: Cameras, operator: Visitor
) -> None:
    page = operator.go("/cameras")
    page.get_by_role("link", name="New camera").click()
    page.get_by_label("Name", exact=True).fill("gate")
    page.get_by_label("Address", exact=True).fill(cameras.url("street"))
    page.get_by_label("User", exact=True).fill(LOGIN[0])
    page.get_by_label("Password", exact=True).fill("not-the-password")
    page.get_by_label("Instance", exact=True).fill("eyes")
    page.get_by_role("button", name="Test, without saving").click()
    tested = page.get_by_role("region", name="Test")
    expect(tested.get_by_text("no pictures")).to_be_visible(timeout=BEGIN_MS)
    page.get_by_label("Password", exact=True).fill(LOGIN[1])
    page.get_by_role("button", name="Test, without saving").click()
    expect(tested.get_by_text("pictures come")).to_be_visible(timeout=BEGIN_MS)
    expect(tested.get_by_role("img")).to_be_visible()
    assert tested.get_by_role("img").evaluate("image => image.naturalWidth") > 0
    assert "gate" not in fleet.camera_states(), "a test saves nothing"

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="gate", level=1)).to_be_visible()
    assert LOGIN[1] not in page.content()
    page.get_by_role("link", name="Plan", exact=True).click()
    expect(page.get_by_role("table", name="Cameras").get_by_role("row", name="gate")).to_be_visible()
    press(page, "Apply")
    page.goto("/cameras/gate")
    expect(fact(page, "Is")).to_contain_text("live", timeout=BEGIN_MS)

    worst = _worst_boxes(page)
    assert len(worst) == PICTURES
    assert min(worst.values()) >= 0.5, worst


def _worst_boxes(page: Page) -> dict[int, float]:
    """How well the thing that is boxed worst is, by the number that stands in the pixels of the picture.

    Of pictures that have boxes of their own: the model of a busy machine passes some over.
    """
    page.locator("sightline-live").scroll_into_view_if_needed()
    worst: dict[int, float] = {}
    last, without = -1, 0
    deadline = time.monotonic() + 60
    while len(worst) < PICTURES and time.monotonic() < deadline:
        seen = look(page)
        assert seen.number is not None, "no number stands in the picture"
        things = apart(SCENE, seen.number)
        if not things or seen.number == last:
            continue
        assert seen.number > last, "the picture moves, and forward"
        last = seen.number
        off = float(np.abs(seen.image.astype(np.int16) - SCENE.frame(last)).mean())
        assert off < 12, "it is the picture that it says it is"
        if seen.off_s is None or seen.off_s > 0.005:
            without += bool(worst)  # the model was asked a moment ago, at first
            continue
        assert 0.0005 < seen.inked < 0.5, "boxes are drawn, and the picture is seen beneath"
        assert re.search(r"\d (person|people|car)", seen.words), seen.words
        worst[last] = min(best(one, seen.boxes) for one in things)
    assert without <= len(worst), "most pictures have boxes of their own"
    return worst


def test_a_camera_that_is_killed_is_said_to_be_gone_within_five_seconds(
    fleet: CockpitFleet, yard: str, admin: Visitor
) -> None:
    server = fleet.cameras({"street": street(3, fps=FPS)})
    row = {"camera_id": "doomed", "address": server.url("street"), "instance_name": "eyes"}
    fleet.api.post("/api/v1/cameras", row)
    fleet.api.post("/api/v1/update-config")
    one, all_of_them = admin.page, admin.open()
    one.goto("/cameras/doomed")
    expect(fact(one, "Is")).to_contain_text("live", timeout=BEGIN_MS)
    all_of_them.goto("/cameras")
    in_list = all_of_them.get_by_role("row", name=re.compile("doomed"))
    expect(in_list).to_contain_text("live")
    look(one)

    began = time.monotonic()
    server.process.kill()

    def left_ms() -> float:
        return max(1000 * (TOLD_S - (time.monotonic() - began)), 1)

    for told in (fact(one, "Is"), in_list):
        expect(told).to_contain_text(re.compile("away|silent"), timeout=left_ms())
        expect(told).not_to_contain_text("live", timeout=left_ms())
    picture = one.locator("sightline-live")
    expect(picture).to_have_attribute("state", "gone", timeout=left_ms())
    expect(picture.get_by_role("status")).to_contain_text("no picture since", timeout=left_ms())
    assert time.monotonic() - began < TOLD_S
    fleet.api.ask("DELETE", "/api/v1/cameras/doomed")
    fleet.api.post("/api/v1/update-config")


def test_a_plan_is_read_applied_and_taken_back(
    fleet: CockpitFleet, yard: str, operator: Visitor, wait_for: WaitFor
) -> None:
    page = operator.go(f"/cameras/{yard}/edit")
    page.get_by_label("It is wanted").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(fact(page, "Is")).to_contain_text("live")  # a draft changes nothing
    page.get_by_role("link", name="Plan", exact=True).click()
    plan = page.get_by_role("region", name="What applying would change")
    expect(plan.get_by_role("row", name=yard)).to_be_visible()
    page.get_by_label("Why", exact=True).fill("it is night")
    press(page, "Apply")
    wait_for(lambda: yard not in running(fleet), 30, "the camera to be stopped")

    page.goto("/audit")
    newest = page.get_by_role("row").filter(has_text="it is night")
    expect(newest).to_contain_text("operator")
    for undone, button in (("apply", "Start"), ("change camera", "Stop")):
        page.goto("/audit")
        page.get_by_role("button", name="Undo the last act").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(undone)
        press(page, "Undo it")
        page.goto(f"/cameras/{yard}")
        expect(page.get_by_role("button", name=button, exact=True)).to_be_visible()
    expect(fact(page, "Is")).to_contain_text("live", timeout=BEGIN_MS)
    assert fleet.api.get(f"/api/v1/cameras/{yard}")["enabled"]


def test_an_instance_is_moved_to_the_other_machine(
    fleet: CockpitFleet, yard: str, operator: Visitor, wait_for: WaitFor
) -> None:
    page = operator.go("/instances/eyes")
    was = _place(fleet)
    other = {"hall": "tower", "tower": "hall"}[was]
    form = page.get_by_role("region", name="Move and remove")
    form.get_by_label("To machine").fill(other)
    form.get_by_role("button", name="What would that change?").click()
    expect(page.get_by_role("main")).to_contain_text(other)
    assert _place(fleet) == was, "what would be is not done"
    page.goto("/instances/eyes")
    form.get_by_label("To machine").fill(other)
    form.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("#instance-state")).to_contain_text(other, timeout=BEGIN_MS)
    wait_for(lambda: running(fleet).get(yard) == "live", 40, "its camera to be live there")
    assert _place(fleet) == other
    page.goto("/events")
    expect(page.get_by_role("main")).to_contain_text("eyes")


def _place(fleet: CockpitFleet) -> str:
    nodes = {one["node_id"]: one["agent_name"] for one in fleet.api.get("/api/v1/agents")["items"]}
    return str(nodes[fleet.api.get("/api/v1/instances/eyes")["placed_node"]])


def test_each_role_is_shown_what_it_may_and_denied_the_rest(
    fleet: CockpitFleet, yard: str, visitor: Invite
) -> None:
    viewer = visitor(fleet.url).log_in("viewer")
    page = viewer.go(f"/cameras/{yard}")
    expect(fact(page, "Is")).to_contain_text("live")
    for name in ("Stop", "Edit", "Remove", "Restart its instance", "Debug on", "Test", "Move"):
        expect(page.get_by_role("main").get_by_role("button", name=name, exact=True)).to_have_count(0)
        expect(page.get_by_role("main").get_by_role("link", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    for path in (f"/cameras/{yard}/stop", "/plan", f"/cameras/{yard}/remove", "/users"):
        assert _sent(page, path) == 403, path
    for path in ("/users", f"/cameras/{yard}/edit", "/new/camera", "/enrolment"):
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 403, path
        expect(page.get_by_role("heading", level=1)).to_be_visible()

    operator = visitor(fleet.url).log_in("operator")
    page = operator.go(f"/cameras/{yard}")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    for path in ("/users", "/agents/hall/revoke", "/agents/hall/remove"):
        assert _sent(page, path) == 403, path
    assert running(fleet)[yard] == "live"


def _sent(page: Page, path: str) -> int:
    """A form that the page does not have, sent with all that its browser has."""
    send = """async (path) => {
      const csrf = document.querySelector('meta[name="csrf"]').content;
      const sent = { method: "POST", body: new URLSearchParams({ csrf }), redirect: "manual" };
      return (await fetch(path, sent)).status;
    }"""
    return int(page.evaluate(send, path))


def test_what_one_changes_another_sees_and_of_two_that_change_the_same_the_second_is_told(
    fleet: CockpitFleet, yard: str, visitor: Invite
) -> None:
    one, two = (visitor(fleet.url).log_in(name) for name in ("operator", "admin"))
    watching_page = two.open()
    watching_page.goto(f"/cameras/{yard}")
    for each in (one, two):
        each.go(f"/cameras/{yard}/edit")
        expect(each.page.get_by_label("Pool")).to_have_value("")
    one.page.get_by_label("Pool").fill("north")
    one.page.get_by_role("button", name="Save").click()
    expect(watching_page.locator("#camera-row")).to_contain_text("north")  # by itself

    two.page.get_by_label("Pool").fill("south")
    two.page.get_by_role("button", name="Save").click()
    told = two.page.get_by_role("alert")
    expect(told).to_contain_text("operator")
    expect(told).to_contain_text("changed it meanwhile")
    expect(told.get_by_role("row").filter(has_text="south")).to_contain_text("north")
    expect(two.page.get_by_label("Pool")).to_have_value("south")
    assert fleet.api.get(f"/api/v1/cameras/{yard}")["pool"] == "north"
    two.page.get_by_role("button", name="Save").click()
    expect(watching_page.locator("#camera-row")).to_contain_text("south")
    fleet.api.ask("PATCH", f"/api/v1/cameras/{yard}", json={"pool": ""})


def test_a_coordinator_that_is_killed_makes_pages_stale_and_they_go_on_by_themselves(
    fleet: CockpitFleet, yard: str, visitor: Invite, wait_for: WaitFor
) -> None:
    admin = visitor(fleet.url).log_in("admin")
    page = admin.go(f"/cameras/{yard}")
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_text("up to date")).to_be_visible()
    look(page)
    admin.expect_away()
    fleet.kill_coordinator()
    expect(page.get_by_text(re.compile("Stale since"))).to_be_visible(timeout=20_000)
    fleet.coordinator.start()
    expect(page.get_by_text("up to date")).to_be_visible(timeout=40_000)
    expect(page.get_by_text(re.compile("Stale since"))).to_be_hidden()
    fleet.api.ask("PATCH", f"/api/v1/cameras/{yard}", json={"pool": "afterwards"})
    expect(page.locator("#camera-row")).to_contain_text("afterwards", timeout=20_000)
    wait_for(lambda: fleet.camera_states()[yard] == "live", 40, "the camera to be heard of again")
    expect(fact(page, "Is")).to_contain_text("live", timeout=20_000)
    first = look(page)
    assert first.number is not None
    assert page.evaluate("window.sameDocument"), "nobody loaded the page again"
    fleet.api.ask("PATCH", f"/api/v1/cameras/{yard}", json={"pool": ""})


def test_all_is_done_by_the_keyboard_alone(
    fleet: CockpitFleet, yard: str, visitor: Invite, wait_for: WaitFor
) -> None:
    page = visitor(fleet.url).go("/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    _tab_to(page, page.get_by_role("navigation", name="Pages").get_by_role("link", name="Cameras"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/cameras$"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # to the content, past the navigation
    _tab_to(page, page.get_by_role("row").get_by_role("link", name=yard, exact=True))
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("button", name="Stop", exact=True))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, dialog.get_by_role("button", name="Stop", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=20_000)
    wait_for(lambda: yard not in running(fleet), 30, "the camera to be stopped")
    _tab_to(page, page.get_by_role("button", name="Start", exact=True))
    page.keyboard.press("Enter")
    wait_for(lambda: running(fleet).get(yard) == "live", 40, "the camera to be live again")


def _tab_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """Tab until that has the focus, which is seen."""
    expect(wanted).to_be_visible()
    for _ in range(most):
        if wanted.evaluate("one => one === document.activeElement"):
            outline = wanted.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", "the focus is not seen"
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{wanted} is not reached by {most} tabs")
