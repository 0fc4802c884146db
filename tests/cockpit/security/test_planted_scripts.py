"""Names, labels, reasons, logs and notes that would be scripts: a real browser shows them as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.cockpit.conftest import Invite
from tests.cockpit.crawl import pages_from
from tests.cockpit.security.rig import served
from tests.conftest import WaitFor
from tests.fleet.api.rig import QUICK, Agent, bus_url, camera, worker

from sightline.fleet.api.client import FleetClient, Refused
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Role

pytestmark = pytest.mark.needs("browser")

EVIL = "\"'><img src=x onerror=window.pwned=1><script>window.pwned=1</script>{{31337*3}}"
COCKPIT = Path(__file__).resolve().parents[3] / "src" / "sightline" / "cockpit"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, wait_for: WaitFor) -> Iterator[CoordinatorServer]:
    """Everything that takes a text has a script in it, whoever may say it: users, machines, cameras."""
    bus = bus_url()
    with (
        served(tmp_path_factory.mktemp("planted"), bus=bus, timing=QUICK) as server,
        FleetClient(server.url, server.token) as api,
    ):
        server.entrance.tokens.make("admin", role=Role.VIEWER, description=EVIL)
        token = api.post("/api/v1/enrolment-tokens", {"description": EVIL})["token"]
        agent = Agent(bus, f"hall{EVIL}"[:60], token)
        try:
            agent.greet(description=EVIL, agent_version=EVIL, labels={"room": EVIL})
            wait_for(lambda: api.get("/api/v1/agents")["total"], 20, "the agent to be let in")
            agent.logs = f"\x1b[31m{EVIL}"
            agent.states = {"eyes": ("failed", EVIL)}
            agent.cameras = {"gate": EVIL}
            for path, body in _rows():
                api.post(path, body)
            for path, body in _names():
                _try(api, path, body)
            api.post("/api/v1/update-config", {"desc": EVIL})
            wait_for(lambda: "window.pwned" in str(api.get("/api/v1/instances")), 20, "the reason to be told")
            yield server
        finally:
            agent.close()


def _rows() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "/api/v1/instances", worker("eyes", labels={}, pool=EVIL)
    yield (
        "/api/v1/cameras",
        camera("gate", instance_name="eyes", labels={"door": EVIL, EVIL: "x"}, username=EVIL, pool=EVIL),
    )


def _names() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that may be refused."""
    for name in (EVIL, EVIL[:40], "<b>gate", "javascript:window.pwned=1", "x' onload='window.pwned=1"):
        yield "/api/v1/cameras", camera(name, address="rtsp://10.0.0.5/x")
        yield "/api/v1/instances", worker(name)
        yield "/api/v1/agents", {"agent_name": name}
        yield "/api/v1/users", {"name": name, "role": "viewer", "password": "a long sentence, for tests"}
    yield "/api/v1/cameras", camera("script", address="javascript:window.pwned=1")
    yield "/api/v1/cameras", camera("stream", address=f"rtsp://10.0.0.5/{EVIL}")


def _try(api: FleetClient, path: str, body: dict[str, Any]) -> None:
    try:
        api.post(path, body)
    except Refused as refused:
        if refused.status not in {409, 422}:
            raise


def test_no_planted_script_runs_and_each_is_shown_as_it_is(
    planted: CoordinatorServer, visitor: Invite
) -> None:
    admin = visitor(planted.url).log_in("admin")
    admin.context.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error(e.blockedURI))"
    )
    shown: dict[str, str] = {}
    for address in pages_from(admin, alike=9):
        assert admin.page.evaluate("window.pwned") is None, address
        assert admin.page.locator("img[src=x]").count() == 0, address
        assert admin.page.locator("main").count() == 1, address
        shown[address] = admin.page.locator("main").inner_text()
    assert EVIL in shown["/instances/eyes/log"], "its agent sent a log, and what that says stands there"
    for part in ("/cameras/gate", "/instances/eyes", "/agents/", "/events", "/audit", "/users", "/enrolment"):
        texts = [text for address, text in shown.items() if address.startswith(part)]
        assert texts, (part, list(shown))
        assert any("<img src=x onerror=window.pwned=1>" in text for text in texts), part
    assert not any("94011" in text for text in shown.values()), "no template is made of a text"


def test_a_page_that_is_told_of_it_later_runs_no_script_either(
    planted: CoordinatorServer, visitor: Invite
) -> None:
    admin = visitor(planted.url).log_in("admin")
    page = admin.go("/cameras")
    with FleetClient(planted.url, planted.token) as api:
        api.post("/api/v1/cameras", camera("later", labels={"door": EVIL}))
    expect(page.get_by_role("link", name="later")).to_be_visible()
    assert page.evaluate("window.pwned") is None


def test_no_template_lets_markup_through_and_no_module_makes_any() -> None:
    sources = {
        path: path.read_text() for path in COCKPIT.rglob("*") if path.suffix in {".html", ".js", ".py"}
    }
    own = {path: text for path, text in sources.items() if not path.name.startswith("htmx")}
    assert len(own) > 30
    for path, text in own.items():
        found = re.findall(
            r"\|\s*safe\b|Markup\(|autoescape false|\.innerHTML\s*=|insertAdjacentHTML|document\.write", text
        )
        assert found == [], path
        if path.suffix == ".html":
            assert re.findall(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=|javascript:", text) == [], path
            assert re.findall(r"<[^>]*\s[\w-]+=\{\{", text) == [], f"no quotes in {path}"
