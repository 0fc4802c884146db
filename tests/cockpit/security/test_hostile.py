"""What somebody who means no good may try over HTTP: sessions, addresses, origins, bodies, guesses."""

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.cockpit.security.rig import PASSWORD, asking, csrf_of, logged_in, served

from sightline.fleet.api.serving import CoordinatorServer

COOKIE = "sightline_session"
ELSEWHERE = "https://evil.example"
STREAMS = ("/stream", "/api/v1/cameras/gate/live")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoordinatorServer]:
    with served(tmp_path_factory.mktemp("hostile")) as server:
        with asking(server.url, {"authorization": f"Bearer {server.token}"}) as root:
            root.post("/api/v1/cameras", json={"camera_id": "gate", "address": "rtsp://127.0.0.1:9/gate"})
        yield server


@pytest.fixture
def stranger(server: CoordinatorServer) -> Iterator[httpx.Client]:
    with asking(server.url) as stranger:
        yield stranger


@pytest.fixture
def viewer(server: CoordinatorServer) -> Iterator[httpx.Client]:
    with logged_in(server.url, "viewer") as viewer:
        yield viewer


def login(
    client: httpx.Client, name: str = "viewer", password: str = PASSWORD, **fields: str
) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password, **fields})


def test_the_cookie_is_for_this_server_and_no_script(stranger: httpx.Client) -> None:
    said = login(stranger).headers.get_list("set-cookie")
    (cookie,) = [one.lower() for one in said if one.startswith(f"{COOKIE}=")]
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)
    assert len(cookie.partition("=")[2].partition(";")[0]) >= 43  # 256 bits


def test_a_login_has_a_session_of_its_own_whatever_cookie_came(
    server: CoordinatorServer, stranger: httpx.Client
) -> None:
    with logged_in(server.url, "viewer") as other:
        for brought in ("chosen-by-somebody-else", other.cookies[COOKIE]):
            stranger.cookies.clear()
            stranger.cookies.set(COOKIE, brought)
            login(stranger, "operator")
            (made,) = {one.value for one in stranger.cookies.jar if one.name == COOKIE} - {brought}
            with asking(server.url, {"cookie": f"{COOKIE}={brought}"}) as fixed:
                assert 'class="who"><strong>operator' not in fixed.get("/").text
            assert made != brought


def test_what_was_logged_out_is_over_for_who_kept_the_cookie(
    server: CoordinatorServer, viewer: httpx.Client
) -> None:
    kept = viewer.cookies[COOKIE]
    with asking(server.url, {"cookie": f"{COOKIE}={kept}"}) as thief:
        assert thief.get("/").status_code == 200
        viewer.post("/logout", data={"csrf": csrf_of(viewer)})
        assert thief.get("/").status_code == 303
        assert thief.get("/api/v1/status").status_code == 401


def test_another_password_and_another_role_end_all_sessions(server: CoordinatorServer) -> None:
    users = server.entrance.users
    with logged_in(server.url, "operator") as one, logged_in(server.url, "operator") as two:
        users.set_password("operator", PASSWORD)
        assert [client.get("/").status_code for client in (one, two)] == [303, 303]
    with logged_in(server.url, "operator") as one:
        users.change("operator", disabled=True)
        assert one.get("/").status_code == 303
        assert login(one, "operator").status_code == 401
        users.change("operator", disabled=False)


@pytest.mark.parametrize(
    "after",
    [
        *(
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
        ),
        *("/\t/evil.example", "\t//evil.example", " //evil.example", "http:evil.example", "/\r\nx-evil: 1"),
        *(
            "//evil.example/%2f..",
            "///evil.example",
            "/.//evil.example",
            "////",
            "@evil.example",
            "/..//evil.example",
        ),
    ],
)
def test_a_login_leads_on_to_this_server_alone(stranger: httpx.Client, after: str) -> None:
    answer = login(stranger, next=after)
    there = httpx.URL("http://own.example/").join(answer.headers["location"])
    assert (answer.status_code, there.host, there.scheme) == (303, "own.example", "http")
    assert not answer.headers["location"].startswith(("//", "/\\"))
    assert "x-evil" not in answer.headers
    form = stranger.get("/login", params={"next": after}).text
    assert f'value="{after}"' not in form or after.startswith("/.")


@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/static/nothing", "/cameras/%3Cb%3E"])
def test_every_page_says_how_it_is_to_be_treated(viewer: httpx.Client, path: str) -> None:
    said = viewer.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in said["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert not re.search(r"unsafe|\*|https?:", said["content-security-policy"])
    assert said["x-content-type-options"] == "nosniff"
    assert said["x-frame-options"] == "DENY"
    assert said["referrer-policy"] in {"same-origin", "no-referrer"}
    assert said["cross-origin-opener-policy"] == said["cross-origin-resource-policy"] == "same-origin"
    assert said["cache-control"] == "no-store"
    assert "server" not in said


def test_files_are_kept_by_the_browser_and_pages_name_no_other_server(viewer: httpx.Client) -> None:
    page = viewer.get("/").text
    files = re.findall(r'(?:src|href)="(/[^"]*\.(?:js|css|svg))"', page)
    assert len(files) > 3
    for file in files:
        answer = viewer.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert re.findall(r"""(?:src|href|action)=["']?(?:https?:)?//""", page) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", page) == []


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e%2f%2e%2e%2fetc/passwd",
        ),
        *(
            "/static//etc/passwd",
            "/static/....//app.py",
            "/static/%00",
            "/static/app.css%00.js",
            "/static/..\\app.py",
        ),
        *(
            "/static/%c0%ae%c0%ae/app.py",
            "/../../etc/passwd",
            "/static/",
            "/static",
            "/static/%2fetc%2fpasswd",
        ),
    ],
)
def test_no_file_but_those_of_the_page_is_served(stranger: httpx.Client, path: str) -> None:
    raw = httpx.Request("GET", stranger.base_url, extensions={"target": path.encode()})
    answer = stranger.send(raw)
    assert answer.status_code in {303, 400, 404}, path
    assert not re.search("root:|cockpit_app|import ", answer.text)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", "a\x00b", "<script>", "a/b", "%2e%2e", "x" * 5000, "\u202egate", "'--"]
)
def test_names_that_are_none_are_pages_that_say_so(viewer: httpx.Client, name: str) -> None:
    for kind in ("cameras", "instances", "agents"):
        for start in (f"/{kind}/", f"/api/v1/{kind}/"):
            answer = viewer.get(
                httpx.URL(viewer.base_url).copy_with(raw_path=(start + _quoted(name)).encode())
            )
            assert answer.status_code in {404, 405, 414, 422}, (start, name, answer.status_code)
            assert "html" not in answer.headers["content-type"] or "<script>" not in answer.text
            assert "Traceback" not in answer.text


