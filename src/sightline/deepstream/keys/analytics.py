"""Being written."""

from __future__ import annotations

from sightline.deepstream.keys.key import GroupTable

TABLES: tuple[GroupTable, ...] = ()
