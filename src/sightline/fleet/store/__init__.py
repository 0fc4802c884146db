"""The fleet's database: what users want, who is in the fleet, and what the coordinator has to remember.

`Database` is all of it. Rows that go in and out are those of `rows`; what decides sees `fleet.inventory`.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.fleet.store.database import Database
    from sightline.fleet.store.refusals import Conflict, Missing, Refused
    from sightline.fleet.store.vault import Vault

__all__ = ["Conflict", "Database", "Missing", "Refused", "Vault"]

import_later(
    __name__,
    {
        "sightline.fleet.store.database": "Database",
        "sightline.fleet.store.refusals": "Conflict Missing Refused",
        "sightline.fleet.store.vault": "Vault",
    },
)
