from collections.abc import Callable

import pytest
from tests.fleet.entrance.conftest import PASSWORD, ROOT_TOKEN
from tests.fleet.entrance.test_entrance import HOME, by_cookie, by_token

from sightline.errors import ConfigError, FleetError
from sightline.fleet.entrance.entrance import Entrance
from sightline.fleet.entrance.refusals import WrongLogin
from sightline.fleet.entrance.user_tokens import LONGEST_S, USUAL_S
from sightline.fleet.people.principal import Acting, Principal, Role, acting
from sightline.fleet.store import Database
from sightline.fleet.store.refusals import Conflict, Missing, Refused
from sightline.fleet.store.user_tokens import MOST
from sightline.fleet.store.users import LastAdmin
from sightline.testing import ManualClock


def role_of(entrance: Entrance, token: str) -> Role | None:
    asked = by_token(entrance, token)
    return None if asked is None else asked.principal.role


def test_the_last_admin_stays_one(entrance: Entrance) -> None:
    entrance.users.add("eve", Role.ADMIN)  # who cannot log in
    entrance.users.add("bob", Role.ADMIN, PASSWORD)
    entrance.users.change("bob", disabled=True)
    for change in ({"role": Role.OPERATOR}, {"disabled": True}):
        with pytest.raises(LastAdmin, match="ada is the last admin"):
            entrance.users.change("ada", **change)
    with pytest.raises(LastAdmin):
        entrance.users.remove("ada")
    assert entrance.users.get("ada").role is Role.ADMIN, "nothing of it was kept"
    entrance.users.change("bob", disabled=False)
    entrance.users.remove("ada")
    assert [one.name for one in entrance.users.list()] == ["bob", "eve"]


def test_a_change_of_what_somebody_may_ends_their_sessions_and_no_others(entrance: Entrance) -> None:
    entrance.users.add("bob", Role.VIEWER, PASSWORD)
    ada = entrance.login("ada", PASSWORD, HOME).cookie
    changes: list[Callable[[], object]] = [
        lambda: entrance.users.change("bob", role=Role.OPERATOR),
        lambda: entrance.users.set_password("bob", PASSWORD),
        lambda: [entrance.users.change("bob", disabled=is_so) for is_so in (True, False)],
    ]
    for change in changes:
        cookie = entrance.login("bob", PASSWORD, HOME).cookie
        change()
        assert by_cookie(entrance, cookie) is None
        assert by_cookie(entrance, ada)
    cookie = entrance.login("bob", PASSWORD, HOME).cookie
    entrance.users.change("bob", role=Role.OPERATOR)
    assert by_cookie(entrance, cookie), "that was so before"


@pytest.mark.parametrize("name", ["", "root", "ROOT", "me", "a b", "a/b", "<b>", "x" * 65, "-x", "a\x00"])
def test_a_name_that_may_not_be_is_refused(entrance: Entrance, name: str) -> None:
    with pytest.raises(Refused):
        entrance.users.add(name, Role.VIEWER)


def test_a_name_is_one_however_it_is_written(entrance: Entrance) -> None:
    assert entrance.users.add("Jörg@Hall", Role.VIEWER).name == "jörg@hall"
    with pytest.raises(Conflict):
        entrance.users.add("JO\u0308RG@hall", Role.VIEWER)
    assert entrance.users.get("JÖRG@HALL").role is Role.VIEWER


def test_a_change_of_another_generation_is_refused(entrance: Entrance) -> None:
    entrance.users.add("bob", Role.VIEWER)
    assert entrance.users.change("bob", role=Role.OPERATOR, generation=1).generation == 2
    with pytest.raises(Conflict) as refused:
        entrance.users.change("bob", role=Role.ADMIN, generation=1)
    assert refused.value.generation == 2
    with pytest.raises(Missing):
        entrance.users.change("nobody", disabled=True)


def test_a_token_allows_what_its_user_may_and_no_more_than_it_was_made_for(entrance: Entrance) -> None:
    entrance.users.add("bob", Role.OPERATOR)
    whole, less = (entrance.tokens.make("bob", role=role).text for role in (Role.ADMIN, Role.VIEWER))
    assert (role_of(entrance, whole), role_of(entrance, less)) == (Role.OPERATOR, Role.VIEWER)
    entrance.users.change("bob", role=Role.VIEWER)
    assert role_of(entrance, whole) is Role.VIEWER
    entrance.users.change("bob", role=Role.ADMIN)
    assert role_of(entrance, whole) is Role.OPERATOR, "it was made for that much"
    entrance.users.change("bob", disabled=True)
    assert role_of(entrance, whole) is None


