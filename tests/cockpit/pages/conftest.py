"""A coordinator with its page, an agent that answers as real ones do, and somebody who looks."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import argon2
import httpx
import pytest
from tests.cockpit.security.rig import csrf_of, logged_in, served
from tests.fleet.api.rig import QUICK, Agent, bus_url

from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people import passwords
from sightline.fleet.store import Database

_VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "option"})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "fleet.db") as database:
        yield database


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As weak as can be: half the time of these tests went into hashing, which others test."""
    monkeypatch.setattr(passwords, "_HASHER", argon2.PasswordHasher(1, 8, 1))
    passwords._of_nobody.cache_clear()
    yield
    passwords._of_nobody.cache_clear()


@pytest.fixture
def bus() -> str:
    return bus_url()


@pytest.fixture
def server(tmp_path: Path, bus: str) -> Iterator[CoordinatorServer]:
    with served(tmp_path, bus=bus, timing=QUICK) as server:
        yield server


@pytest.fixture
def hall(server: CoordinatorServer, bus: str, wait_for: Callable[..., Any]) -> Iterator[Agent]:
    """A machine whose instances all run as soon as they are asked for."""
    text, _ = server.service.new_token("hall", 600, 1)
    agent = Agent(bus, "hall", text)
    try:
        agent.greet()
        wait_for(lambda: server.service.picture.totals.agents.get("connected"), 10, "the agent is in")
        yield agent
    finally:
        agent.close()


class Visit:
    """Somebody with a session, as a browser without scripts has it: forms are read out of pages and sent."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.csrf = csrf_of(client)

    def see(self, path: str, status: int = 200) -> str:
        """The page as text, without what hides in attributes."""
        answer = self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code, text_of(answer.text))
        return text_of(answer.text)

    def form(self, path: str, action: str = "") -> dict[str, str]:
        """The fields of a page's form to that address, as they stand there."""
        found = Forms(self.client.get(path).text).by_action
        return found[action or path]

    def send(self, path: str, status: int = 303, /, *, files: Any = None, **fields: Any) -> str:
        """Post a form; what the page says that comes then."""
        answer = self.client.post(path, data={**fields, "csrf": self.csrf}, files=files)
        assert answer.status_code == status, (path, answer.status_code, text_of(answer.text))
        if status != 303:
            return answer.text
        return self.see(answer.headers["location"])


@pytest.fixture
def operator(server: CoordinatorServer) -> Iterator[Visit]:
    with logged_in(server.url, "operator") as client:
        yield Visit(client)


@pytest.fixture
def admin(server: CoordinatorServer) -> Iterator[Visit]:
    with logged_in(server.url, "admin") as client:
        yield Visit(client)


@pytest.fixture
def viewer(server: CoordinatorServer) -> Iterator[Visit]:
    with logged_in(server.url, "viewer") as client:
        yield Visit(client)


class Forms(HTMLParser):
    """The forms of a page: by address, what they would send as they are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.by_action: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] | None = None
        self._area = ""
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.by_action.setdefault(said.get("action", ""), {})
        elif self._form is None:
            return
        elif tag == "input" and (said.get("type") != "checkbox" or "checked" in said) and "name" in said:
            self._form[said["name"]] = said.get("value", "")
        elif tag == "textarea":
            self._area = said["name"]
            self._form[self._area] = ""
        elif tag == "select":
            self._select = said["name"]
        elif tag == "option" and self._select and ("selected" in said or self._select not in self._form):
            self._form[self._select] = said["value"]

    def handle_data(self, data: str) -> None:
        if self._area and self._form is not None:
            self._form[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._form is not None:
            self._form[self._area] = self._form[self._area].removeprefix("\n")
            self._area = ""
        self._select = "" if tag == "select" else self._select
        self._form = None if tag == "form" else self._form


def text_of(page: str) -> str:
    """What stands on a page, in one line."""
    body = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", " ", page)
    return re.sub(r"\s+", " ", body)
