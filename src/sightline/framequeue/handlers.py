"""Finds the handler that somebody named: as `module:function`, or as what a package offers.

A package offers handlers in the entry point group `sightline.framequeue` (PyPA, "Entry points"):

    [project.entry-points."sightline.framequeue"]
    plates = "acme.plates:read"

Then `plates` names it, and where it is the only one nobody has to. The folder that a command was started in
is looked into as well, as Python does for `-m`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from sightline.errors import ConfigError
from sightline.kinds import nearest

GROUP: Final = "sightline.framequeue"


def find_handler(named: str = "") -> Callable[..., Any]:
    """The handler: that of `module:function`, that of the entry point of this name, or the only one there is.

    Raises:
        ConfigError: there is none, or it is not to be imported or called; the message says which there are.
    """
    if ":" in named:
        return _imported(named)
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if not named and len(offered) == 1:
        return _loaded(*offered.values())
    if named not in offered:
        known = ", ".join(sorted(offered)) or "none is installed"
        raise ConfigError(
            f"expected a handler as module:function, or one that a package offers in its entry points "
            f"{GROUP!r} ({known}), got {named[:200]!r}{nearest(named, offered) if named else ''}"
        )
    return _loaded(offered[named])


def _imported(named: str) -> Callable[..., Any]:
    module, _, name = named.partition(":")
    here = os.getcwd()  # noqa: PTH109 - as sys.path has it
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"expected a handler as module:function, {named[:200]!r} is not to be had: {error}"
        ) from error
    return _callable(named, found)


def _loaded(point: EntryPoint) -> Callable[..., Any]:
    try:
        return _callable(point.name, point.load())
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the handler {point.name!r} of {point.value} is not to be had: {error}") from error


def _callable(named: str, found: object) -> Callable[..., Any]:
    if not callable(found):
        raise ConfigError(f"expected a handler to be a function, {named[:200]!r} is a {type(found).__name__}")
    return found
