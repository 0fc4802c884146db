"""Names in addresses of pages: any name, whatever it has in it.

Promises: each name has an address of its own, and comes back out of it. A browser takes `.` and `..` for
steps through folders, however they are written: those have a tilde before them, and so have names that begin
with one.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

_MARK: Final = "~"


def key(name: str) -> str:
    """A name as a step of an address."""
    is_marked = name in {".", ".."} or name.startswith(_MARK)
    return quote(_MARK + name if is_marked else name, safe="")


def name_in(step: str) -> str:
    """The name of a step, its signs taken out already."""
    return step.removeprefix(_MARK)


def path_to(what: str, name: str, *more: str) -> str:
    """Of a page: `path_to("cameras", "gate", "start")`."""
    return "/".join(("", what, key(name), *more))
