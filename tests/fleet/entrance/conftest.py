from collections.abc import Iterator

import argon2
import pytest

from sightline.fleet.entrance.entrance import Entrance
from sightline.fleet.people import passwords
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.testing import ManualClock

ROOT_TOKEN = "the-token-of-root"
PASSWORD = "correct horse battery"


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Argon2 with next to no memory: how dear a hash is `test_passwords` asks."""
    monkeypatch.setattr(passwords, "_HASHER", argon2.PasswordHasher(1, 64, 1))
    passwords._of_nobody.cache_clear()
    yield
    passwords._of_nobody.cache_clear()


@pytest.fixture
def entrance(database: Database, clock: ManualClock, quick_hashes: None) -> Entrance:
    """With an admin, `ada`, whose password is `PASSWORD`."""
    made = Entrance(database, root_token=ROOT_TOKEN, clock=clock)
    made.users.add("ada", Role.ADMIN, PASSWORD)
    return made
