import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import argon2
import pytest
from tests.fleet.entrance.conftest import PASSWORD, ROOT_TOKEN

from sightline.fleet.coordinator.places import made_token
from sightline.fleet.entrance.entrance import Asked, Entrance
from sightline.fleet.entrance.refusals import TooManyTries, WrongLogin
from sightline.fleet.entrance.secret_texts import COOKIE, cookie_in, forget_cookie, looks_made, set_cookie
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.fleet.store.user_sessions import MOST, WHOLE_S
from sightline.fleet.store.users import IDLE_S
from sightline.testing import ManualClock

HOME = "10.0.0.5"
AWAY = "10.0.0.66"
Ask = Callable[[Entrance, Asked], None]


def by_cookie(entrance: Entrance, cookie: str) -> Asked | None:
    return entrance.who({"cookie": f"other=1; {COOKIE}={cookie}"}, HOME)


def by_token(entrance: Entrance, token: str, kind: str = "Bearer") -> Asked | None:
    return entrance.who({"authorization": f"{kind} {token}"}, HOME)


def is_let_in(entrance: Entrance, address: str) -> bool:
    return by_cookie(entrance, entrance.login("ada", PASSWORD, address).cookie) is not None


def test_who_shows_the_coordinators_token_is_root_and_an_admin(entrance: Entrance) -> None:
    asked = by_token(entrance, ROOT_TOKEN)
    assert asked is not None
    who = asked.principal
    assert (who.name, who.role, who.how, who.address) == ("root", Role.ADMIN, "root", HOME)
    assert entrance.is_csrf(asked, None), "no browser sends a token by itself"


@pytest.mark.parametrize("shown", ["", "x", ROOT_TOKEN + "x", "slt_0a1b2c3d4e5f." + "x" * 43, "\xff" * 9000])
def test_who_shows_another_token_is_nobody(entrance: Entrance, shown: str) -> None:
    assert by_token(entrance, shown) is None
    assert by_cookie(entrance, shown.replace(";", "")) is None


def test_who_shows_a_token_by_another_name_is_nobody_whatever_their_cookie(entrance: Entrance) -> None:
    cookie = entrance.login("ada", PASSWORD, HOME).cookie
    both = {"authorization": f"Basic {ROOT_TOKEN}", "cookie": f"{COOKIE}={cookie}"}
    assert entrance.who(both, HOME) is None
    assert entrance.who({**both, "authorization": "Bearer wrong"}, HOME) is None
    assert entrance.who({}, HOME) is None


def test_the_coordinators_token_may_not_be_guessed_without_end(
    entrance: Entrance, clock: ManualClock
) -> None:
    for number in range(200):
        assert by_token(entrance, ROOT_TOKEN) if number < 99 else True, "a right one does not count"
        assert by_token(entrance, f"guess {number}") is None
    assert by_token(entrance, ROOT_TOKEN) is None, "from here nobody is asked any more for now"
    assert entrance.who({"authorization": f"Bearer {ROOT_TOKEN}"}, AWAY) is not None
    clock.move(1)
    assert by_token(entrance, ROOT_TOKEN) is not None


def test_a_coordinators_token_that_was_made_is_let_in_from_where_somebody_guesses(
    database: Database, clock: ManualClock, tmp_path: Path
) -> None:
    token = made_token(tmp_path / "token")
    entrance = Entrance(database, root_token=token, clock=clock)
    for number in range(300):
        assert by_token(entrance, f"guess {number}") is None
    assert by_token(entrance, token)


@pytest.mark.parametrize(
    ("token", "is_so"),
    [
        ("chosen-a", False),
        ("0123456789" * 3 + "xy", True),
        ("0123456789" * 3 + "x", False),
        ("abc" * 11, False),
    ],
)
def test_what_somebody_could_guess_looks_like_no_made_one(token: str, is_so: bool) -> None:
    assert looks_made(token) is is_so


def test_what_is_made_looks_so() -> None:
    assert looks_made(secrets.token_hex(16))
    assert looks_made(secrets.token_urlsafe(24))


def test_a_login_lasts_until_it_is_ended(entrance: Entrance) -> None:
    login = entrance.login("Ada", PASSWORD, HOME, "a browser")
    asked = by_cookie(entrance, login.cookie)
    assert asked == login.asked
    who = login.asked.principal
    assert (who.name, who.role, who.how) == ("ada", Role.ADMIN, "session")
    entrance.logout(login.cookie)
    assert by_cookie(entrance, login.cookie) is None
    entrance.logout("none")


