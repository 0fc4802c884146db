"""deepstream-app's file, and deepstream-test5's, which has the same parsers: all its groups.

Deliberately not here: single keys; they are in the modules that this one puts together, in the order of a
pipeline.
"""

from __future__ import annotations

from sightline.deepstream.keys import app_display, app_inference, app_mux, app_sinks, app_sources
from sightline.deepstream.keys.key import GroupTable

TABLES: tuple[GroupTable, ...] = (
    *app_sources.TABLES,
    *app_mux.TABLES,
    *app_inference.TABLES,
    *app_display.TABLES,
    *app_sinks.TABLES,
)
