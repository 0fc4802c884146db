"""The database's tables from one version of Sightline to the next (Alembic)."""

from typing import Final

HEAD: Final = "0002"
"""The newest revision, so that a database which has it is opened without Alembic; a test holds it."""
