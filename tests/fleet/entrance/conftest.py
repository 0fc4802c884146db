import pytest

from sightline.fleet.entrance.entrance import Entrance
from sightline.fleet.people.principal import Role
from sightline.fleet.store import Database
from sightline.testing import ManualClock

ROOT_TOKEN = "the-token-of-root"
PASSWORD = "correct horse battery"


@pytest.fixture
def entrance(database: Database, clock: ManualClock) -> Entrance:
    """With an admin, `ada`, whose password is `PASSWORD`."""
    made = Entrance(database, root_token=ROOT_TOKEN, clock=clock)
    made.users.add("ada", Role.ADMIN, PASSWORD)
    return made
