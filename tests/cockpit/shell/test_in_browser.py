"""The frame in a real Chromium: what comes by itself and what it leaves alone, what is stale, the theme, the
dialog.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect
from tests.cockpit.conftest import Invite
from tests.cockpit.security.rig import PASSWORD, served
from tests.cockpit.visitor import COOKIE

from sightline.fleet.api import staying
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Role

pytestmark = [pytest.mark.needs("browser"), pytest.mark.waits, pytest.mark.xdist_group("cockpit-shell")]
WITHIN = """
<form id="within" method="post"><label>Note <input name="note" value="VALUE"></label></form>
<form id="other" method="post"><label>Remark <input name="remark" value="VALUE"></label></form>
<details id="more"><summary>More</summary><p>VALUE of details</p></details>
"""
AT_FIRST_SIGHT = """
new MutationObserver((_, observer) => {
  if (!document.body) return;
  window.atFirstSight = getComputedStyle(document.documentElement).colorScheme;
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with served(tmp_path_factory.mktemp("browser")) as server:
        yield server


def is_told(page: Page) -> None:
    """From now on what is new comes."""
    expect(page.locator("#link")).to_have_text("up to date")


def test_what_changed_comes_by_itself_and_the_cursor_stays(
    server: CoordinatorServer, visitor: Invite
) -> None:
    page = visitor(server.url).log_in("admin").go("/users")
    is_told(page)
    name = page.get_by_label("Name", exact=True)
    name.fill("half a na")
    server.entrance.users.add("ivan", Role.VIEWER)
    expect(page.get_by_role("link", name="ivan")).to_be_visible()
    expect(name).to_be_focused()
    page.keyboard.type("me")
    expect(name).to_have_value("half a name")


def test_a_form_under_somebodys_hands_and_open_details_stay_and_the_rest_is_new(
    server: CoordinatorServer, visitor: Invite
) -> None:
    page = visitor(server.url).log_in("admin").page
    values = iter(["first", *["second"] * 50])

    def with_forms(route: Route) -> None:
        answer = route.fetch()
        place = '<section id="users"'
        head, _, tail = answer.text().partition(place)
        tag, _, rest = tail.partition(">")
        route.fulfill(
            response=answer, body=f"{head}{place}{tag}>{WITHIN.replace('VALUE', next(values))}{rest}"
        )

    page.route("**/users", with_forms)
    page.goto("/users")
    is_told(page)
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Note").fill("typed")
    page.locator("h1").click()  # somebody looks away, and has not sent it yet
    server.entrance.users.add("judy", Role.VIEWER)
    expect(page.get_by_role("link", name="judy")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("typed")
    expect(page.get_by_label("Remark")).to_have_value("second")
    expect(page.get_by_text("second of details")).to_be_visible()


def test_a_page_that_hears_nothing_says_since_when_and_that_it_hears_again(
    server: CoordinatorServer, visitor: Invite
) -> None:
    somebody = visitor(server.url).log_in("viewer")
    page = somebody.page
    page.clock.install()
    page.goto("/account")
    is_told(page)
    page.clock.run_for(13_000)
    expect(page.locator("#stale")).to_contain_text("Stale since")
    expect(page.locator("#link")).to_have_text("stale")
    expect(page.locator("#stale")).to_have_text("", timeout=10_000)  # the next beat of the real server
    is_told(page)


def test_who_is_logged_out_elsewhere_is_told_so(server: CoordinatorServer, visitor: Invite) -> None:
    somebody = visitor(server.url).log_in("viewer")
    page = somebody.go("/account")
    is_told(page)
    (cookie,) = [one for one in somebody.context.cookies() if one["name"] == COOKIE]
    server.entrance.logout(cookie["value"])
    server.entrance.users.add("nina", Role.VIEWER)  # is news, for which the page asks
    expect(page.locator("#stale")).to_contain_text("You are logged out")


def test_who_logs_out_in_one_window_is_told_in_the_other_and_comes_back_to_its_page(
    server: CoordinatorServer, visitor: Invite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staying, "ASK_AGAIN_S", 0.2)
    viewer = visitor(server.url).log_in("viewer")
    page, elsewhere = viewer.go("/cameras?text=gate"), viewer.open()
    is_told(page)
    elsewhere.goto("/")
    elsewhere.get_by_role("button", name="Log out").click()
    expect(elsewhere.get_by_role("button", name="Log in")).to_be_visible()
    assert COOKIE not in {one["name"] for one in viewer.context.cookies()}
    expect(page.locator("#stale")).to_contain_text("You are logged out")  # though nothing else happens
    page.reload()
    page.get_by_label("Name").fill("viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{server.url}/cameras?text=gate")


@pytest.mark.parametrize(
    ("system", "clicks", "wanted"), [("light", 0, "light dark"), ("light", 2, "dark"), ("dark", 1, "light")]
)
def test_the_theme_that_was_chosen_is_there_at_first_sight(
    server: CoordinatorServer, visitor: Invite, system: str, clicks: int, wanted: str
) -> None:
    page = visitor(server.url, scheme=system).go("/login")
    for _ in range(clicks):
        page.get_by_role("button", name="Theme").click()
    page.add_init_script(AT_FIRST_SIGHT)
    page.goto("/login")
    assert page.evaluate("window.atFirstSight") == wanted


def test_the_dialog_goes_by_keys_and_gives_the_focus_back(server: CoordinatorServer, visitor: Invite) -> None:
    server.entrance.users.add("oscar", Role.VIEWER)
    page = visitor(server.url).log_in("admin").go("/users/oscar")
    button = page.get_by_role("button", name="Remove oscar")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Remove oscar?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("oscar is no user any more.")).to_be_visible()


def test_the_first_tab_leads_past_the_navigation(server: CoordinatorServer, visitor: Invite) -> None:
    page = visitor(server.url).log_in("viewer").go("/account")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('content').contains(document.activeElement)")


@pytest.mark.parametrize("width", [360, 3840])
def test_no_page_is_wider_than_its_window(server: CoordinatorServer, visitor: Invite, width: int) -> None:
    somebody = visitor(server.url, width=width).log_in("admin")
    for path in ("/account", "/users", "/users/admin"):
        page = somebody.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
