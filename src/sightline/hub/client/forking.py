"""Clients in a process that was forked: their threads stayed behind, and nothing that is waited for comes."""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Who is told, in the new process."""

    def _forked(self) -> None: ...


_watched: Final[WeakSet[Forked]] = WeakSet()


def watch(client: Forked) -> None:
    """From now on it is told."""
    _watched.add(client)


def _tell() -> None:
    for client in tuple(_watched):
        client._forked()  # noqa: SLF001 - for nobody else to call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tell)
