"""Users, their tokens and their logins over HTTP, on a coordinator that runs."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse
from tests.fleet.api.rig import bus_url, coordinator

from sightline.errors import StoreError
from sightline.fleet.api.app import PageParts, make_app
from sightline.fleet.api.client import FleetClient, Refused
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.entrance.secret_texts import COOKIE
from sightline.fleet.entrance.tries import OF_USER
from sightline.fleet.people.principal import Role, acting_now
from sightline.fleet.people.rights import OPEN, RIGHTS
from sightline.pages.guarded import App, Receive, Scope, Send

PASSWORD = "correct horse battery"
OTHER = "another horse battery"


def who_acts(_parts: PageParts) -> App:
    """Pages that say who acts in them."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        acting = acting_now()
        await JSONResponse(None if acting is None else acting.who.name)(scope, receive, send)

    return asked


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CoordinatorServer, FleetClient]]:
    with coordinator(tmp_path_factory.mktemp("people"), bus_url(), pages=who_acts) as both:
        server, _ = both
        for role in Role:
            server.entrance.users.add(role.value, role, PASSWORD)
        yield both


@pytest.fixture
def root(served: tuple[CoordinatorServer, FleetClient]) -> FleetClient:
    return served[1]


@pytest.fixture
def server(served: tuple[CoordinatorServer, FleetClient]) -> CoordinatorServer:
    return served[0]


def browser(server: CoordinatorServer, name: str, *, csrf: bool = True) -> httpx.Client:
    """Somebody with a session, and with what their page knows."""
    login = server.entrance.login(name, PASSWORD, "127.0.0.1")
    headers = {"cookie": f"{COOKIE}={login.cookie}"} | (
        {"x-csrf-token": login.asked.csrf} if csrf and login.asked.csrf else {}
    )
    return httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30)


def refused(ask: Any, *given: Any, **named: Any) -> int:
    with pytest.raises(Refused) as told:
        ask(*given, **named)
    return told.value.status


def test_every_route_of_the_api_says_who_may(server: CoordinatorServer) -> None:
    described = make_app(PageParts(server.service, server.entrance)).openapi()["paths"]
    names = {one["operationId"]: one for methods in described.values() for one in methods.values()}
    assert names.keys() <= RIGHTS.keys() | OPEN
    for name in names.keys() - OPEN:
        told = names[name]["responses"]["403"]["description"]
        assert RIGHTS[name].value in told or "expected" in told or "token" in told, name


def test_an_admin_makes_changes_and_removes_users(root: FleetClient) -> None:
    made = root.post("/api/v1/users", {"name": "Eve", "role": "operator", "password": PASSWORD})
    assert (made["name"], made["role"], made["has_password"], made["disabled"]) == (
        *("eve", "operator"),
        *(True, False),
    )
    assert "password" not in made
    assert refused(root.post, "/api/v1/users", {"name": "eve"}) == 409
    changed = root.ask("PATCH", "/api/v1/users/eve", json={"role": "viewer", "disabled": True})
    assert (changed["role"], changed["disabled"], changed["generation"]) == ("viewer", True, 2)
    late = {"if-match": '"1"'}
    assert refused(root.ask, "PATCH", "/api/v1/users/eve", json={"disabled": False}, headers=late) == 412
    root.ask("PUT", "/api/v1/users/eve/password", json={"password": OTHER})
    names = [one["name"] for one in root.all_of("/api/v1/users")]
    assert names == ["admin", "eve", "operator", "viewer"]
    root.ask("DELETE", "/api/v1/users/eve")
    assert refused(root.get, "/api/v1/users/eve") == 404
    assert refused(root.ask, "PATCH", "/api/v1/users/admin", json={"role": "viewer"}) == 409
    assert refused(root.ask, "DELETE", "/api/v1/users/admin") == 409


@pytest.mark.parametrize("password", ["short", "x" * 1025, 7, ["x" * 20]])
def test_a_password_that_may_not_be_is_refused_by_its_place(root: FleetClient, password: Any) -> None:
    answer = root._http.post("/api/v1/users", json={"name": "eve", "password": password})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["/password"]


