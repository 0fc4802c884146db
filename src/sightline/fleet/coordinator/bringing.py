"""Files of users into the draft, or what that would change: row by row, and what applying it would do then.

It promises: a dry run goes as the import itself does, in a transaction that is rolled back.

Deliberately not here: what a file says (`store.csv_file`, `store.site_file`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from sqlalchemy.orm import Session

from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.deciding.coordinator.planning import Plan
from sightline.fleet.inventory import Inventory
from sightline.fleet.store.csv_file import Kind, import_csv
from sightline.fleet.store.draft import Draft
from sightline.fleet.store.importing import Imported

Look: TypeAlias = Callable[[Session], None]


class Brought(NamedTuple):
    """What was brought in, or would be; of a dry run `imported.rows` has each row.

    `plan` is what applying the draft would change then; None: it was done.
    """

    imported: Imported
    plan: Plan | None = None


def brought(
    service: CoordinatorService, bring: Callable[[Look | None], Imported], *, dry_run: bool
) -> Brought:
    """`bring` brings something in, and lets what it is given see the rows as they are then."""
    made: list[Inventory] = []

    def look(session: Session) -> None:
        made.append(Draft(service.database.vault).read(session)[0])  # no other may know what is undone

    done = bring(look if dry_run else None)
    return Brought(done, service.plan(made[0]) if made else None)


def bring_csv(
    service: CoordinatorService,
    kind: Kind,
    text: str | bytes,
    *,
    origin: str | None = None,
    prune: bool = False,
    dry_run: bool = False,
) -> Brought:
    """The rows of a CSV file. Raises Refused for all that is wrong in it."""
    return brought(
        service,
        lambda look: import_csv(
            service.database, kind, text, origin=origin, prune=prune, dry_run=dry_run, look=look
        ),
        dry_run=dry_run,
    )
