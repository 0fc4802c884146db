"""Who is let in: by name, by whose page asked, by token. No server is needed for that."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.log import redact
from sightline.loopback import is_loopback
from sightline.pages.guard import Guard, check_token

TOKEN = "only-for-this-test"
HERE = "127.0.0.1:8080"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0"
OPEN = Guard("127.0.0.1")
STRICT = Guard("127.0.0.1", looks=["/"])


def status(
    guard: Guard, *headers: tuple[str, str], path: str = "/", query: str = "", host: str = HERE
) -> int:
    """200, or that of the refusal."""
    refusal = guard.refusal(path, query, [("host", host), *headers])
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize("guard", [OPEN, STRICT], ids=["open", "strict"])
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("LocalHost:1", 200),
        ("[::1]:8080", 200),
        ("0.0.0.0:8080", 400),
        ("evil.example:8080", 400),
        ("127.0.0.1.evil.example", 400),
        ("localhost.evil.example:8080", 400),
        ("evil.example:@127.0.0.1", 400),
        ("127.0.0.1:8080:9", 400),
        ("localhost:8080/", 400),
        ("localhost\n", 400),
        ("::1", 400),
        (":8080", 400),
        ("", 400),
    ],
)
def test_only_names_of_this_machine_lead_to_it(guard: Guard, host: str, expected: int) -> None:
    assert status(guard, host=host) == expected


def test_a_request_has_one_host() -> None:
    assert OPEN.refusal("/", "", []) is not None
    assert status(OPEN, ("Host", "localhost")) == 400


@pytest.mark.parametrize(
    ("listens_on", "named", "expected"),
    [
        ("10.0.0.5", "10.0.0.5:80", 200),
        ("10.0.0.5", "localhost", 200),
        ("10.0.0.5", "10.0.0.6", 400),
        ("fd00::7", "[fd00::7]:80", 200),
        ("Camera.Example", "camera.example", 200),
        ("0.0.0.0", "whatever.example", 200),
        ("::", "whatever.example", 200),
        ("", "whatever.example", 200),
        ("0.0.0.0", "", 400),
    ],
)
def test_its_names_follow_from_where_it_listens(listens_on: str, named: str, expected: int) -> None:
    guard = Guard(listens_on, TOKEN)
    assert status(guard, ("authorization", f"Bearer {TOKEN}"), host=named) == expected


@pytest.mark.parametrize(
    ("host", "address", "named", "expected"),
    [
        ("camera.example", "10.0.0.5", "10.0.0.5:80", 200),
        ("camera.example", "10.0.0.5", "camera.example", 200),
        ("camera.example", "10.0.0.5", "evil.example", 400),
        ("FD00:0:0::7", "fd00::7", "[fd00::7]:80", 200),
        ("0", "0.0.0.0", "whatever.example", 200),
    ],
)
def test_it_is_known_by_the_address_that_its_host_turned_out_to_be(
    host: str, address: str, named: str, expected: int
) -> None:
    guard = Guard(host, TOKEN, address=address)
    assert status(guard, query=f"token={TOKEN}", host=named) == expected


@pytest.mark.parametrize(
    ("site", "expected"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403)],
)
def test_a_browser_asks_for_its_user_or_for_our_own_page(site: str, expected: int) -> None:
    for guard in (OPEN, STRICT):
        assert status(guard, ("Sec-Fetch-Site", site), ("User-Agent", CHROME)) == expected
    assert status(OPEN, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")) == 403


def test_a_link_of_another_site_leads_to_what_is_only_looked_at() -> None:
    link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
    assert status(OPEN, *link) == 200
    assert status(STRICT, *link) == 403
    for within in ("iframe", "object", "embed", "image"):
        assert status(OPEN, *link[:2], ("sec-fetch-dest", within)) == 403
    assert status(OPEN, link[0], ("sec-fetch-mode", "no-cors"), link[2]) == 403
    assert status(OPEN, *link, ("origin", "http://evil.example")) == 403  # a form, not a link


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (f"http://{HERE}", 200),
        (f"https://{HERE}", 200),
        ("http://127.0.0.1:8081", 403),
        ("http://127.0.0.1", 403),
        ("http://localhost:8080", 403),
        (f"http://{HERE}.evil.example", 403),
        (f"http://evil.example#{HERE}", 403),
        (f"ftp://{HERE}", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_another_origin_is_refused(origin: str, expected: int) -> None:
    for guard in (OPEN, STRICT):
        assert status(guard, ("Origin", origin)) == expected


def test_no_origin_beside_our_own_makes_up_for_another() -> None:
    ours = ("origin", f"http://{HERE}")
    assert status(OPEN, ours, ("origin", "http://evil.example")) == 403
    assert status(OPEN, ours, ("sec-fetch-site", "cross-site")) == 403
    assert status(OPEN, ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")) == 403


@given(st.text(), st.text())
@example(HERE, "http://127.0.0.1:8080 ")
def test_whatever_the_words_an_origin_is_let_in_only_if_it_is_the_hosts_own(host: str, origin: str) -> None:
    allowed = status(OPEN, ("origin", origin), host=host) == 200
    named = host.strip().lower()
    assert not allowed or origin.strip().lower() in {f"http://{named}", f"https://{named}"}


def test_what_does_something_is_not_asked_for_before_its_user_did() -> None:
    own = ("sec-fetch-site", "none")
    for purpose in (("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch")):
        assert status(STRICT, own, purpose) == 403
        assert status(OPEN, own, purpose) == 200


def test_a_browser_does_nothing_where_another_server_may_have_led_it() -> None:
    asked = ("sec-fetch-site", "none")
    for path, expected in (("/", 200), ("/kill", 403), ("/kill/", 403), ("//", 403), ("", 403)):
        assert status(STRICT, asked, path=path) == expected
        assert status(OPEN, asked, path=path) == 200
    assert status(STRICT, ("sec-fetch-site", "same-origin"), path="/kill") == 200
    assert status(Guard("127.0.0.1", TOKEN, looks=[]), asked, query=f"token={TOKEN}", path="/kill") == 200


def test_a_browser_too_old_to_say_whose_page_asked_needs_a_token_to_do_something() -> None:
    old = ("user-agent", "Mozilla/5.0 (Macintosh) Version/15.0 Safari/605.1")
    assert status(STRICT, old) == 403
    assert status(OPEN, old) == 200
    known = ("authorization", f"Bearer {TOKEN}")
    assert status(Guard("0.0.0.0", TOKEN, looks=[]), old, known) == 200
    assert status(STRICT, ("user-agent", "curl/8.0")) == 200


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ([("Authorization", f"Bearer {TOKEN}")], "", 200),
        ([("authorization", f"bearer {TOKEN}")], "camera=gate", 200),
        ([], f"camera=gate&token={TOKEN}", 200),
        ([], "token=no&token=" + TOKEN, 200),
        ([], "", 401),
        ([], "token=", 401),
        ([], f"token={TOKEN}x", 401),
        ([], f"Token={TOKEN}", 401),
        ([("authorization", f"Basic {TOKEN}")], "", 401),
        ([("authorization", TOKEN)], "", 401),
        ([("authorization", "Bearer \xff\xfe")], "token=%ff", 401),
        ([], "&".join(["a=b"] * 100) + f"&token={TOKEN}", 401),
    ],
)
def test_a_token_is_offered_in_two_ways(headers: list[tuple[str, str]], query: str, expected: int) -> None:
    assert status(Guard("127.0.0.1", TOKEN), *headers, query=query) == expected


def test_a_token_may_have_any_letters() -> None:
    guard = Guard("127.0.0.1", "schlüssel-1")
    assert status(guard, ("authorization", "Bearer schlüssel-1".encode().decode("latin-1"))) == 200
    assert status(guard, query="token=schl%C3%BCssel-1") == 200


def test_who_knows_the_token_is_still_no_page_of_another_site() -> None:
    guard = Guard("0.0.0.0", TOKEN)
    known = ("authorization", f"Bearer {TOKEN}")
    assert status(guard, known) == 200
    assert status(guard, known, ("origin", "http://evil.example")) == 403
    assert status(guard, known, ("sec-fetch-site", "cross-site")) == 403


def test_parts_of_a_page_need_no_token_but_all_else() -> None:
    guard = Guard("0.0.0.0", TOKEN, open_paths=["/page.js"])
    assert status(guard, path="/page.js") == 200
    assert status(guard, path="/page.js/") == status(guard, path="/PAGE.js") == 401
    assert status(guard, ("sec-fetch-site", "cross-site"), path="/page.js") == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "0", "192.0.2.7", "camera.example"])
def test_wider_than_this_machine_is_refused_without_a_token_and_says_how_to_set_one(host: str) -> None:
    with pytest.raises(
        ConfigError, match=r"page on host .* other machines: .*such as KEY=x, or host 127.0.0.1"
    ):
        check_token("page", host, None, such_as="KEY=x")
    check_token("page", host, TOKEN, such_as="KEY=x")


def test_a_token_is_long_enough_and_never_shown() -> None:
    for short in ("", "abc123x"):
        with pytest.raises(ConfigError, match=f"at least 8 characters, got {len(short)}"):
            check_token("page", "127.0.0.1", short, such_as="KEY=x")
    check_token("page", "127.0.0.1", TOKEN, such_as="KEY=x")
    assert redact(f"it is {TOKEN}") == "it is ***"


def test_what_only_this_machine_reaches() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example")))
