"""Timetables as people write them.

    CAMERA: FAULT [VALUE] [TIME] [, FAULT ...] [; CAMERA: ...]      CAMERA is a name, or * for each

    gate: stall 5s at 10s, loss 1% from 20s to 30s, pts_jump -3s every 20s; *: reset every 60s

A time is a number with `ms`, `s`, `min` or `h`; a share one with `%`. TIME is `at T`, `from T [to T]` or
`every T`, and `for T` behind it says how long; without TIME a fault holds from the beginning. A file is the
same in YAML, each camera with a list of its faults.

Every message says which words were wrong and what was expected in their place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sightline.errors import ConfigError
from sightline.fakecam import faults
from sightline.fakecam.faults import Fault
from sightline.fakecam.timetable import Entry
from sightline.frame import Size

_UNITS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_TIME: Final = re.compile(r"([+-]?\d{1,9}(?:\.\d{1,9})?)(ms|s|min|h)")
_KEYWORDS: Final = frozenset({None, "at", "from", "every", "for"})
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)%")


def parse_script(text: str) -> list[Entry]:
    """Reads a timetable of one line. Raises ConfigError."""
    entries = []
    for part in filter(str.strip, text.split(";")):
        camera, colon, clauses = part.partition(":")
        if not colon or not camera.strip():
            raise ConfigError(f"misbehaviour: expected CAMERA: FAULT ..., got {part.strip()!r}")
        entries += [_entry(camera.strip(), clause) for clause in clauses.split(",")]
    return entries


def load_script(path: str | os.PathLike[str]) -> list[Entry]:
    """Reads a timetable in YAML: a mapping of cameras to lists of faults. Raises ConfigError."""
    name = Path(path).name
    try:
        read = YAML(typ="safe").load(Path(path))
    except (OSError, UnicodeError, YAMLError) as error:
        raise ConfigError(f"{name}: cannot be read: {error}") from None
    if not isinstance(read, dict):
        raise ConfigError(f"{name}: expected cameras, each with a list of faults, got {type(read).__name__}")
    try:
        return [
            _entry(str(camera), clause) for camera, clauses in read.items() for clause in _listed(clauses)
        ]
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _listed(clauses: Any) -> list[str]:
    if not isinstance(clauses, list) or not all(isinstance(clause, str) for clause in clauses):
        raise ConfigError(f"expected a list of faults such as 'stall 5s at 10s', got {clauses!r}")
    return clauses


class _Kind(NamedTuple):
    """How a fault is written: what its value may be and how it is made of it."""

    make: Callable[[Any, float | None], Fault]
    read: Callable[[str], Any] | None
    expected: str = ""
    optional: bool = False
    instant: bool = False


def _entry(camera: str, clause: str) -> Entry:
    words = clause.split()
    try:
        return _Clause(words).entry(camera)
    except ConfigError as error:
        raise ConfigError(f"misbehaviour of {camera}, {' '.join(words)!r}: {error}") from None


class _Clause:
    """The words of one fault, read from left to right."""

    def __init__(self, words: list[str]) -> None:
        self._words: Iterator[str] = iter(words)
        self._next = next(self._words, None)

    def entry(self, camera: str) -> Entry:
        name = self._take() or ""
        kind = _KINDS.get(name)
        if kind is None:
            near = get_close_matches(name, _KINDS, 1, 0.5)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"expected one of {', '.join(_KINDS)}, got {name!r}{meant}")
        value = self._value(kind)
        at_s, every_s, lasts_s = self._when()
        if self._next is not None:
            raise ConfigError(f"expected at, from, every, for or the end, got {self._next!r}")
        if kind.instant and lasts_s is not None:
            raise ConfigError(f"{name} is over at once: expected at or every, and no end")
        return Entry(camera=camera, fault=kind.make(value, lasts_s), at_s=at_s, every_s=every_s)

    def _take(self) -> str | None:
        word, self._next = self._next, next(self._words, None)
        return word

    def _taken(self, keyword: str) -> float | None:
        """The time behind `keyword`, where that comes next."""
        if self._next != keyword:
            return None
        self._take()
        return _time(self._take() or "", f"a time behind {keyword!r}")

    def _value(self, kind: _Kind) -> Any:
        if kind.read is None:
            return None
        if kind.optional and self._next in _KEYWORDS:
            return None
        word = self._take() or ""
        try:
            return kind.read(word)
        except ValueError:
            raise ConfigError(f"expected {kind.expected}, got {word!r}") from None

    def _when(self) -> tuple[float, float | None, float | None]:
        """When it begins, every how many seconds again, and for how long."""
        at_s, from_s, every_s = self._taken("at"), self._taken("from"), self._taken("every")
        if sum(given is not None for given in (at_s, from_s, every_s)) > 1:
            raise ConfigError("expected one of at, from and every, got more")
        begins_s = next((given for given in (at_s, from_s, every_s) if given is not None), 0.0)
        to_s = self._taken("to") if from_s is not None else None
        if to_s is not None and to_s <= begins_s:
            raise ConfigError(f"expected an end after {begins_s:g}s, got {to_s:g}s")
        lasts_s = self._taken("for") if to_s is None else to_s - begins_s
        return begins_s, every_s, lasts_s


def _time(word: str, expected: str) -> float:
    try:
        return _duration(word)
    except ValueError:
        raise ConfigError(f"expected {expected} such as 5s, 500ms or 2min, got {word!r}") from None


def _duration(word: str) -> float:
    return _read(_TIME, word, lambda found: float(found[1]) * _UNITS[found[2]])


def _share(word: str) -> float:
    return _read(_SHARE, word, lambda found: float(found[1]) / 100)


def _read(pattern: re.Pattern[str], word: str, made: Callable[[re.Match[str]], float]) -> float:
    found = pattern.fullmatch(word)
    if found is None:
        raise ValueError(word)
    return made(found)


def _lasting(make: Callable[..., Fault]) -> _Kind:
    """A fault whose value is how long it lasts, which may be said behind it as well."""

    def made(value: float | None, lasts_s: float | None) -> Fault:
        if value is not None and lasts_s is not None:
            raise ConfigError(f"expected one length, got {value:g}s and {lasts_s:g}s")
        return make(seconds=lasts_s if value is None else value)

    return _Kind(made, _duration, "how long, such as 5s", optional=True)


_KINDS: Final[dict[str, _Kind]] = {
    "stall": _lasting(faults.Stall),
    "half_open": _lasting(faults.HalfOpen),
    "wrong_password": _lasting(faults.WrongPassword),
    "kill": _lasting(faults.Kill),
    "loss": _Kind(lambda value, s: faults.Loss(share=value, seconds=s), _share, "a share such as 1%"),
    "reorder": _Kind(lambda value, s: faults.Reorder(share=value, seconds=s), _share, "a share such as 1%"),
    "pts_jump": _Kind(
        lambda value, _: faults.PtsJump(by_s=value), _duration, "how far, such as 3s or -3s", instant=True
    ),
    "wrong_clock": _Kind(
        lambda value, s: faults.WrongClock(by_s=value, seconds=s), _duration, "how far, such as 60s or -1h"
    ),
    "long_gop": _Kind(
        lambda value, s: faults.LongGop(gop_s=value, seconds=s), _duration, "how long a GOP, such as 30s"
    ),
    "resize": _Kind(
        lambda value, s: faults.Resize(size=value, seconds=s), Size.parse, "a size such as 320x180"
    ),
    "slow_start": _Kind(
        lambda value, s: faults.SlowStart(by_s=value, seconds=s), _duration, "how long, such as 5s"
    ),
    "reset": _Kind(lambda _value, _s: faults.Reset(), None, instant=True),
}
NAMES: Final = tuple(_KINDS)
