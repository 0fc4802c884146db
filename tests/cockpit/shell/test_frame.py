"""What all pages have in common, as whoever asks a real server gets it: forms, what is said, who may."""

import base64
import json
import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from starlette.responses import Response
from tests.cockpit.security.rig import PASSWORD, asking, csrf_of, logged_in, served

from sightline.cockpit.cookies import SAID, Said, drop_said, drop_session, keep_said, keep_session
from sightline.cockpit.shell import own_path
from sightline.fleet.api.serving import CoordinatorServer
from sightline.fleet.entrance.tries import OF_USER
from sightline.fleet.people.principal import Role

OTHER = "another sentence, for tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with served(tmp_path_factory.mktemp("frame")) as server:
        yield server


@pytest.fixture
def admin(server: CoordinatorServer) -> Iterator[httpx.Client]:
    with logged_in(server.url, "admin") as admin:
        yield admin


def sent(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client), **fields})


def told(page: httpx.Response) -> str:
    """All that a page says of what is wrong, or what was done."""
    said = re.findall(r'class="(?:said \w+|error)"[^>]*>(.*?)</', page.text, re.DOTALL)
    return unescape(" | ".join(said))


def test_an_error_is_read_with_its_field(admin: httpx.Client) -> None:
    page = sent(admin, "/users", name="a b", role="viewer", password=OTHER, again=OTHER)
    assert page.status_code == 422
    (field,) = re.findall(r'<input id="f-name"[^>]*>', page.text)
    assert 'aria-invalid="true"' in field
    (described,) = re.findall(r'aria-describedby="([^"]+)"', field)
    assert f'class="error" id="{described.split()[0]}"' in page.text
    assert 'value="a b"' in field, "what was typed stays"
    assert OTHER not in page.text, "but for passwords"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "admin"}, "there is a user 'admin' already"),
        ({"again": "something else"}, "another one than the first"),
        ({"password": "short", "again": "short"}, "12 to 1024 characters, got one of 5"),
        ({"role": "king"}, "expected a role"),
        ({"name": "root"}, "not `root`"),
    ],
)
def test_what_cannot_be_is_said_and_not_done(
    server: CoordinatorServer, admin: httpx.Client, fields: dict[str, str], why: str
) -> None:
    before = [user.name for user in server.entrance.users.list()]
    filled = {"name": "new", "role": "viewer", "password": OTHER, "again": OTHER, **fields}
    page = sent(admin, "/users", **filled)
    assert page.status_code == 422
    assert why in told(page)
    assert [user.name for user in server.entrance.users.list()] == before


