"""Databases of other versions: upgraded whole or not at all, never downgraded."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from tests.fleet.store.filled import camera

from sightline.errors import StoreError
from sightline.fleet.store import Database
from sightline.fleet.store.connecting import migrating_engine
from sightline.fleet.store.migrating import MIGRATIONS, config, migrate, run
from sightline.fleet.store.migrations import HEAD
from sightline.fleet.store.tables import Base

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("camera") as batch:
        batch.add_column(sa.Column("colour", sa.String(), nullable=False, server_default="grey"))
    {more}
"""


def later(folder: Path, more: str = "") -> Path:
    """The migrations of a version that is yet to come."""
    made = folder / "migrations"
    shutil.copytree(MIGRATIONS, made, ignore=shutil.ignore_patterns("__pycache__"))
    (made / "versions" / "r9999_later.py").write_text(LATER.format(head=HEAD, more=more))
    return made


def revisions() -> list[str]:
    engine = migrating_engine(Path(":memory:"))
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(config(connection))
        made = [revision.revision for revision in script.walk_revisions()]
        assert script.get_current_head() == HEAD
    engine.dispose()
    return made[::-1]


def test_tables_and_migrations_agree(tmp_path: Path) -> None:
    engine = migrating_engine(tmp_path / "fleet.db")
    with engine.begin() as connection:
        run(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_new_database_is_just_what_all_migrations_make(tmp_path: Path) -> None:
    """So that it can be made without them."""
    migrate(tmp_path / "new.db")
    engine = migrating_engine(tmp_path / "migrated.db")
    with engine.begin() as connection:
        run(connection)
    engine.dispose()
    assert everything(tmp_path / "new.db") == everything(tmp_path / "migrated.db")


def everything(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    tables = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    ).fetchall()
    versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    return [*tables, *versions]


def test_the_newest_revision_is_the_one_that_is_looked_for() -> None:
    made = revisions()
    assert made == sorted(made), "a newer one is told by its number"
    assert made[0] == "0001"
    assert made[-1] == HEAD


@pytest.mark.parametrize("begin", revisions())
def test_a_database_of_any_version_is_upgraded(tmp_path: Path, begin: str) -> None:
    path = tmp_path / "fleet.db"
    migrate(path, head=begin)
    copy = migrate(path)
    assert (copy is None) == (begin == HEAD)
    with Database(path) as database:
        database.cameras.add(camera())


def test_an_upgrade_keeps_what_is_there_and_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with Database(path) as database:
        database.cameras.add(camera(username="a", password="geheim"))
        database.apply()
    copy = migrate(path, folder=later(tmp_path), head="9999")
    assert copy == tmp_path / "fleet.db.before-9999"
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT camera_id, colour FROM camera").fetchall() == [("gate", "grey")]
    connection.close()
    with Database(copy, database.vault) as old:
        assert old.applied()[1].cameras["gate"].password == "geheim"


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with Database(path) as database:
        database.cameras.add(camera())
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be upgraded: half way"):
        migrate(path, folder=later(tmp_path, 'raise RuntimeError("half way")'), head="9999")
    assert path.read_bytes() == before
    with Database(path) as database:
        assert database.cameras.page().total == 1


def test_a_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    Database(path).close()
    migrate(path, folder=later(tmp_path), head="9999")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is of version 9999, and this Sightline knows up to"):
        Database(path)
    assert path.read_bytes() == before
