"""The rules for deepstream-app's files, and for deepstream-test5's.

Deliberately not here: any of them; they are in the modules that this one puts together.
"""

from __future__ import annotations

from sightline.deepstream.judging.rules import (
    app_defaults,
    app_display,
    app_inference,
    app_mux,
    app_recording,
    app_sinks,
    app_source_lists,
    app_source_tables,
    app_sources,
    app_tracker,
)
from sightline.deepstream.judging.rules.opening import Rule

RULES: tuple[Rule, ...] = (
    *app_sources.RULES,
    *app_source_lists.RULES,
    *app_source_tables.RULES,
    *app_mux.RULES,
    *app_inference.RULES,
    *app_tracker.RULES,
    *app_display.RULES,
    *app_sinks.RULES,
    *app_recording.RULES,
    *app_defaults.RULES,
)