def test_a_user_is_added_changed_and_removed(server: CoordinatorServer, admin: httpx.Client) -> None:
    answer = sent(admin, "/users", name="Grace", role="operator", password=OTHER, again=OTHER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/users")
    assert "grace may log in, as operator" in told(admin.get("/users"))
    with logged_in(server.url, "grace", OTHER) as grace:
        sent(admin, "/users/grace", role="viewer", disabled="yes", generation="1")
        assert "grace is viewer, and may not log in" in told(admin.get("/users/grace"))
        assert grace.get("/").headers["location"] == "/login"
    late = sent(admin, "/users/grace", role="admin", generation="1")
    assert "was changed since" in told(late)
    sent(admin, "/users/grace/remove")
    assert admin.get("/users/grace").status_code == 404


def test_the_last_admin_stays(admin: httpx.Client) -> None:
    for path, fields in (("/users/admin", {"role": "viewer"}), ("/users/admin/remove", {})):
        page = sent(admin, path, **fields)
        assert page.status_code == 422
        assert "admin is the last admin" in told(page)


def test_a_token_is_shown_once_and_holds_until_it_is_revoked(server: CoordinatorServer) -> None:
    with logged_in(server.url, "operator") as operator:
        made = sent(operator, "/account/tokens", description="the hall", role="viewer", days="7")
        (text,) = re.findall(r"slt_[0-9a-f]{12}\.[\w-]{43}", made.text)
        shown = operator.get("/account").text
        assert text not in shown
        with asking(server.url, {"authorization": f"Bearer {text}"}) as program:
            assert program.get("/api/v1/cameras").status_code == 200
            sent(operator, f"/account/tokens/{text[4:16]}/revoke")
            assert program.get("/api/v1/cameras").status_code == 401
        page = sent(operator, "/account/tokens", role="admin", days="100000")
        assert (page.status_code, told(page)) == (
            422,
            "expected one of the numbers of days that the form has",
        )


def test_who_makes_tokens_without_end_is_told_when_to_come_again(server: CoordinatorServer) -> None:
    server.entrance.users.add("maker", Role.VIEWER, PASSWORD)
    with logged_in(server.url, "maker") as maker:
        filled = {"csrf": csrf_of(maker), "role": "viewer", "days": "7"}
        pages = [maker.post("/account/tokens", data=filled) for _ in range(OF_USER.burst + 1)]
    assert [page.status_code for page in pages] == [200] * OF_USER.burst + [422]
    assert re.search(r"too many tries: try again in \d+ s", told(pages[-1]))


def test_who_changes_their_password_stays_in_and_is_out_elsewhere(server: CoordinatorServer) -> None:
    server.entrance.users.add("heidi", Role.VIEWER)
    server.entrance.users.set_password("heidi", PASSWORD)
    with logged_in(server.url, "heidi") as here, logged_in(server.url, "heidi") as elsewhere:
        wrong = sent(here, "/account/password", old=OTHER, new=OTHER, again=OTHER)
        assert "this is not your password" in told(wrong)
        sent(here, "/account/password", old=PASSWORD, new=OTHER, again=OTHER)
        assert "You have a new password" in told(here.get("/account"))
        assert elsewhere.get("/").headers["location"] == "/login"


def test_what_was_done_is_said_once_and_to_who_looks_at_a_page(admin: httpx.Client) -> None:
    sent(admin, "/users/viewer/password", password=PASSWORD, again=PASSWORD)
    refreshed = admin.get(
        "/users/viewer", headers={"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}
    )
    assert told(refreshed) == "", "a part that is looked through says nothing"
    assert "viewer has a new password" in told(admin.get("/users/viewer"))
    assert told(admin.get("/users/viewer")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "no base64 at all",
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
        base64.urlsafe_b64encode(json.dumps(["evil", "text"]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps(["good", ["a"]]).encode()).decode(),
        base64.urlsafe_b64encode(b'["good", "\\ud800"]').decode(),
    ],
)
def test_a_said_that_is_not_ours_breaks_no_page(admin: httpx.Client, text: str) -> None:
    page = admin.get("/account", headers={"cookie": f"{_cookies(admin)}; {SAID}={text}"})
    assert page.status_code == 200


def test_a_said_that_somebody_made_up_is_text(admin: httpx.Client) -> None:
    forged = base64.urlsafe_b64encode(json.dumps(["good", "<script>alert(1)</script>"]).encode()).decode()
    page = admin.get("/account", headers={"cookie": f"{_cookies(admin)}; {SAID}={forged}"})
    assert "<script>alert" not in page.text
    assert "<script>alert(1)</script>" in told(page)


def test_a_page_that_is_asked_for_is_come_back_to_after_the_login(server: CoordinatorServer) -> None:
    with asking(server.url) as stranger:
        answer = stranger.get("/users/a%20b?page=2&q=x%26y")
        form = stranger.get(answer.headers["location"])
        (kept,) = re.findall(r'name="next" value="([^"]*)"', form.text)
        fields = {"name": "admin", "password": PASSWORD, "next": unescape(kept)}
        assert stranger.post("/login", data=fields).headers["location"] == "/users/a%20b?page=2&q=x%26y"


def test_a_navigation_has_what_one_may_open_and_no_more(server: CoordinatorServer) -> None:
    for role, may in (("viewer", False), ("admin", True)):
        with logged_in(server.url, role) as client:
            assert ('href="/users"' in client.get("/account").text) is may
            assert client.get("/users").status_code == (200 if may else 403)


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\\b", "/\t/evil", "/a\r\nb", "x"],
)
def test_no_address_of_another_server_is_gone_on_to(path: str) -> None:
    assert own_path(path) == "/"


@pytest.mark.parametrize("path", ["/", "/cameras?page=2", "/users/%C3%A4"])
def test_an_address_of_ours_is(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize("secure", [True, False])
def test_every_cookie_is_for_tls_alone_where_there_is_tls(secure: bool) -> None:
    response = Response()
    keep_session(response, "x", secure=secure)
    drop_session(response, secure=secure)
    keep_said(response, Said("good", "x"), secure=secure)
    drop_said(response, secure=secure)
    cookies = [value.decode().lower() for name, value in response.raw_headers if name == b"set-cookie"]
    assert len(cookies) == 4
    for cookie in cookies:
        assert ("; secure" in cookie) is secure
        assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.split("; "))


def _cookies(client: httpx.Client) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
