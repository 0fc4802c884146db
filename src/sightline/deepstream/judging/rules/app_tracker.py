"""The tracker of an application.

Facts from deepstream_tracker_bin.c, and from gstnvtracker.cpp and nvtracker_proc.cpp for sub-batches. That
width and height should be multiples of 32 is what NVIDIA documents.

Deliberately not here: the low-level library's file (`tracker`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.app_reading import App
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.keys.app_sources import MAX_SOURCES

_TRACKER = "tracker"
_STEP = 32
_SIDES = ("tracker-width", "tracker-height")
_LISTS = re.compile(r"[ \t]*\+?[0-9]{1,10}(,[ \t]*\+?[0-9]{1,10})*,?")
_SIZE = re.compile(r"[ \t]*\+?[0-9]{1,10}(?![0-9]).*")


def library(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    if app.on(_TRACKER) and not app.is_set(_TRACKER, "ll-lib-file"):
        yield app.refused(_TRACKER, "ll-lib-file", "must be set, or the tracker does not start", What.MISSING)
    if app.on(_TRACKER) and not app.is_set(_TRACKER, "ll-config-file"):
        yield app.real_default(_TRACKER, "ll-config-file", "is not set: the library's own defaults hold")


def sides(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    for key in _SIDES if app.on(_TRACKER) else ():
        side = app.number(_TRACKER, key)
        if not app.is_set(_TRACKER, key):
            told = "is 0 where it is not set, and beats the element's own size"
            yield app.finding(Severity.WARNING, What.DEFAULT, _TRACKER, key, told)
        elif side % _STEP:
            told = f"NVIDIA asks for a multiple of {_STEP}, got {side}"
            yield app.finding(Severity.WARNING, What.VALUE, _TRACKER, key, told)


def not_handed_on(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    told = "without effect: no element is told; tracking-surface-type is"
    yield from app.unused(_TRACKER, ("tracker-surface-type",), told)
    if app.on(_TRACKER) and not app.number(_TRACKER, "input-tensor-meta"):
        told = "without effect: input-tensor-meta is 0"
        yield from app.unused(_TRACKER, ("tensor-meta-gie-id",), told)


def sub_batches(file: ConfigFile) -> Iterator[Finding]:
    app = App(file)
    said = app.word(_TRACKER, "sub-batches")
    if not said or not app.on(_TRACKER):
        return
    if not _readable(said):
        told = f"expected source ids as 0,1;2,3 or sizes as 2:2, got {said!r}; it is tracked without them"
        yield app.replaced(_TRACKER, "sub-batches", told)
    elif ";" in said or "," in said:
        yield from _static(app, said)
    else:
        yield from _dynamic(app, said)


def _readable(said: str) -> bool:
    if ";" in said or "," in said:
        return ":" not in said and all(_LISTS.fullmatch(part) for part in said.split(";") if part)
    return all(_SIZE.fullmatch(part) for part in said.split(":") if part)


def _static(app: App, said: str) -> Iterator[Finding]:
    ids = Counter(int(number) for number in re.findall(r"[0-9]+", said))
    again = sorted(number for number, count in ids.items() if count > 1)
    if again:
        told = f"source {again[0]} stands in it more than once; the tracker does not start"
        yield app.refused(_TRACKER, "sub-batches", told, What.DUPLICATE)
    missing = sorted(set(range(min(app.pictures, MAX_SOURCES))) - set(ids))
    if missing and not app.multi:
        told = f"source {missing[0]} stands in none of them; its first picture ends the pipeline"
        yield app.finding(Severity.WARNING, What.MISSING, _TRACKER, "sub-batches", told)


def _dynamic(app: App, said: str) -> Iterator[Finding]:
    room = sum(int(part) for part in re.findall(r"(?:^|:)[ \t]*\+?([0-9]+)", said))
    if room < app.pictures:
        told = f"there is room for {room} sources, and {app.pictures} come in"
        yield app.finding(Severity.WARNING, What.VALUE, _TRACKER, "sub-batches", told)


def unended(file: ConfigFile) -> Iterator[Finding]:
    """Two texts that the YAML parser copies without their end."""
    app = App(file)
    for key in ("sub-batches", "operate-on-class-ids"):
        if not app.text and app.is_set(_TRACKER, key):
            told = (
                "the YAML parser copies it without its end; what stands behind it in memory may be read too"
            )
            yield app.finding(Severity.WARNING, What.VALUE, _TRACKER, key, told)


RULES: tuple[Rule, ...] = (library, sides, not_handed_on, sub_batches, unended)