def test_nobody_makes_a_token_that_allows_more_than_what_they_ask_with(entrance: Entrance) -> None:
    less = Principal(name="ada", role=Role.VIEWER, how="token")
    with acting(Acting(who=less, act="create_user_token")):
        text, row = entrance.tokens.make("ada", role=Role.ADMIN)
    assert (role_of(entrance, text), row.role) == (Role.VIEWER, Role.VIEWER)


def test_the_audit_says_which_token_did_it(entrance: Entrance, database: Database) -> None:
    one, other = (entrance.tokens.make("ada") for _ in range(2))
    by_one, by_root = by_token(entrance, one.text), by_token(entrance, ROOT_TOKEN)
    assert by_one is not None
    assert by_root is not None
    for asked in (by_one, entrance.login("ada", PASSWORD, HOME).asked, by_root):
        database.audit.note(Acting(who=asked.principal, act="refresh"))
    told = [entry.how for entry in database.audit.page(act="refresh").items]
    assert told == ["root", "session", f"token {one.row.token_id}"]
    assert other.row.token_id not in str(told)


def test_a_token_takes_back_itself_and_no_other_of_its_user(entrance: Entrance) -> None:
    weak, strong = entrance.tokens.make("ada", role=Role.VIEWER), entrance.tokens.make("ada")
    asked = by_token(entrance, weak.text)
    assert asked is not None
    with pytest.raises(Missing):
        entrance.tokens.revoke_own(strong.row.token_id, asked.principal)
    assert by_token(entrance, strong.text)
    entrance.tokens.revoke_own(weak.row.token_id, asked.principal)
    assert by_token(entrance, weak.text) is None
    entrance.tokens.revoke_own(strong.row.token_id, entrance.login("ada", PASSWORD, HOME).asked.principal)
    assert by_token(entrance, strong.text) is None


def test_a_token_holds_as_long_as_was_said_and_until_it_is_taken_back(
    entrance: Entrance, clock: ManualClock
) -> None:
    text, row = entrance.tokens.make("ada")
    short = entrance.tokens.make("ada", life_s=10)
    assert (row.expires_at - row.created_at).total_seconds() == USUAL_S == 90 * 86400
    assert entrance.users.get("ada").tokens == 2
    clock.move(10)
    assert role_of(entrance, short.text) is None
    assert role_of(entrance, text) is Role.ADMIN
    with pytest.raises(Missing):
        entrance.tokens.revoke(row.token_id, "root")
    entrance.users.add("bob", Role.VIEWER)
    with pytest.raises(Missing):
        entrance.tokens.revoke(row.token_id, "bob")
    used = {one.token_id: one.used_at is not None for one in entrance.tokens.list("ada")}
    assert used == {row.token_id: True, short.row.token_id: False}
    assert entrance.tokens.revoke(row.token_id, "Ada").revoked
    assert role_of(entrance, text) is None
    with pytest.raises(ConfigError, match="a year"):
        entrance.tokens.make("ada", life_s=LONGEST_S + 1)


def test_a_token_is_wrong_with_another_secret_or_another_id(entrance: Entrance) -> None:
    one, other = (entrance.tokens.make("ada").text for _ in range(2))
    head, _, secret = one.partition(".")
    assert role_of(entrance, f"{head}.{other.partition('.')[2]}") is None
    assert role_of(entrance, f"{head.upper()}.{secret}") is None
    assert role_of(entrance, secret) is None
    assert role_of(entrance, one) is Role.ADMIN


def test_who_is_removed_has_no_sessions_and_no_tokens_left(entrance: Entrance) -> None:
    entrance.users.add("bob", Role.VIEWER, PASSWORD)
    cookie, token = entrance.login("bob", PASSWORD, HOME).cookie, entrance.tokens.make("bob").text
    entrance.users.remove("bob")
    assert by_cookie(entrance, cookie) is None
    assert role_of(entrance, token) is None
    with pytest.raises(WrongLogin):
        entrance.login("bob", PASSWORD, HOME)
    entrance.users.add("bob", Role.ADMIN, PASSWORD)
    assert by_cookie(entrance, cookie) is None, "one of the same name is another one"


def test_a_user_has_so_many_tokens_and_no_more(entrance: Entrance, database: Database) -> None:
    made = [entrance.tokens.make("ada") for _ in range(MOST)]
    with pytest.raises(FleetError, match=f"at most {MOST} tokens"):
        entrance.tokens.make("ada")
    entrance.tokens.revoke(made[0].row.token_id)
    assert entrance.tokens.make("ada").text not in repr(entrance.tokens.make)
    assert len(database.user_tokens.list()) == MOST
