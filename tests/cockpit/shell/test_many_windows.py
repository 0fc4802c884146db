"""Many windows of one browser, which has six connections to a server without TLS and no more."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.cockpit.conftest import Invite
from tests.cockpit.security.rig import served
from tests.fleet.api.rig import camera, worker

from sightline.fleet.api.serving import CoordinatorServer

pytestmark = [pytest.mark.needs("browser"), pytest.mark.waits, pytest.mark.xdist_group("cockpit-shell")]
WINDOWS = 4
WATCHED = """() => ["waiting", "live", "gone", "no_video"].includes(
  document.querySelector("sightline-live").getAttribute("state"))"""
LISTEN = """async (last) => {
  const script = document.querySelector('script[src$="updates.js"]').src.replace("updates.js", "news.js");
  const { listen } = await import(script);
  const news = listen("/stream", last);
  const event = await new Promise((heard) => news.addEventListener("news", heard, { once: true }));
  news.close();
  return JSON.parse(event.data).topics;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with served(tmp_path_factory.mktemp("windows")) as server:
        database = server.service.database
        database.instances.add(worker("hall-1"))
        for number in range(WINDOWS):
            database.cameras.add(camera(f"cam-{number}"))
        server.service.apply()
        yield server


def test_with_many_live_pictures_open_everything_still_goes(
    server: CoordinatorServer, visitor: Invite
) -> None:
    somebody = visitor(server.url).log_in("operator")
    pages = [somebody.page, *(somebody.open() for _ in range(WINDOWS - 1))]
    for number, page in enumerate(pages):
        page.goto(f"/cameras/cam-{number}")
    for page in pages:
        expect(page.locator("#link")).to_have_text("up to date")
        _is_watched(page)
    pages[1].get_by_role("button", name="Stop", exact=True).click()
    pages[1].get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(pages[1].get_by_text("cam-1 is to end")).to_be_visible()
    server.service.database.cameras.change("cam-2", {"pool": "north"})
    expect(pages[2].locator("#camera-row")).to_contain_text("north")
    pages[0].get_by_role("link", name="Instances").click()
    expect(pages[0].get_by_role("heading", name="Instances")).to_be_visible()
    for page in pages:
        expect(page.locator("#link")).to_have_text("up to date")


def test_a_window_that_comes_later_is_told_what_it_missed(server: CoordinatorServer, visitor: Invite) -> None:
    page = visitor(server.url).log_in("operator").go("/cameras/cam-3")
    expect(page.locator("#link")).to_have_text("up to date")
    server.service.database.cameras.change("cam-3", {"pool": "south"})
    expect(page.locator("#camera-row")).to_contain_text("south")
    missed = page.evaluate(LISTEN, page.locator('meta[name="news"]').get_attribute("content"))
    assert "cameras" in missed
    assert "agents" not in missed
    assert page.evaluate(LISTEN, "1") is None, "from before anything that is known: all"


def _is_watched(page: Page) -> None:
    """Its live picture has a connection, whatever comes by it."""
    page.wait_for_function(WATCHED)
