"""The preview's page in a real browser: pictures move, numbers are right, and it says what is wrong."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sightline import Frame, Result
from sightline.sink.preview import Preview

pytestmark = pytest.mark.needs("browser")

MakeShown = Callable[..., tuple[Result, Frame]]
NAME = "<b>gate</b> & höf"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


PIXELS = """
    const canvas = new OffscreenCanvas(192, 108), context = canvas.getContext("2d");
    context.drawImage(document.querySelector("img"), 0, 0, 192, 108);
    return String(context.getImageData(0, 50, 192, 1).data);
"""
"""A row of the first picture as the browser shows it."""


@pytest.fixture(scope="module")
def browser(found_at: Callable[[str], str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found_at("browser"), args=ARGS)
        yield chromium
        chromium.close()


class Cameras:
    """Writes a picture of each camera ten times a second until it is stopped."""

    def __init__(self, preview: Preview, make_shown: MakeShown, *names: str) -> None:
        self._preview, self._make, self._names = preview, make_shown, names
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        index = 0
        while not self._over.wait(0.1):
            for name in self._names:
                self._preview.write(*self._make(name, index))
            index += 1

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, faults: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that notes what its console says is wrong; parametrised with light or dark."""
    opened = browser.new_page(
        color_scheme=getattr(request, "param", "light"), viewport={"width": 1000, "height": 700}
    )
    opened.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    opened.close()


@pytest.fixture
def status() -> dict[str, Any]:
    return {"cameras": {}}


@pytest.fixture
def preview(status: dict[str, Any]) -> Iterator[Preview]:
    made = Preview(port=0, status=lambda: status)
    yield made
    made.close()


@pytest.fixture
def cameras(preview: Preview, make_shown: MakeShown) -> Iterator[Cameras]:
    running = Cameras(preview, make_shown, NAME, "yard")
    yield running
    running.stop()


@pytest.mark.parametrize("page", ["light", "dark"], indirect=True)
def test_pictures_move_and_nothing_is_wrong(
    page: Page, preview: Preview, cameras: Cameras, faults: list[str], wait_for: Callable[..., object]
) -> None:
    page.goto(preview.url)
    expect(page.locator("article")).to_have_count(2)
    expect(page.locator("img").first).to_be_visible()
    page.wait_for_function("() => document.querySelector('img').naturalWidth === 192")
    before = page.evaluate(f"() => {{ {PIXELS} }}")
    shot = page.screenshot()
    page.wait_for_function(f"before => (() => {{ {PIXELS} }})() !== before", arg=before)
    wait_for(lambda: page.screenshot() != shot, 5, "the page to look different")
    expect(page.locator("#link")).to_have_text("live")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground in ("rgb(244, 245, 246)", "rgb(18, 20, 22)")
    assert faults == []


def test_names_are_text_and_numbers_are_shown(
    page: Page, preview: Preview, cameras: Cameras, status: dict[str, Any]
) -> None:
    facts = {
        "state": "live",
        "fps": 25.0,
        "dropped": {"late": 3, "before_keyframe": 0},
        "unsent": {"too_old": 5},
    }
    status["cameras"][NAME] = facts
    page.goto(preview.url)
    tile = page.locator("article", has_text="gate")
    expect(tile.locator(".name")).to_have_text(NAME)
    expect(page.locator("article b")).to_have_count(0)
    expect(tile.locator(".seen")).to_have_text("1 square")
    expect(tile.locator(".dropped")).to_have_text("not on the bus: 5 too old; dropped: 3 late")
    expect(tile.locator(".state")).to_have_text("live")
    expect(tile.locator(".fps")).to_contain_text("of 25.0")
    expect(page.locator("#summary")).to_contain_text("2 cameras")
    expect(tile.locator(".fps")).to_have_text(re.compile(r"^([5-9]|10)\.\d of 25\.0$"))


def test_a_camera_that_gives_nothing_is_said_to(
    page: Page, preview: Preview, cameras: Cameras, status: dict[str, Any]
) -> None:
    status["cameras"]["dock"] = {"state": "backing_off", "reason": "nothing answers"}
    page.goto(preview.url)
    dock, yard = page.locator("article", has_text="dock"), page.locator("article", has_text="yard")
    expect(dock.locator(".note")).to_have_text("no picture yet")
    expect(dock.locator(".state")).to_have_text("backing off")
    expect(dock.locator(".reason")).to_have_text("nothing answers")
    expect(yard.locator(".note")).to_be_hidden()
    cameras.stop()
    expect(yard.locator(".note")).to_be_visible(timeout=10_000)
    expect(yard.locator(".note")).to_contain_text("no result for")


def test_processes_are_told_with_what_befell_them(
    page: Page, preview: Preview, cameras: Cameras, status: dict[str, Any]
) -> None:
    status["processes"] = {
        "hub": {"pid": 4711, "state": "running", "ends": 0, "reason": ""},
        NAME: {"pid": None, "state": "waiting", "ends": 2, "reason": "killed by <i>SIGKILL</i>"},
    }
    page.goto(preview.url)
    lines = page.locator("#processes li")
    expect(lines).to_have_text(
        ["hub, 4711, running", f"{NAME}, waiting, ended 2 times, killed by <i>SIGKILL</i>"]
    )
    expect(lines.locator(".dot.good")).to_have_count(1)
    del status["processes"]
    expect(lines).to_have_count(0)


def test_a_server_that_is_gone_is_said_to_be(page: Page, preview: Preview, cameras: Cameras) -> None:
    page.goto(preview.url)
    expect(page.locator("img").first).to_be_visible()
    cameras.stop()
    preview.close()
    expect(page.locator("#link")).to_contain_text(
        "no answer from the server; these pictures are", timeout=10_000
    )
    expect(page.locator("body")).to_have_class("gone")


def test_what_is_out_of_view_is_not_drawn(
    page: Page, preview: Preview, make_shown: MakeShown, wait_for: Callable[..., object]
) -> None:
    page.set_viewport_size({"width": 420, "height": 300})
    for name in ("a", "b", "c", "d", "e", "f"):
        preview.write(*make_shown(name))
    page.goto(preview.url)
    expect(page.locator("article")).to_have_count(6)
    expect(page.locator("img").first).to_be_visible()
    assert preview.encoded < 6
    page.locator("article").last.scroll_into_view_if_needed()
    expect(page.locator("img").last).to_be_visible()


def test_more_cameras_than_a_browser_opens_connections(
    page: Page, preview: Preview, make_shown: MakeShown, faults: list[str]
) -> None:
    page.set_viewport_size({"width": 1600, "height": 2000})
    names = [f"camera-{number}" for number in range(1, 13)]
    for name in names:
        preview.write(*make_shown(name))
    page.goto(preview.url)
    for at in range(12):
        expect(page.locator("img").nth(at)).to_be_visible()
    assert page.locator(".name").all_text_contents() == names
    assert faults == []


def test_the_page_passes_its_token_on(page: Page, make_shown: MakeShown, faults: list[str]) -> None:
    preview = Preview(port=0, token="only-for-this-test")
    preview.write(*make_shown())
    page.goto(f"{preview.url}?token=only-for-this-test")
    expect(page.locator("img")).to_be_visible()
    assert faults == []
    preview.close()
