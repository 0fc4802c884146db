"""Pages of the cockpit to which a button, a form or two people lead, and no address alone.

For the pictures in the docs, and for tests that look at every page. Deliberately not here: what a page must
show: each scene waits until its page is there, and does nothing that could not be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from playwright.sync_api import Page

from sightline.fleet.api.client import FleetClient

LOOK_MS: Final = 40_000
"""A camera that is tested is opened, and may be slow."""
FILE: Final = """camera_id,address,username,password,instance_name
{camera},rtsp://10.0.0.7/main,viewer,not-for-eyes,{instance}
bicycle-shed,rtsp://10.0.0.8/main,viewer,not-for-eyes,{instance}
ramp,rtsp://10.0.0.9/main,,,
"""


class Of(NamedTuple):
    """What the scenes are played with.

    Attributes:
        api: somebody else, who changes the camera meanwhile.
        camera: that is live.
        instance: that is moved, and has a log.
        agent: where it is moved to, and that is drained.
    """

    api: FleetClient
    camera: str
    instance: str
    agent: str


def _log(page: Page, of: Of) -> None:
    page.goto(f"/instances/{of.instance}")
    page.get_by_role("link", name="Log", exact=True).click()
    page.locator("#log").wait_for()


def _entry(page: Page, _of: Of) -> None:
    page.goto("/audit?act=update_config")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    page.get_by_text("Hash", exact=True).wait_for()


def _undone(page: Page, of: Of) -> None:
    of.api.post(f"/api/v1/cameras/{of.camera}/stop")
    page.goto("/audit")
    _press(page, "Undo the last act", "Undo “stop camera”")
    of.api.post("/api/v1/undo")


def _stopped(page: Page, of: Of) -> None:
    page.goto(f"/cameras/{of.camera}")
    _press(page, "What if it were stopped?", "What would change")


def _moved(page: Page, of: Of) -> None:
    page.goto(f"/instances/{of.instance}")
    page.get_by_label("To machine").fill(of.agent)
    _press(page, "What would that change?", "What would change")


def _drained(page: Page, of: Of) -> None:
    page.goto(f"/agents/{of.agent}")
    _press(page, "What if it were drained?", "What would change")


def _tested(page: Page, of: Of) -> None:
    page.goto(f"/cameras/{of.camera}")
    _press(page, "Test", "Test of")
    page.get_by_text("pictures come").wait_for()


def _tested_unsaved(page: Page, _of: Of) -> None:
    page.goto("/new/camera")
    page.get_by_label("Name", exact=True).fill("annex")
    page.get_by_label("Address", exact=True).fill("rtsp://127.0.0.1:9/main")
    page.get_by_role("button", name="Test, without saving").click()
    page.get_by_text("no pictures").wait_for(timeout=LOOK_MS)


def _refused(page: Page, _of: Of) -> None:
    page.goto("/new/camera")
    page.get_by_label("Name", exact=True).fill("the annex")
    page.get_by_label("Address", exact=True).fill("ftp://10.0.0.9/main")
    page.get_by_role("button", name="Save").click()
    page.locator(".field .error").first.wait_for()


def _imported(page: Page, of: Of) -> None:
    page.goto("/import?kind=cameras")
    page.get_by_label("Or its text").fill(FILE.format(camera=of.camera, instance=of.instance))
    _press(page, "Show what it would change", "What the import would change")


def _clash(page: Page, of: Of) -> None:
    address = f"/api/v1/cameras/{of.camera}"
    page.goto(f"/cameras/{of.camera}/edit")
    was = of.api.get(address)["pool"]
    of.api.ask("PATCH", address, json={"pool": "north"})
    page.get_by_label("Pool").fill("south")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()
    of.api.ask("PATCH", address, json={"pool": was})


def _nowhere(page: Page, _of: Of) -> None:
    page.goto("/cameras/nowhere")


def _press(page: Page, label: str, heading: str) -> None:
    """A button, until the page of that heading is there."""
    main = page.get_by_role("main")
    main.get_by_role("button", name=label, exact=True).click()
    main.get_by_role("heading", level=1, name=heading).wait_for(timeout=LOOK_MS)


SCENES: Final[Mapping[str, Callable[[Page, Of], None]]] = {
    "log": _log,
    "audit-entry": _entry,
    "undo": _undone,
    "would-stop": _stopped,
    "would-move": _moved,
    "would-drain": _drained,
    "camera-test": _tested,
    "camera-form-test": _tested_unsaved,
    "camera-form-refused": _refused,
    "import-would": _imported,
    "clash": _clash,
    "nowhere": _nowhere,
}
"""By the names of their pictures."""
