import threading

import pytest
from tests.fleet.entrance.conftest import PASSWORD, ROOT_TOKEN

from sightline.errors import FleetError
from sightline.fleet.entrance.entrance import Entrance, Login
from sightline.fleet.entrance.refusals import TooManyTries, WrongLogin
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.testing import ManualClock


@pytest.fixture
def empty(database: Database, clock: ManualClock, quick_hashes: None) -> Entrance:
    return Entrance(database, root_token=ROOT_TOKEN, clock=clock)


def test_who_has_the_code_becomes_the_first_admin_once(empty: Entrance, database: Database) -> None:
    needed, code = empty.needs_first, empty.first_code()
    login = empty.first(code, "Ada", PASSWORD, "10.0.0.5")
    assert (login.asked.principal.name, login.asked.principal.role) == ("ada", Role.ADMIN)
    assert (needed, empty.needs_first) == (True, False)
    with pytest.raises(WrongLogin, match="this link was used"):
        empty.first(code, "eve", PASSWORD, "10.0.0.5")
    with pytest.raises(WrongLogin):
        empty.first(empty.first_code(), "eve", PASSWORD, "10.0.0.5")
    assert [one.name for one in empty.users.list()] == ["ada"]
    (entry,) = database.audit.page().items
    assert (entry.act, entry.who, entry.address) == ("first_login", "ada", "10.0.0.5")
    assert entry.changes[0].after == {
        "id": 1,
        "name": "ada",
        "role": "admin",
        "password": "set",
        "disabled": False,
    }


def test_the_newest_code_alone_holds_and_for_an_hour(empty: Entrance, clock: ManualClock) -> None:
    old, new = empty.first_code(), empty.first_code()
    for code in (old, "", "x" * 10_000):
        with pytest.raises(WrongLogin):
            empty.first(code, "eve", PASSWORD, "10.0.0.5")
    clock.move(3600)
    with pytest.raises(WrongLogin):
        empty.first(new, "eve", PASSWORD, "10.0.0.5")
    assert empty.needs_first


def test_who_chose_a_name_or_a_password_that_may_not_be_uses_nothing_up(empty: Entrance) -> None:
    code = empty.first_code()
    with pytest.raises(ValueError, match="12 to 1024"):
        empty.first(code, "ada", "short", "10.0.0.5")
    with pytest.raises(ValueError, match="letters"):
        empty.first(code, "root", PASSWORD, "10.0.0.5")
    empty.first(code, "ada", PASSWORD, "10.0.0.5")


def test_codes_may_not_be_tried_without_end(empty: Entrance) -> None:
    for _ in range(20):
        with pytest.raises(WrongLogin):
            empty.first("wrong", "eve", PASSWORD, "10.0.0.66")
    with pytest.raises(TooManyTries):
        empty.first(empty.first_code(), "eve", PASSWORD, "10.0.0.66")


def test_of_two_who_come_at_once_with_the_code_one_becomes_admin(empty: Entrance) -> None:
    code, done = empty.first_code(), list[Login | FleetError]()
    together = threading.Barrier(2)

    def come(name: str) -> None:
        together.wait(20)
        try:
            done.append(empty.first(code, name, PASSWORD, "10.0.0.5"))
        except WrongLogin as refused:
            done.append(refused)

    threads = [threading.Thread(target=come, args=(name,)) for name in ("ada", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(type(one).__name__ for one in done) == ["Login", "WrongLogin"]
    assert len(empty.users.list()) == 1