def test_a_token_of_a_user_asks_for_what_the_user_may(server: CoordinatorServer, root: FleetClient) -> None:
    made = root.post("/api/v1/users/operator/tokens", {"description": "a program"})
    token = made.pop("token")
    assert (made["user"], made["role"], made["description"]) == ("operator", "operator", "a program")
    with FleetClient(server.url, token) as program:
        me = program.get("/api/v1/me")
        assert (me["name"], me["role"], me["how"], me["csrf"]) == ("operator", "operator", "token", None)
        program.post("/api/v1/refresh")
        assert refused(program.get, "/api/v1/users") == 403
        assert refused(program.post, "/api/v1/me/tokens") == 403
        assert refused(program.ask, "PUT", "/api/v1/me/password", json={"old": PASSWORD, "new": OTHER}) == 403
        assert token not in str(root.get("/api/v1/users/operator/tokens"))
        root.ask("DELETE", f"/api/v1/users/operator/tokens/{made['token_id']}")
        assert refused(program.get, "/api/v1/status") == 401


def test_one_makes_and_takes_back_tokens_of_ones_own(server: CoordinatorServer) -> None:
    with browser(server, "viewer") as viewer:
        made = viewer.post("/api/v1/me/tokens", json={"role": "admin", "life_s": 60}).json()
        assert made["role"] == "viewer"
        assert [one["token_id"] for one in viewer.get("/api/v1/me/tokens").json()["items"]] == [
            made["token_id"]
        ]
        with FleetClient(server.url, made["token"]) as program:
            program.ask("DELETE", f"/api/v1/me/tokens/{made['token_id']}")
            assert refused(program.get, "/api/v1/me") == 401
        others = server.entrance.tokens.make("admin").row.token_id
        assert viewer.delete(f"/api/v1/me/tokens/{others}").status_code == 404


def test_root_is_an_admin_without_a_password_or_tokens(root: FleetClient) -> None:
    me = root.get("/api/v1/me")
    assert (me["name"], me["role"], me["how"]) == ("root", "admin", "root")
    assert root.get("/api/v1/me/tokens")["items"] == []
    assert refused(root.post, "/api/v1/me/tokens") == 403
    assert refused(root.ask, "PUT", "/api/v1/me/password", json={"old": PASSWORD, "new": OTHER}) == 403


def test_one_changes_ones_own_password_and_goes_on_with_the_new_cookie(server: CoordinatorServer) -> None:
    server.entrance.users.add("dora", Role.VIEWER, PASSWORD)
    with browser(server, "dora") as dora, browser(server, "dora") as elsewhere:
        wrong = dora.put("/api/v1/me/password", json={"old": "not that one", "new": OTHER})
        assert (wrong.status_code, wrong.json()["detail"]) == (403, "the old password is wrong")
        assert dora.put("/api/v1/me/password", json={"old": PASSWORD, "new": "short"}).status_code == 422
        done = dora.put("/api/v1/me/password", json={"old": PASSWORD, "new": OTHER})
        assert done.status_code == 204
        assert dora.get("/api/v1/me").status_code == 401
        assert elsewhere.get("/api/v1/me").status_code == 401
        cookie = done.headers["set-cookie"].partition(";")[0]
        assert dora.get("/api/v1/me", headers={"cookie": cookie}).json()["name"] == "dora"


def test_too_many_tries_are_told_when_to_come_again(server: CoordinatorServer) -> None:
    server.entrance.users.add("eager", Role.VIEWER, PASSWORD)
    with browser(server, "eager") as eager:
        wrong = {"old": "not that one", "new": OTHER}
        codes = [eager.put("/api/v1/me/password", json=wrong) for _ in range(11)]
        assert {one.status_code for one in codes[:10]} == {403}
        assert codes[10].status_code == 429
        assert 1 <= int(codes[10].headers["retry-after"]) <= 30
        assert codes[10].json()["type"].endswith("too-many-tries")


def test_who_makes_tokens_without_end_is_told_when_to_come_again(server: CoordinatorServer) -> None:
    server.entrance.users.add("maker", Role.VIEWER, PASSWORD)
    with browser(server, "maker") as maker:
        answers = [maker.post("/api/v1/me/tokens") for _ in range(OF_USER.burst + 1)]
    assert {one.status_code for one in answers[:-1]} == {201}
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30


def test_a_session_changes_nothing_without_its_own_token(server: CoordinatorServer) -> None:
    camera = {"camera_id": "csrf", "address": "rtsp://10.0.0.5/csrf"}
    with (
        browser(server, "operator", csrf=False) as somebody,
        browser(server, "operator") as other,
    ):
        for said in ({}, {"x-csrf-token": ""}, {"x-csrf-token": other.headers["x-csrf-token"]}):
            assert somebody.post("/api/v1/cameras", json=camera, headers=said).status_code == 403
        assert somebody.get("/api/v1/cameras").json()["total"] == 0
        own = somebody.get("/api/v1/me").json()["csrf"]
        assert somebody.post("/api/v1/cameras", json=camera, headers={"x-csrf-token": own}).is_success
        assert somebody.delete("/api/v1/cameras/csrf", headers={"x-csrf-token": own}).is_success


