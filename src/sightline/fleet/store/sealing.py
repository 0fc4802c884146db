"""Whether key and database belong together, and all that is sealed by another key."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sightline.fleet.store.auditing import seal_audit_anew
from sightline.fleet.store.sessions import Sessions
from sightline.fleet.store.tables import Camera, DsInstance, Revision, Setting
from sightline.fleet.store.vault import Vault

_CHECK: Final = "key check"


def check_key(sessions: Sessions, vault: Vault) -> None:
    """Raises StoreError where the database was sealed by another key."""
    with sessions.reading() as session:
        found = session.get(Setting, _CHECK)
    if found is not None:
        vault.open(found.value)
        return
    with sessions.writing() as session:
        session.add(Setting(name=_CHECK, value=vault.seal(_CHECK)))


def seal_anew(session: Session, vault: Vault) -> None:
    """Everything that is sealed, by the vault's newest key."""
    for camera in session.scalars(select(Camera)):
        camera.password = _anew(vault, camera.password)
        camera.hidden = _anew(vault, camera.hidden)
    for instance in session.scalars(select(DsInstance).where(DsInstance.hidden.is_not(None))):
        instance.hidden = _anew(vault, instance.hidden)
    for revision in session.scalars(select(Revision)):
        revision.snapshot = vault.seal_bytes(vault.open_bytes(revision.snapshot))
    check = session.get(Setting, _CHECK)
    if check is not None:
        check.value = vault.seal(_CHECK)
    seal_audit_anew(session, vault)


def _anew(vault: Vault, sealed: str | None) -> str | None:
    return None if sealed is None else vault.seal(vault.open(sealed))
