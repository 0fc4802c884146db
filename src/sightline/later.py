"""Packages whose names are imported when they are used.

Sightline runs as several processes, and each uses a part of it. A package that named its classes by importing
all of them would have every process begin as slowly as one that uses them all. So its `__init__.py` says to
type checkers, under TYPE_CHECKING, what its names are, and calls `import_later` with where they are. Nothing
else changes for those who use it: `from sightline.pipe import Pipe` is as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """See the module."""

    _homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        home = self._homes.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # Python sets a module as an attribute of its package; what has the same name in it comes first.
        if not (isinstance(value, ModuleType) and name in self._homes):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self._homes})


def import_later(package: str, names: Mapping[str, str]) -> None:
    """Have the package of this name import these `names` of each module, in words, when they are used."""
    module = sys.modules[package]
    module.__dict__["_homes"] = {name: home for home, of in names.items() for name in of.split()}
    module.__class__ = _Package