def test_each_login_has_a_cookie_and_a_csrf_token_of_its_own(entrance: Entrance) -> None:
    one, other = (entrance.login("ada", PASSWORD, HOME) for _ in range(2))
    assert one.cookie != other.cookie
    assert len(one.cookie) >= 43, "256 bits"
    assert entrance.is_csrf(one.asked, one.asked.csrf)
    assert not entrance.is_csrf(one.asked, other.asked.csrf)
    assert not entrance.is_csrf(one.asked, one.cookie)
    assert not entrance.is_csrf(one.asked, "")
    assert not entrance.is_csrf(one.asked, None)
    assert one.cookie not in repr(one)
    assert str(one.asked.csrf) not in repr(one)


def test_of_two_cookies_of_that_name_it_is_not_guessed_which_is_right(entrance: Entrance) -> None:
    cookie = entrance.login("ada", PASSWORD, HOME).cookie
    assert entrance.who({"cookie": f"{COOKIE}=planted; {COOKIE}={cookie}"}, HOME) is None
    assert entrance.who({"cookie": f"{COOKIE}={cookie}; {COOKIE}={cookie}"}, HOME)


def test_nothing_in_the_database_lets_anybody_in(entrance: Entrance, database: Database) -> None:
    shown = [
        entrance.login("ada", PASSWORD, HOME).cookie,
        entrance.tokens.make("ada").text,
        entrance.first_code(),
        PASSWORD,
    ]
    with sqlite3.connect(database.path) as rows:
        dump = "\n".join(rows.iterdump())
    rows.close()
    for secret in [*shown, *(one.partition(".")[2] for one in shown if "." in one)]:
        assert secret not in dump


