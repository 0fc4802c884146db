"""A coordinator with its page in this process, one user of each role, and whoever asks it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from sightline.cockpit.app import cockpit_app
from sightline.fleet.api.app import PageParts, make_app
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Role

PASSWORD = "a long sentence, for tests"
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_META = re.compile(r'<meta name="csrf" content="([^"]+)">')


class Named(NamedTuple):
    """A route: what it is called, and how it is asked for."""

    method: str
    path: str
    name: str

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/") or self.path == "/healthz"

    def filled(self, value: str = "nobody") -> str:
        """An address that has the form of its own, of nothing that there is."""
        return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: "camera" if found[1] == "kind" else value, self.path)


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[CoordinatorServer]:
    settings = {"bus": f"memory://{secrets.token_hex(4)}", "pages": cockpit_app, **settings}
    with CoordinatorServer(database=folder / "fleet.db", **settings) as server:
        for role in Role:
            server.entrance.users.add(role.value, role, PASSWORD)
        yield server


def routes_of(server: CoordinatorServer) -> list[Named]:
    """All of API and pages, as the applications have them: HEAD where there is a GET, too."""
    parts = PageParts(server.service, server.entrance, None)
    pages: Any = cockpit_app(parts)
    while not hasattr(pages, "routes"):
        pages = pages._app
    return sorted({*_below(make_app(parts).routes), *_below(pages.routes)})


def _below(routes: Iterable[Any]) -> Iterator[Named]:
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from _below(router.routes)
        else:
            yield from (Named(method, route.path, route.name) for method in route.methods)


def asking(url: str, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Somebody who follows nothing, and has no cookie yet."""
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20)


def token_of(server: CoordinatorServer, role: Role) -> str:
    return server.entrance.tokens.make(role.value).text


@contextmanager
def logged_in(url: str, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    """Somebody with a session, as a browser has it."""
    with asking(url) as client:
        answer = client.post("/login", data={"name": name, "password": password})
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
        yield client


def csrf_of(client: httpx.Client) -> str:
    """What the session's own pages have."""
    found = _META.search(client.get("/").text)
    assert found
    return found[1]


def status(client: httpx.Client, route: Named, **more: Any) -> tuple[int, httpx.Headers]:
    """Of the answer, of which no more is waited for: some are without end."""
    with client.stream(route.method, route.filled(), **more) as answer:
        return answer.status_code, answer.headers
