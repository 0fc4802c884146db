"""The live picture in a real browser: it moves, its boxes fit, and it says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from tests.cockpit.proof.live import apart, best, look
from tests.fleet.viewing.rig import CAMERA, STREET, Shown, Worker

from sightline.cockpit.assets import Assets
from sightline.cockpit.security import Secured
from sightline.fleet.api.app import PageParts
from sightline.pages.guarded import App
from sightline.scene.url import parse_url

pytestmark = [pytest.mark.needs("browser"), pytest.mark.xdist_group("live picture")]
WaitFor = Callable[[Callable[[], object], float, str], object]
BEGIN_MS = 30_000
PAGE = """<!doctype html><html lang="en"><title>live</title>
<script type="module" src="{script}"></script>
<main><sightline-live camera="{camera}"></sightline-live></main>"""
B_FRAMES = f"{STREET}&b_frames=2"


def page_with_it(_: PageParts) -> App:
    """A page with nothing else, under the cockpit's policy."""
    assets = Assets()

    def show(_: Request) -> HTMLResponse:
        return HTMLResponse(PAGE.format(script=assets.path("live.js"), camera=CAMERA))

    return Secured(Starlette(routes=[Route("/", show), assets.route()]))


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    with Shown(tmp_path, pages=page_with_it) as rig:
        yield rig


@pytest.fixture
def open_page(chromium: Browser, shown: Shown) -> Iterator[Callable[..., Page]]:
    """Who asks has the coordinator's own token; a fault in the console fails the test."""
    contexts, faults = [], []

    def opened(script: str = "") -> Page:
        token = f"Bearer {shown.server.token}"
        contexts.append(chromium.new_context(extra_http_headers={"authorization": token}))
        page = contexts[-1].new_page()
        page.add_init_script(script)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Security Policy" in said.text else None)
        page.goto(shown.server.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def asked(page: Page, what: str) -> Any:
    """Something of the element."""
    return page.locator("sightline-live").evaluate(f"element => element.{what}")


def is_live(page: Page) -> None:
    expect(page.locator("sightline-live")).to_have_attribute("state", "live", timeout=BEGIN_MS)


@pytest.mark.parametrize("street", [STREET, B_FRAMES])
def test_boxes_are_drawn_on_the_very_picture_and_soon(
    shown: Shown, open_page: Callable[[], Page], street: str, wait_for: WaitFor
) -> None:
    scene, words = parse_url(street).scene, ""
    numbers: list[int] = []
    fits: list[float] = []
    with Worker(shown.bus, street):
        page = open_page()
        is_live(page)
        wait_for(lambda: asked(page, "shown?.seen_s.length"), 20, "boxes")
        while len(numbers) < 6 or (not fits and len(numbers) < 60):
            seen = look(page)
            assert seen.number is not None
            numbers.append(seen.number)
            assert f"#{seen.number}" in [box["label"] for box in seen.boxes]
            assert seen.off_s is not None
            assert seen.off_s < 0.005  # its own boxes, not those of one before it
            fits += [best(one, seen.boxes) for one in apart(scene, seen.number)]
            assert seen.inked > 0
            words = seen.words
        delay_s = asked(page, "delay_s")
    assert numbers == sorted(set(numbers))
    assert fits
    assert min(fits) > 0.95
    assert 0 < delay_s < 1.5
    assert re.search(r"Live picture of gate: .*(people|person|car|nothing|cyclist|bicycle|truck)", words)


def test_it_goes_on_by_itself_with_the_next_server(shown: Shown, open_page: Callable[[], Page]) -> None:
    with Worker(shown.bus):
        page = open_page()
        is_live(page)
        port = int(shown.server.url.rpartition(":")[2])
        shown.server.close()
        live = page.locator("sightline-live")
        expect(live).to_have_attribute("state", re.compile("lost|connecting|gone"), timeout=BEGIN_MS)
        expect(live.locator("[role=status]")).to_have_text(
            re.compile("Connecting|connection was lost|ended the picture|No picture"), timeout=BEGIN_MS
        )
        assert live.evaluate("element => element.boxes.length") == 0
        shown.begin_anew(port)
        is_live(page)
        look(page)


def test_it_says_that_the_camera_is_gone_and_shows_the_next_picture(
    shown: Shown, open_page: Callable[[], Page]
) -> None:
    page = open_page()
    live = page.locator("sightline-live")
    expect(live).to_have_attribute("state", "gone", timeout=BEGIN_MS)
    expect(live.locator("[role=status]")).to_contain_text("there is no machine yet")
    with Worker(shown.bus):
        is_live(page)
    expect(live).to_have_attribute("state", "gone", timeout=6000)
    expect(live.locator("[role=status]")).to_contain_text("no picture since")
    with Worker(shown.bus, term=2):
        is_live(page)
        first = look(page)
        assert look(page).number != first.number


def test_a_codec_that_the_browser_lacks_is_shown_picture_by_picture(
    shown: Shown, open_page: Callable[[], Page], wait_for: WaitFor
) -> None:
    with Worker(shown.bus, f"{STREET}&codec=mjpeg"):
        page = open_page()
        is_live(page)
        wait_for(lambda: asked(page, "shown?.media_s"), 20, "a picture")
        first = asked(page, "shown.media_s")
        wait_for(lambda: asked(page, "shown.media_s") > first, 20, "the next picture")
        assert asked(page, "shown.width") == 320
        wait_for(lambda: asked(page, "boxes.length"), 20, "boxes")


COUNTING = """(() => {
  const listening = new Set();
  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
  const counts = (target) => target === document || target instanceof AbortSignal;
  EventTarget.prototype.addEventListener = function (kind, listener, how) {
    if (counts(this)) listening.add(listener);
    return add.call(this, kind, listener, how);
  };
  EventTarget.prototype.removeEventListener = function (kind, listener, how) {
    listening.delete(listener);
    return remove.call(this, kind, listener, how);
  };
  window.listeners = () => listening.size;
  window.hide = (hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  };
})()"""


def test_a_window_that_is_hidden_again_and_again_listens_no_more_for_it(
    shown: Shown, open_page: Callable[..., Page]
) -> None:
    page = open_page(COUNTING)
    live = page.locator("sightline-live")
    expect(live).to_have_attribute("state", "gone", timeout=BEGIN_MS)
    first = page.evaluate("listeners()")
    for _ in range(3):
        page.evaluate("hide(true)")
        expect(live).to_have_attribute("state", "resting")
        page.evaluate("hide(false)")
        expect(live).to_have_attribute("state", "gone", timeout=BEGIN_MS)
    page.route("**/live", lambda route: route.abort(), times=2)
    page.evaluate("hide(true)")
    page.evaluate("hide(false)")
    expect(live).to_have_attribute("state", "lost", timeout=BEGIN_MS)
    expect(live).to_have_attribute("state", "gone", timeout=BEGIN_MS)
    assert page.evaluate("listeners()") == first


def test_boxes_of_pictures_that_are_never_shown_are_forgotten(open_page: Callable[..., Page]) -> None:
    held = open_page().evaluate(
        """async (script) => {
          const { Seen } = await import(script);
          const seen = new Seen();
          for (let at = 0; at < 5000; at++) seen.add({ model: "people", media_s: at, boxes: [] });
          return Array.from({ length: 5000 }, (_, at) => seen.at(at).length).lastIndexOf(0);
        }""",
        Assets().path("live_drawing.js"),
    )
    assert 4000 < held < 4900, "some are kept"