def test_a_session_ends_when_nobody_uses_it_and_in_any_case_after_a_week(
    entrance: Entrance, clock: ManualClock
) -> None:
    idle, used = (entrance.login("ada", PASSWORD, HOME).cookie for _ in range(2))
    clock.move(IDLE_S - 1)
    assert by_cookie(entrance, used)
    clock.move(1)
    assert by_cookie(entrance, idle) is None
    for _ in range(WHOLE_S // IDLE_S - 1):
        clock.move(IDLE_S - 10)
        assert by_cookie(entrance, used), "it was used in between"
    clock.move(1000)
    assert by_cookie(entrance, used) is None, "it is a week old"


def test_a_user_has_so_many_sessions_and_no_more(
    entrance: Entrance, database: Database, clock: ManualClock
) -> None:
    user = database.users.known("ada")
    assert user is not None
    for number in range(MOST + 3):
        clock.move(1)
        database.user_sessions.begin(user, f"digest {number}", HOME, "")
    there = [database.user_sessions.find(f"digest {number}") is not None for number in range(MOST + 3)]
    assert there == [False] * 3 + [True] * MOST
    assert entrance.users.get("ada").sessions == MOST


def test_who_is_wrong_is_told_nothing_of_what_was_wrong(entrance: Entrance) -> None:
    entrance.users.add("tokens-only", Role.VIEWER)
    entrance.users.add("gone", Role.VIEWER, PASSWORD)
    entrance.users.change("gone", disabled=True)
    told = set()
    for name in ("ada", "nobody", "tokens-only", "", "x" * 100_000, "\ud800"):
        with pytest.raises(WrongLogin) as refused:
            entrance.login(name, "a wrong password", HOME)
        told.add(str(refused.value))
    with pytest.raises(WrongLogin) as refused:
        entrance.login("gone", PASSWORD, HOME)
    assert told == {str(refused.value)} == {"the name or the password is wrong"}


def test_tries_have_a_limit_for_each_name_and_nobody_is_locked_out_for_good(
    entrance: Entrance, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance._hashing, "fits", lambda _kept, password: password == PASSWORD)
    own = entrance.login("ada", PASSWORD, HOME)
    for number in range(10):
        with pytest.raises(WrongLogin):
            entrance.login(("ada", "ADA")[number % 2], "wrong", f"10.1.0.{number}")
    with pytest.raises(TooManyTries) as refused:
        entrance.login("ada", PASSWORD, AWAY)
    assert 1 <= refused.value.retry_after_s <= 30
    assert is_let_in(entrance, HOME), "their own address is not kept out by others"
    entrance.logout(own.cookie)
    clock.move(refused.value.retry_after_s)
    assert is_let_in(entrance, AWAY)


def test_tries_have_a_limit_for_each_address_whatever_the_names(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance._hashing, "fits", lambda _kept, password: password == PASSWORD)
    for number in range(20):
        with pytest.raises(WrongLogin):
            entrance.login(f"name {number}", "wrong", AWAY)
    with pytest.raises(TooManyTries):
        entrance.login("one more", "wrong", AWAY)
    assert is_let_in(entrance, HOME)


def test_an_old_hash_is_made_anew_at_a_login_and_nobody_is_logged_out(
    entrance: Entrance, database: Database
) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    database.users.change("ada", password=old)
    first = entrance.login("ada", PASSWORD, HOME).cookie
    user = database.users.known("ada")
    assert user is not None
    assert user.password != old
    entrance.login("ada", PASSWORD, HOME)
    assert by_cookie(entrance, first)


def test_one_changes_ones_own_password_with_the_old_one_and_all_other_sessions_end(
    entrance: Entrance,
) -> None:
    other, mine = (entrance.login("ada", PASSWORD, HOME) for _ in range(2))
    with pytest.raises(WrongLogin):
        entrance.change_password(mine.asked, "not the old one", "another password", HOME)
    assert by_cookie(entrance, mine.cookie)
    now = entrance.change_password(mine.asked, PASSWORD, "another password", HOME)
    assert [by_cookie(entrance, one.cookie) is not None for one in (other, mine, now)] == [False, False, True]
    with pytest.raises(WrongLogin):
        entrance.login("ada", PASSWORD, HOME)


def meanwhile(database: Database, what: str) -> None:
    """Somebody else does this to `ada`, while her password is looked at."""
    match what:
        case "password":
            database.users.change("ada", password="another hash")
        case "disabled":
            database.users.change("ada", disabled=True)
        case "another of this name":
            database.users.remove("ada")
            database.users.add("ada", Role.ADMIN, "another hash")


def logs_in(entrance: Entrance, _asked: Asked) -> None:
    entrance.login("ada", PASSWORD, AWAY)


def changes_the_password(entrance: Entrance, asked: Asked) -> None:
    entrance.change_password(asked, PASSWORD, "the one of a thief", AWAY)


@pytest.mark.parametrize("what", ["password", "disabled", "another of this name"])
@pytest.mark.parametrize("ask", [logs_in, changes_the_password])
def test_what_is_changed_while_a_password_is_looked_at_is_not_got_around(
    entrance: Entrance, database: Database, monkeypatch: pytest.MonkeyPatch, ask: Ask, what: str
) -> None:
    entrance.users.add("bob", Role.ADMIN, PASSWORD)
    mine, fits = entrance.login("ada", PASSWORD, HOME), entrance._hashing.fits

    def slow(kept: str | None, password: str) -> bool:
        is_right = fits(kept, password)
        meanwhile(database, what)
        return is_right

    monkeypatch.setattr(entrance._hashing, "fits", slow)
    with pytest.raises(WrongLogin):
        ask(entrance, mine.asked)
    known = database.users.known("ada")
    assert known is not None
    assert entrance.users.get("ada").sessions == 0
    assert known.password == "another hash" or known.disabled


def test_two_logins_that_both_hash_an_old_password_anew_are_both_let_in(
    entrance: Entrance, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    database.users.change("ada", password=old)
    fits, others = entrance._hashing.fits, list[str]()

    def slow(kept: str | None, password: str) -> bool:
        is_right = fits(kept, password)
        if not others:
            others.append("is asked")
            others.append(entrance.login("ada", PASSWORD, HOME).cookie)
        return is_right

    monkeypatch.setattr(entrance._hashing, "fits", slow)
    cookie = entrance.login("ada", PASSWORD, AWAY).cookie
    assert by_cookie(entrance, cookie)
    assert by_cookie(entrance, others[1])


def test_a_cookie_is_for_no_script_and_for_no_other_site() -> None:
    assert set_cookie("abc", is_https=True) == f"{COOKIE}=abc; HttpOnly; SameSite=Strict; Path=/; Secure"
    assert "Secure" not in set_cookie("abc", is_https=False)
    assert forget_cookie(is_https=True) == f"{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Secure; Max-Age=0"
    assert cookie_in({"cookie": set_cookie("abc", is_https=False)}) == "abc"


def test_logins_are_in_the_audit_and_those_that_failed_without_what_was_typed(
    entrance: Entrance, database: Database
) -> None:
    login = entrance.login("ada", PASSWORD, HOME)
    entrance.logout(login.cookie, HOME)
    entrance.logout(login.cookie, HOME)
    for name in ("ada", "typed-geheim-in-the-wrong-field"):
        with pytest.raises(WrongLogin):
            entrance.login(name, "a-geheim-password", AWAY)
    entries = database.audit.page().items[::-1]
    assert [(one.act, one.who, one.address, [change.name for change in one.changes]) for one in entries] == [
        ("login", "ada", HOME, ["ada"]),
        ("logout", "ada", HOME, ["ada"]),
        ("login_failed", "nobody", AWAY, ["ada"]),
        ("login_failed", "nobody", AWAY, []),
    ]
    assert "geheim" not in str(entries)


def test_logins_that_fail_do_not_fill_the_audit(
    entrance: Entrance, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance._hashing, "fits", lambda *_: False)
    for number in range(300):
        with pytest.raises(WrongLogin):
            entrance.login("nobody-there" + str(number), "wrong", f"10.{number // 200}.0.{number % 200}")
    assert database.audit.page().total < 100
