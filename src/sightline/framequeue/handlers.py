"""Finds the handler that somebody named: as `module:function`, or as what a package offers.

A package offers handlers in the entry point group `sightline.framequeue` (PyPA, "Entry points"):

    [project.entry-points."sightline.framequeue"]
    plates = "acme.plates:read"

Then `plates` names it, and where it is the only one nobody has to. The folder that a command was started in
is looked into as well, as Python does for `-m`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
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
    offered: dict[str, set[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        offered.setdefault(point.name, set()).add(point)
    if not named and len(offered) == 1:
        [named] = offered
    if named not in offered:
        known = ", ".join(sorted(offered)) or "none is installed"
        raise ConfigError(
            f"expected a handler as module:function, or one that a package offers in its entry points "
            f"{GROUP!r} ({known}), got {named[:200]!r}{nearest(named, offered) if named else ''}"
        )
    places = sorted({point.value for point in offered[named]})
    if len(places) > 1:
        raise ConfigError(
            f"expected one handler {named!r}, packages offer {' and '.join(places)}: name its place"
        )
    return _loaded(offered[named].pop())


def _imported(named: str) -> Callable[..., Any]:
    module, _, name = named.partition(":")
    here = os.getcwd()  # noqa: PTH109 - as sys.path has it
    if here not in sys.path:
        sys.path.insert(0, here)
    with _told(f"expected a handler as module:function, {named[:200]!r}"):
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    return _callable(named, found)


def _loaded(point: EntryPoint) -> Callable[..., Any]:
    with _told(f"the handler {point.name!r} of {point.value}"):
        found = point.load()
    return _callable(point.name, found)


@contextlib.contextmanager
def _told(which: str) -> Iterator[None]:
    """Whatever a module raises while it is imported is told in a line, and where; SystemExit too."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{which} is not to be had: {type(error).__name__}: {error}{_where(error)}"
        ) from error


def _where(error: BaseException) -> str:
    """The innermost line of a file that was imported, not of what imports."""
    importing = ("<", __file__, os.path.dirname(importlib.__file__))  # noqa: PTH120 - to compare text
    steps = [
        step for step in traceback.extract_tb(error.__traceback__) if not step.filename.startswith(importing)
    ]
    return f" ({steps[-1].filename}:{steps[-1].lineno})" if steps else ""


def _callable(named: str, found: object) -> Callable[..., Any]:
    if not callable(found):
        raise ConfigError(f"expected a handler to be a function, {named[:200]!r} is a {type(found).__name__}")
    return found
