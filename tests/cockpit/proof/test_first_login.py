"""The first login: a link in the coordinator's terminal makes the admin, once, for who has that terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.cockpit.conftest import Invite
from tests.cockpit.proof.seen_by_all import faults
from tests.cockpit.security.rig import PASSWORD
from tests.cockpit.visitor import Visitor
from tools.cockpit_fleet import CockpitFleet

pytestmark = [pytest.mark.needs("browser"), pytest.mark.xdist_group("cockpit-first")]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CockpitFleet]:
    with CockpitFleet(tmp_path_factory.mktemp("first"), agents=(), terminal=True) as fleet:
        yield fleet


def test_the_link_of_the_terminal_makes_the_first_admin_once(
    fleet: CockpitFleet, visitor: Invite, tmp_path: Path
) -> None:
    link = fleet.first_link()
    code = link.partition("code=")[2]
    assert link.startswith(f"{fleet.url}/first?code=")
    nobody = visitor(fleet.url)
    nobody.go("/")
    expect(nobody.page).to_have_url(f"{fleet.url}/first")  # there is nobody yet who could log in
    assert faults(nobody.page) == []
    _fill(nobody, "eve", code="a-guess")
    expect(nobody.page.get_by_text("This code was used, is too old, or is another one.")).to_be_visible()

    owner = visitor(fleet.url)
    owner.page.goto(link)
    _fill(owner, "ada")
    expect(owner.page.get_by_role("status").filter(has_text="Welcome, ada")).to_be_visible()
    assert code not in owner.page.url
    assert code not in owner.page.content()
    expect(owner.page.get_by_role("link", name="Users")).to_be_visible()

    late = visitor(fleet.url)
    late.page.goto(link)
    expect(late.page).to_have_url(f"{fleet.url}/login")
    late.log_in("ada")
    fleet.kill_coordinator()
    fleet.coordinator.start()
    assert len(fleet.links()) == 1, "no more links once there is a user"
    assert PASSWORD not in fleet.said()


def _fill(somebody: Visitor, name: str, *, code: str | None = None) -> None:
    page = somebody.page
    if code is not None:
        page.get_by_label("Code").fill(code)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make the admin").click()