def _quoted(name: str) -> str:
    return "".join(f"%{byte:02x}" for byte in name.encode())


@pytest.mark.parametrize("path", STREAMS)
def test_streams_are_for_who_is_logged_in_and_their_own_page(
    server: CoordinatorServer, stranger: httpx.Client, viewer: httpx.Client, path: str
) -> None:
    assert _begins(stranger, path) in {303, 401}
    for said in (
        {"origin": ELSEWHERE},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": server.url.replace("127.0.0.1", "127.0.0.2")},
        {"origin": server.url + "0"},
        {"origin": server.url, "sec-fetch-site": "cross-site"},
    ):
        assert _begins(viewer, path, said) == 403, said
    assert _begins(viewer, path, {"host": "evil.example"}) == 400
    assert _begins(viewer, path, {"origin": server.url, "sec-fetch-site": "same-origin"}) == 200


def _begins(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> int:
    with client.stream("GET", path, headers=headers) as answer:
        assert "access-control-allow-origin" not in answer.headers
        return answer.status_code


def test_no_other_site_has_its_form_sent_or_a_login_made(
    stranger: httpx.Client, viewer: httpx.Client
) -> None:
    own = csrf_of(viewer)
    link = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "cross-site"}
    for said in ({"origin": ELSEWHERE}, {"origin": "null"}, {**link, "origin": ELSEWHERE}):
        assert viewer.post("/logout", data={"csrf": own}, headers=said).status_code == 403
        assert (
            stranger.post("/login", data={"name": "viewer", "password": PASSWORD}, headers=said).status_code
            == 403
        )
    assert not stranger.cookies
    asked = {"origin": ELSEWHERE, "access-control-request-method": "POST"}
    assert viewer.options("/api/v1/cameras", headers=asked).status_code == 403
    assert viewer.get("/").status_code == 200


def test_bodies_have_a_bound_and_that_of_strangers_is_small(
    stranger: httpx.Client, viewer: httpx.Client
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert stranger.post("/login", content=b"name=" + b"x" * (17 << 10), headers=form).status_code == 413
    assert viewer.post("/logout", content=b"x" * ((16 << 20) + 1), headers=form).status_code == 413
    many = b"&".join(b"a%d=1" % number for number in range(5000))
    assert viewer.post("/logout", content=many, headers=form).status_code in {400, 403, 413}
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/json",
        "text/plain; charset=?",
    ):
        answer = stranger.post("/login", content=b"--x\r\n\xff\x00{", headers={"content-type": kind})
        assert answer.status_code in {400, 401, 422}, (kind, answer.status_code)


def test_guesses_have_a_limit_and_who_knows_the_password_is_told_when(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with served(tmp_path_factory.mktemp("guesses")) as server, asking(server.url) as stranger:
        answers = [login(stranger, "admin", f"wrong password {number}") for number in range(12)]
        codes = [answer.status_code for answer in answers]
        assert codes == sorted(codes)
        assert (codes[0], codes[-1]) == (401, 429)
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert login(stranger, "admin").status_code == 429
        assert login(stranger, "viewer").status_code == 303
        said = {re.sub(r"\d+", "", answer.text) for answer in answers if answer.status_code == 401}
        assert len(said) == 1


def test_who_guesses_under_many_names_and_addresses_of_their_own_making_has_one_limit(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with served(tmp_path_factory.mktemp("many")) as server, asking(server.url) as stranger:
        codes = []
        for number in range(24):
            said = {"x-forwarded-for": f"10.0.0.{number}", "forwarded": f"for=10.0.0.{number}"}
            stranger.headers.update({**said, "x-real-ip": f"10.0.0.{number}"})
            codes.append(login(stranger, f"name-{number}", "not the password").status_code)
        assert (codes[0], codes[-1]) == (401, 429)


def test_a_name_that_is_nobodys_is_answered_as_a_wrong_password(stranger: httpx.Client) -> None:
    wrong = login(stranger, "viewer", "not the password")
    nobody = login(stranger, "nobody", "not the password")
    assert (wrong.status_code, nobody.status_code) == (401, 401)
    assert wrong.text.replace("viewer", "") == nobody.text.replace("nobody", "")


def test_there_is_no_first_admin_where_there_is_a_user(
    stranger: httpx.Client, server: CoordinatorServer
) -> None:
    code = server.entrance.first_code()
    assert stranger.get("/first", params={"code": code}).headers["location"] == "/login"
    answer = stranger.post(
        "/first", data={"code": code, "name": "eve", "password": PASSWORD, "again": PASSWORD}
    )
    assert answer.status_code in {401, 403, 422}
    assert "eve" not in {user.name for user in server.entrance.users.list()}