def test_who_may_change_a_machine_may_not_let_it_in_or_send_it_away(
    server: CoordinatorServer, root: FleetClient
) -> None:
    token = server.entrance.tokens.make("operator").text
    with FleetClient(server.url, token) as program:
        program.post("/api/v1/agents", {"agent_name": "hall"})
        path = "/api/v1/agents/hall"
        for revoked in (True, False):
            assert refused(program.ask, "PATCH", path, json={"revoked": revoked, "drained": True}) == 403
        assert refused(program.post, f"{path}/revoke") == refused(program.ask, "DELETE", path) == 403
        assert not program.get(path)["drained"]
        assert program.ask("PATCH", path, json={"drained": True})["drained"]
    assert root.ask("PATCH", "/api/v1/agents/hall", json={"revoked": True})["revoked"]
    root.ask("DELETE", "/api/v1/agents/hall")


def test_strangers_send_little_and_are_answered_less(server: CoordinatorServer) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as stranger:
        assert stranger.get("/healthz").json() == {"status": "ok"}
        answer = stranger.get("/api/v1/nothing")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert stranger.post("/api/v1/import", content=b" " * (1 << 20)).status_code == 413
        assert stranger.post("/anything", content=b" " * (1 << 20)).status_code == 413


def test_who_asked_before_on_the_connection_does_nothing_in_who_comes_after(
    server: CoordinatorServer,
) -> None:
    """Requests of one connection are begun within one another where they come together."""
    address = urlsplit(server.url)
    head = f"HTTP/1.1\r\nHost: {address.netloc}\r\n"
    first = f"POST /api/v1/refresh {head}Authorization: Bearer {server.token}\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=20) as connection:
        connection.sendall(f"{first}GET /who {head}Connection: close\r\n\r\n".encode())
        told = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert told.count("HTTP/1.1 20") == 2, told
    assert told.endswith("null"), "the second one is a stranger"


def test_who_does_something_is_told_in_the_thread_that_does_it(
    server: CoordinatorServer, root: FleetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    add = server.service.database.cameras.add

    def noting(*given: Any, **named: Any) -> Any:
        seen.append(acting_now())
        return add(*given, **named)

    monkeypatch.setattr(server.service.database.cameras, "add", noting)
    token = server.entrance.tokens.make("operator").text
    with FleetClient(server.url, token) as program:
        program.post("/api/v1/cameras", {"camera_id": "told", "address": "rtsp://10.0.0.5/told"})
    root.ask("DELETE", "/api/v1/cameras/told")
    (acting,) = seen
    assert acting is not None
    who = acting.who
    assert (acting.act, who.name, who.role, who.how) == ("create_camera", "operator", Role.OPERATOR, "token")
    assert who.address == "127.0.0.1"


def test_where_the_database_cannot_be_read_nobody_is_let_in_but_root(
    server: CoordinatorServer, root: FleetClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise StoreError("the database is damaged")

    with browser(server, "viewer") as viewer:
        monkeypatch.setattr(server.service.database.user_sessions, "find", broken)
        answer = viewer.get("/api/v1/me")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert root.get("/api/v1/me")["name"] == "root"


def test_a_full_disk_keeps_nobody_from_looking(
    server: CoordinatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def full(token_id: str) -> None:
        asked.append(token_id)
        raise StoreError("no room is left")

    token = server.entrance.tokens.make("viewer").text
    monkeypatch.setattr(server.service.database.user_tokens, "used", full)
    with FleetClient(server.url, token) as program:
        assert program.get("/api/v1/me")["name"] == "viewer"
    assert asked


def test_a_coordinator_that_is_begun_again_knows_its_users_and_their_logins(tmp_path: Path) -> None:
    with coordinator(tmp_path, bus_url()) as (server, _):
        server.entrance.users.add("ada", Role.ADMIN, PASSWORD)
        cookie = server.entrance.login("ada", PASSWORD, "127.0.0.1").cookie
        token = server.entrance.tokens.make("ada").text
    with coordinator(tmp_path, bus_url()) as (server, _):
        assert not server.entrance.needs_first
        asked = server.entrance.who({"cookie": f"{COOKIE}={cookie}"}, "127.0.0.1")
        assert asked is not None
        with FleetClient(server.url, token) as program:
            assert program.get("/api/v1/me")["name"] == "ada"
