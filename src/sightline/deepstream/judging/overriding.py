"""What deepstream-app makes of an nvinfer file that one of its groups names: properties beat the file.

Promises: `overridden` gives the file as the element has it in the end. The application always says which mode
the element is in and whether its input comes from metadata; the rest it says where its group does, and which
GPU where `global-gpu-id` does. A number that a property does not take is told by GObject and not set.

Read from deepstream_primary_gie_bin.c and deepstream_secondary_gie_bin.c. The file is read before the
properties are set, so a value that nvinfer does not take is refused though another one would beat it.

Deliberately not here: the test programs, which set what each of them likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sightline.deepstream.document import ConfigFile, Entry, Group
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.settings import Settings, only
from sightline.deepstream.judging.value_checks import mistake_in
from sightline.deepstream.keys.key import Outside
from sightline.deepstream.kinds import Kind

_BOTH = ("batch-size", "interval", "gie-unique-id", "gpu-id", "model-engine-file")
_SECONDARY = ("operate-on-gie-id", "operate-on-class-ids")
_FROM_META = "input-tensor-from-meta"
_PROPERTY = "property"


def is_element(group: str) -> bool:
    """Whether it is a group that makes an nvinfer."""
    return group == "primary-gie" or group.startswith("secondary-gie")


def overridden(file: ConfigFile, app: ConfigFile, group: str) -> ConfigFile:
    """The nvinfer file with what the group of the application's file sets."""
    settings = only(app, Kind.APP, group)
    if settings is None or not file.named(_PROPERTY):
        return file
    at = next(number for number, each in enumerate(file.groups) if each.name == _PROPERTY)
    changed = _with(file.groups[at], _set_by(app, settings))
    return replace(file, groups=(*file.groups[:at], changed, *file.groups[at + 1 :]))


def _set_by(app: ConfigFile, settings: Settings) -> dict[str, str]:
    """Keys of nvinfer's file, as the application sets them."""
    secondary = settings.name != "primary-gie"
    said = {"process-mode": "2" if secondary else "1", _FROM_META: str(int(_from_meta(settings)))}
    said |= _of_all(app)
    for key in (*_BOTH, *(_SECONDARY if secondary else ())):
        value = settings.value(key)
        if value not in {None, ""} and _is_taken(settings, key, value):
            said[key] = ";".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return said


def _of_all(app: ConfigFile) -> dict[str, str]:
    """The GPU of every group that does not set its own."""
    application = only(app, Kind.APP, "application")
    number = application.value("global-gpu-id") if application else None
    return {} if number is None or number < 0 else {"gpu-id": str(number)}


def _is_taken(settings: Settings, key: str, value: object) -> bool:
    row = settings.section.table.find(key, settings.form)
    return row is None or row.outside is not Outside.REPLACED or mistake_in(row, value) is None


def _from_meta(settings: Settings) -> bool:
    return bool(settings.value("input-tensor-meta", 0))


def _with(group: Group, said: dict[str, str]) -> Group:
    kept = [entry for entry in group.entries if entry.key not in said]
    lines = {entry.key: entry.line for entry in group.entries}
    return replace(group, entries=(*kept, *(Entry(key, said[key], lines.get(key, 0)) for key in said)))


def beaten(file: ConfigFile, app: ConfigFile, group: str) -> Iterator[Finding]:
    """What the nvinfer file says, and the application says otherwise."""
    settings, own = only(app, Kind.APP, group), only(file, Kind.NVINFER, _PROPERTY)
    if settings is None or own is None:
        return
    after = only(overridden(file, app, group), Kind.NVINFER, _PROPERTY)
    for key in _set_by(app, settings):
        was, is_now = own.value(key), after.value(key) if after else None
        if was is not None and was != is_now:
            yield _told(own, _place(app, group, key), key, was, is_now)


def _place(app: ConfigFile, group: str, key: str) -> str:
    """Which group of the application says it."""
    own = key != "gpu-id" or app.entry(group, key) is not None
    return f"[{group}]" if own else "[application] global-gpu-id"


def _told(own: Settings, place: str, key: str, was: object, is_now: object) -> Finding:
    if key == "process-mode":
        told = f"{was} is beaten: the application makes {place} {is_now}"
        return own.tell(Severity.WARNING, What.REPLACED, key, told)
    if key == _FROM_META:
        told = f"1 is beaten by the application, which has input-tensor-meta of {place} at 0"
        return own.tell(Severity.WARNING, What.REPLACED, key, told)
    told = f"{was} is beaten by {is_now} in the application's {place}"
    return own.tell(Severity.NOTE, What.REPLACED, key, told)
