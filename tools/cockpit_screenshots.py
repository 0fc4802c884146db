"""Pictures of every page of the cockpit, light and dark, for the docs: `make screenshots`.

A fleet of its own is begun, with cameras that are live, one that is not reached and one that is switched off,
and two people work with it; then a browser goes through its pages. Nothing of this machine is in them.
"""

from __future__ import annotations

import argparse
import io
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from tools.cockpit_fleet import CockpitFleet, street, watching
from tools.cockpit_scenes import SCENES, Of
from tools.services import SERVICES
from tools.services.waiting import wait_for

from sightline.fleet.api.client import FleetClient

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "images" / "cockpit"
SIZE: Final = (1280, 800)
MOST_BYTES: Final = 200_000
ARGS: Final = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
PASSWORD: Final = "a sentence for pictures"
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
CAMERAS: Final = (
    ("car-park", 7, "yard-eyes", "outside"),
    ("loading-dock", 7, "yard-eyes", "outside"),
    ("main-entrance", 5, "door-eyes", "inside"),
    ("side-entrance", 5, "door-eyes", "inside"),
    ("reception", 5, "door-eyes", "inside"),
)
PAGES: Final[Mapping[str, str]] = {
    "overview": "/",
    "cameras": "/cameras",
    "camera": "/cameras/car-park",
    "camera-gone": "/cameras/cellar",
    "camera-edit": "/cameras/car-park/edit",
    "camera-form": "/new/camera",
    "import": "/import?kind=cameras",
    "instances": "/instances",
    "instance": "/instances/yard-eyes",
    "instance-form": "/new/instance",
    "agents": "/agents",
    "agent": "/agents/hall",
    "enrolment": "/enrolment",
    "plan": "/plan",
    "events": "/events",
    "audit": "/audit",
    "users": "/users",
    "user": "/users/omar",
    "account": "/account",
}
_SEEN: Final = """() => {
  const live = document.querySelector("sightline-live"), state = live.getAttribute("state");
  const words = live.shadowRoot.querySelector("[role=status]").textContent;
  return state === "live" ? live.boxes.length > 3 : state === "gone" || words.includes("backing_off");
}"""
_HIDE: Final = """([name, shown]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (text.nodeValue.includes(name)) text.nodeValue = text.nodeValue.replaceAll(name, shown);
  }
}"""


