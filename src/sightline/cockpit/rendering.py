"""Templates to text: whatever a value holds is shown and never obeyed, and a name that no value has fails.

Deliberately not here: which template, and with what.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sightline.cockpit.views.addresses import path_to


def environment(**known: Any) -> Environment:
    """Of the package's templates. `known`: what all of them see."""
    made = Environment(
        loader=PackageLoader("sightline.cockpit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(known, path_to=path_to)
    made.filters.update(iso=iso, utc=utc)
    return made


def iso(at: datetime) -> str:
    """For programs: an attribute of `<time>`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def utc(at: datetime) -> str:
    """For people, where no script tells it in their own zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
