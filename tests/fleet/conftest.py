from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.fleet.store import Database
from sightline.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def database(tmp_path: Path, clock: ManualClock) -> Iterator[Database]:
    with Database(tmp_path / "fleet.db", clock=clock) as database:
        yield database
