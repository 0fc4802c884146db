"""Which instances a runtime was given that outlives its agent: on disk before it is given one.

So an agent that begins while Docker is away knows what containers of its may be there: those, and no others.
What is noted may be gone; what is there is noted.

A file that is not there, or damaged, in a folder where an agent ran before says nothing: anything may be
there, until all runtimes have answered.

Deliberately not here: asking a runtime (`looking`).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from sightline.errors import StoreError
from sightline.fleet.agent.disk import write_whole
from sightline.fleet.deciding.agent.desired import DesiredInstance, Found

FILE: Final = "given.json"
Noted: TypeAlias = dict[str, dict[str, bool]]
"""By runtime, and by name of an instance: whether it must not run twice."""


class Given:
    """Of one agent's folder. Any thread may use it.

    Args:
        folder: of its state.
        runtimes: that outlive the agent, by name; of others nothing is noted.
        new: no agent ran in that folder before.
    """

    def __init__(self, folder: Path, runtimes: Collection[str], *, new: bool) -> None:
        self._path = folder / FILE
        self._runtimes = frozenset(runtimes)
        self._lock = threading.Lock()
        self._under_way: set[tuple[str, str]] = set()
        noted = self._read()
        self._silent = set() if new or noted is not None else set(runtimes)
        self._noted: Noted = {name: {} for name in runtimes} | _copied(noted or {})
        self._written = noted
        with suppress(StoreError):  # the next agent will not know, and wait
            self._write()

    def may_be(self, runtime: str) -> list[Found] | None:
        """What may be there, where it cannot be asked; None: anything."""
        with self._lock:
            if runtime not in self._runtimes or runtime in self._silent:
                return None
            return [_unknown(runtime, *one) for one in sorted(self._noted[runtime].items())]

    @contextmanager
    def giving(self, runtime: str, instance: DesiredInstance) -> Iterator[None]:
        """It is given this one while this is open. Raises StoreError: that cannot be noted."""
        if runtime not in self._runtimes:
            yield
            return
        one = (runtime, instance.name)
        with self._lock:
            self._under_way.add(one)
            there = self._noted[runtime]
            self._noted[runtime] = there | {
                instance.name: instance.exclusive or there.get(instance.name, False)
            }
        try:
            with self._lock:
                self._write()
            yield
        finally:
            with self._lock:
                self._under_way.discard(one)

    def gone(self, runtime: str, name: str) -> None:
        """It has this one no more."""
        with self._lock, suppress(StoreError):  # what is noted may be gone
            if self._noted.get(runtime, {}).pop(name, None) is not None:
                self._write()

    def seen(self, runtime: str, found: Sequence[Found]) -> None:
        """All that it has, as it says, but for what is being given to it."""
        if runtime not in self._runtimes:
            return
        with self._lock, suppress(StoreError):  # what is given next says so
            self._silent.discard(runtime)
            there = self._noted[runtime]
            kept = {name: flag for name, flag in there.items() if (runtime, name) in self._under_way}
            self._noted[runtime] = {one.name: one.exclusive for one in found} | kept
            self._write()

    def _read(self) -> Noted | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Noted)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _write(self) -> None:
        if self._silent or self._noted == self._written:
            return
        try:
            write_whole(self._path, msgspec.json.encode(self._noted))
        except OSError as error:
            raise StoreError(f"cannot note in {self._path} what is to run: {error.strerror}") from None
        self._written = _copied(self._noted)


def _copied(noted: Noted) -> Noted:
    return {runtime: {**there} for runtime, there in noted.items()}


def _unknown(runtime: str, name: str, exclusive: bool) -> Found:
    reason = f"{runtime} cannot be asked how it is"
    return Found(name=name, digest="", state="unknown", exclusive=exclusive, reason=reason)
