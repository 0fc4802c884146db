"""Every route of API and page, asked for by nobody, viewer, operator and admin: the table decides."""

from collections.abc import Iterator

import pytest
from tests.cockpit.security.rig import (
    CHANGES,
    Named,
    asking,
    csrf_of,
    logged_in,
    routes_of,
    served,
    status,
    token_of,
)

from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.people.principal import Role
from sightline.fleet.people.rights import OPEN, RIGHTS

ENDS_THE_SESSION = {"page_logout"}
SESSIONS_ALONE = {"create_my_token", "page_own_token", "page_own_token_revoke", "page_own_password"}
"""Who stole a token is not to make another that outlives it, or allows more."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with served(tmp_path_factory.mktemp("walk")) as server:
        yield server


@pytest.fixture(scope="module")
def routes(server: CoordinatorServer) -> list[Named]:
    found = routes_of(server)
    return sorted(found, key=lambda route: route.name in ENDS_THE_SESSION)


def test_every_route_has_a_right_and_every_right_a_route(routes: list[Named]) -> None:
    names = {route.name for route in routes}
    assert names - RIGHTS.keys() - OPEN == set(), "nobody may use these"
    assert (RIGHTS.keys() | OPEN) - names == set(), "these are rights of nothing"


def test_who_is_not_logged_in_is_answered_nothing(server: CoordinatorServer, routes: list[Named]) -> None:
    seen = {}
    with asking(server.url) as stranger:
        for route in routes:
            code, headers = status(stranger, route)
            if route.name not in OPEN:
                seen[route] = (code, headers.get("location", "").partition("?")[0])
                expected = (401, "") if route.is_api else (303, "/login")
                assert seen[route] == expected, route
            assert headers["x-content-type-options"] == "nosniff"
    assert len(seen) > 60


@pytest.mark.parametrize("shown", ["wrong", "slt_0011223344.none", "slt_", "slt_.", "x" * 5000])
def test_tokens_that_are_none_are_nobody(server: CoordinatorServer, shown: str) -> None:
    with asking(server.url, {"authorization": f"Bearer {shown}"}) as stranger:
        assert stranger.get("/api/v1/status").status_code == 401
        assert stranger.get("/").headers["location"].startswith("/login")
    with asking(server.url, {"cookie": f"sightline_session={shown}"}) as stranger:
        assert stranger.get("/api/v1/status").status_code == 401


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_the_table_says(
    server: CoordinatorServer, routes: list[Named], role: Role
) -> None:
    with logged_in(server.url, role.value) as somebody:
        somebody.headers["x-csrf-token"] = csrf_of(somebody)
        for route in routes:
            code, _ = status(somebody, route)
            assert code < 500, (route, code)
            if route.name not in OPEN:
                assert (code not in {401, 403}) == role.allows(RIGHTS[route.name]), (route, code)


def test_a_token_has_the_role_that_it_was_made_with_and_makes_none(
    server: CoordinatorServer, routes: list[Named]
) -> None:
    made = server.entrance.tokens.make(Role.ADMIN.value, role=Role.VIEWER)
    with asking(server.url, {"authorization": f"Bearer {made.text}"}) as program:
        for route in routes:
            code, _ = status(program, route)
            assert code < 500, (route, code)
            if route.name not in OPEN | SESSIONS_ALONE:
                assert (code not in {401, 403}) == Role.VIEWER.allows(RIGHTS[route.name]), (route, code)
    with asking(server.url, {"authorization": f"Bearer {token_of(server, Role.ADMIN)}"}) as program:
        for route in routes:
            if route.name in SESSIONS_ALONE:
                assert status(program, route)[0] == 403, route


def test_no_change_of_a_session_goes_without_its_token(
    server: CoordinatorServer, routes: list[Named]
) -> None:
    changes = [one for one in routes if one.method in CHANGES and one.name not in OPEN]
    assert len(changes) > 30
    with logged_in(server.url, "admin") as admin, logged_in(server.url, "viewer") as other:
        own, foreign = csrf_of(admin), csrf_of(other)
        for route in changes:
            for said in ({}, {"x-csrf-token": foreign}, {"x-csrf-token": ""}, {"x-csrf-token": own[:-1]}):
                assert status(admin, route, headers=said)[0] == 403, (route, said)
            assert status(admin, route, data={"csrf": foreign})[0] == 403, route
            in_address = Named(route.method, f"{route.path}?csrf={own}", route.name)
            assert status(admin, in_address)[0] == 403, route
        for route in changes:
            assert status(admin, route, headers={"x-csrf-token": own})[0] not in {401, 403}, route


def test_no_look_changes_anything_whatever_it_calls_itself(
    server: CoordinatorServer, routes: list[Named]
) -> None:
    with logged_in(server.url, "admin") as admin:
        before = admin.get("/api/v1/cameras").json(), admin.get("/api/v1/agents").json()
        for name in ("x-http-method-override", "x-method-override", "x-http-method"):
            made = admin.get("/api/v1/cameras", headers={name: "POST"})
            assert (made.status_code, made.json()) == (200, before[0])
        assert admin.get("/api/v1/cameras", params={"_method": "DELETE"}).status_code in {200, 422}
        for path in ("/api/v1/cameras", "/", "/login"):
            for method in ("TRACE", "CONNECT", "PROPFIND", "BREW"):
                assert admin.request(method, path).status_code in {400, 404, 405}, (method, path)
        assert (admin.get("/api/v1/cameras").json(), admin.get("/api/v1/agents").json()) == before