def main() -> None:
    """Take them all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of pages: first, login, {', '.join([*PAGES, *SCENES])}")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SERVICES["browser"].find(), args=list(ARGS))
        with CockpitFleet(Path(folder), terminal=True) as fleet:
            for name, image in _pictures(fleet, browser, frozenset(asked.names)):
                print(f"{name}: {_keep(asked.folder / f'{name}.png', image):,} bytes", flush=True)
        browser.close()


def _pictures(fleet: CockpitFleet, browser: Browser, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    wanted = names or frozenset({"first", "login", *PAGES, *SCENES})
    link = fleet.first_link()
    for scheme in SCHEMES if "first" in wanted else ():
        page = _page(fleet, browser, scheme)
        page.goto(link)
        yield f"first-{scheme}", _shot(page)
    _live(fleet, browser)
    pages = {scheme: _page(fleet, browser, scheme) for scheme in SCHEMES}
    for scheme, page in pages.items():
        for name, image in _addressed(page, wanted):
            yield f"{name}-{scheme}", image
    with _as(fleet, "omar", "operator") as omar:  # after all the others: these change what those show
        of = Of(omar, "car-park", "door-eyes", "tower")
        for name, play in SCENES.items():
            for scheme, page in pages.items() if name in wanted else ():
                play(page, of)
                yield f"{name}-{scheme}", _shot(page)


def _addressed(page: Page, wanted: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    page.goto("/login")
    if "login" in wanted:
        yield "login", _shot(page)
    _log_in(page)
    for name, path in PAGES.items():
        if name in wanted:
            page.goto(path)
            yield name, _shot(page)


def _page(fleet: CockpitFleet, browser: Browser, scheme: Literal["light", "dark"]) -> Page:
    width, height = SIZE
    context = browser.new_context(
        base_url=fleet.url,
        color_scheme=scheme,
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    return context.new_page()


def _log_in(page: Page) -> None:
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def _shot(page: Page) -> bytes:
    page.wait_for_load_state("load")
    if page.locator("sightline-live").count():
        wait_for(lambda: page.evaluate(_SEEN), 40, f"the picture of {page.url}")
    if page.locator("#link").count():
        page.get_by_text("up to date").wait_for()
    page.evaluate(_HIDE, [socket.gethostname(), "hall.example"])
    return page.screenshot()


def _live(fleet: CockpitFleet, browser: Browser) -> None:
    """People come, and things happen."""
    page = _page(fleet, browser, "light")
    page.goto(fleet.first_link())
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make the admin").click()
    page.get_by_role("button", name="Log out").wait_for()
    page.context.close()
    with _as(fleet, "ada", "admin") as ada:
        for name, role in (("omar", "operator"), ("vera", "viewer"), ("night-report", "viewer")):
            ada.post("/api/v1/users", {"name": name, "role": role, "password": PASSWORD})
        ada.post("/api/v1/enrolment-tokens", {"description": "the machine in the annex"})
    with _as(fleet, "omar", "operator") as omar:
        _fill(fleet, omar)


def _as(fleet: CockpitFleet, name: str, role: str) -> FleetClient:
    wish = {"role": role, "description": "a script that looks every night"}
    made = fleet.api.post(f"/api/v1/users/{name}/tokens", wish)
    return FleetClient(fleet.url, made["token"])


def _fill(fleet: CockpitFleet, omar: FleetClient) -> None:
    streets = {name: street(seed, fps=8) for name, seed, *_ in CAMERAS}
    login = {"username": "viewer", "password": "kept-to-itself"}
    server = fleet.cameras(streets, login=("viewer", "kept-to-itself"))
    for name, seed, agent, pool in (("yard-eyes", 7, "tower", "outside"), ("door-eyes", 5, "hall", "inside")):
        omar.post("/api/v1/instances", watching(name, seed, agent_name=agent, pool=pool))
    for name, _, instance, where in CAMERAS:
        row = {"camera_id": name, "address": server.url(name), "instance_name": instance, **login}
        omar.post("/api/v1/cameras", {**row, "pool": where})
    gone = {"camera_id": "cellar", "address": "rtsp://127.0.0.1:9/main", "instance_name": "door-eyes"}
    omar.post("/api/v1/cameras", gone)
    omar.post("/api/v1/update-config", {"desc": "the cameras of the ground floor"})
    wait_for(lambda: _live_ones(fleet) == len(CAMERAS), 120, "all cameras to be live")
    omar.post("/api/v1/cameras/reception/stop")
    omar.post("/api/v1/cameras/side-entrance/debug", {"debug": True})
    wait_for(lambda: _is_settled(fleet), 120, "all to be as it is wanted")
    row = {"camera_id": "roof", "address": server.url("car-park"), "instance_name": "yard-eyes", **login}
    omar.post("/api/v1/cameras", row)
    omar.ask("PATCH", "/api/v1/cameras/loading-dock", json={"pool": ""})


def _is_settled(fleet: CockpitFleet) -> bool:
    now, cameras = fleet.api.get("/api/v1/status"), fleet.camera_states()
    is_desired = now["as_desired"] and now["revision"] == now["draft_revision"] and not now["behind"]
    return is_desired and cameras["cellar"] == "backing_off" and _live_ones(fleet) == len(CAMERAS) - 1


def _live_ones(fleet: CockpitFleet) -> int:
    return list(fleet.camera_states().values()).count("live")


def _keep(path: Path, image: bytes) -> int:
    """As a small file: pages have few colours, and pictures of cameras do with 256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown: Any = Image.open(io.BytesIO(image)).convert("RGB")
    shown.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name}: expected at most {MOST_BYTES} bytes, got {size}")
    return size


if __name__ == "__main__":
    main()
