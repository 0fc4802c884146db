"""Run by Alembic. All migrations of one upgrade are one transaction: an upgrade is whole, or never was."""

from __future__ import annotations

from alembic import context

from sightline.fleet.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by making it anew
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
