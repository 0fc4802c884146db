from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.fleet.store import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "fleet.db") as database:
        yield database
