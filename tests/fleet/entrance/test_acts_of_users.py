"""What one does with one's own account is in the audit: so nobody does it without end."""

from collections.abc import Callable

import pytest
from tests.fleet.entrance.conftest import PASSWORD
from tests.fleet.entrance.test_entrance import AWAY, HOME, by_cookie

from sightline.fleet.entrance.entrance import Entrance, Login
from sightline.fleet.entrance.refusals import TooManyTries
from sightline.fleet.entrance.tries import OF_USER
from sightline.fleet.people.principal import Acting, Role, acting
from sightline.fleet.store import Database
from sightline.testing import ManualClock

Act = Callable[[Entrance, Login], Login]


def logs_in(entrance: Entrance, now: Login) -> Login:
    entrance.login(now.asked.principal.name, PASSWORD, AWAY)
    return now


def changes_the_password(entrance: Entrance, now: Login) -> Login:
    with acting(Acting(who=now.asked.principal, act="change_my_password")):
        return entrance.change_password(now.asked, PASSWORD, PASSWORD, HOME)


def makes_a_token(entrance: Entrance, now: Login) -> Login:
    who = now.asked.principal
    with acting(Acting(who=who, act="create_my_token")):
        made = entrance.tokens.make_own(who, role=Role.VIEWER)
        entrance.tokens.revoke_own(made.row.token_id, who)
    return now


@pytest.mark.parametrize("act", [logs_in, changes_the_password, makes_a_token])
def test_nobody_fills_the_audit_by_acts_with_their_own_account(
    entrance: Entrance, database: Database, clock: ManualClock, act: Act
) -> None:
    entrance.users.add("bob", Role.VIEWER, PASSWORD)
    ada, bob = (entrance.login(name, PASSWORD, HOME) for name in ("ada", "bob"))
    left = OF_USER.burst - (act is logs_in)  # she has logged in once
    for _ in range(left):
        ada = act(entrance, ada)
    written = database.audit.page().total
    assert written > left
    with pytest.raises(TooManyTries) as refused:
        act(entrance, ada)
    assert database.audit.page().total == written
    assert by_cookie(entrance, ada.cookie), "who is in stays in"
    act(entrance, bob)
    clock.move(refused.value.retry_after_s)
    act(entrance, ada)


def test_a_token_can_be_taken_back_at_any_time_and_that_is_written_once(
    entrance: Entrance, database: Database
) -> None:
    ada = entrance.login("ada", PASSWORD, HOME)
    who = ada.asked.principal
    last = entrance.tokens.make_own(who, role=Role.VIEWER).row.token_id
    for _ in range(OF_USER.burst - 1):
        makes_a_token(entrance, ada)
    with pytest.raises(TooManyTries):
        makes_a_token(entrance, ada)
    before = database.audit.page().total
    with acting(Acting(who=who, act="revoke_my_token")):
        assert [entrance.tokens.revoke_own(last, who).revoked for _ in range(3)] == [True] * 3
    assert database.audit.page().total == before + 1
