"""Being written."""

from __future__ import annotations

from sightline.deepstream.rules.opening import Rule

RULES: tuple[Rule, ...] = ()
