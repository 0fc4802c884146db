"""Sinks of DeepStream as sinks of a site: a broker becomes a bus, a file a video, a picture the preview.

Promises: a sink that is on becomes one here, or there is a word why not.

Deliberately not here: what is sent, which is Sightline's own results in either case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from sightline.deepstream.importing.taken import Taking
from sightline.deepstream.kinds import Kind

Sink = dict[str, Any]
_HOST: Final = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,150}")
_HEVC: Final = 2


def sinks_of(taking: Taking) -> list[Sink]:
    """The sinks, each once."""
    sinks: list[Sink] = []
    for group in taking.groups:
        if not group.startswith("sink") or not _is_on(group, taking):
            continue
        kind = taking.number(group, "type")
        make = _KINDS.get(int(kind or 0))
        if make is None:
            taking.warn(f"[{group}] is of type {kind}, which has no counterpart", group, "type")
        elif (sink := make(group, taking)) is not None and _is_new(sink, sinks):
            sinks.append(sink)
    return sinks


def _is_on(group: str, taking: Taking) -> bool:
    return taking.kind is not Kind.TEST_APP and taking.is_on(group)


def _is_new(sink: Sink, sinks: list[Sink]) -> bool:
    """A page is enough for several windows, and no two videos have one folder."""
    others = [other for other in sinks if other["kind"] == sink["kind"]]
    if sink["kind"] == "preview":
        return not others
    while "path" in sink and any(other["path"] == sink["path"] for other in others):
        sink["path"] += "-2"
    return sink not in sinks


def _fake(group: str, taking: Taking) -> Sink | None:
    taking.note(f"[{group}] shows nothing, and becomes no sink", group, "type")
    return None


def _preview(group: str, taking: Taking) -> Sink | None:
    taking.note(f"[{group}] becomes a page with the pictures, at http://127.0.0.1:8765", group, "type")
    return {"kind": "preview"}


def _video(group: str, taking: Taking) -> Sink | None:
    name = taking.text(group, "output-file") or "out.mp4"
    sink: Sink = {"kind": "video", "path": str(PurePosixPath(name).with_suffix("")).replace("$", "$$")}
    codec = taking.number(group, "codec")
    if codec == _HEVC:
        sink["codec"] = "hevc"
    elif codec not in {None, 1}:
        taking.note(f"[{group}] codec {codec:g} became H.264", group, "codec")
    taking.note(f"[{group}] {name} became a folder with a file of each camera", group, "output-file")
    return sink


def _bus(group: str, taking: Taking) -> Sink | None:
    library = taking.text(group, "msg-broker-proto-lib") or ""
    where = (taking.text(group, "msg-broker-conn-str") or "").split(";")
    topic = taking.text(group, "topic") or (where[2] if len(where) > 2 else "")
    if "kafka" not in library:
        name = PurePosixPath(library).name or "none"
        told = f"[{group}] sends over {name}, which has no counterpart; a webhook may do"
        taking.warn(told, group, "msg-broker-proto-lib")
        return None
    if len(where) < 2 or not _HOST.fullmatch(where[0]) or not re.fullmatch(r"\d{1,5}", where[1]):
        told = f"[{group}] expected host;port as the connection, got {';'.join(where)!r}: it is left out"
        taking.warn(told, group, "msg-broker-conn-str")
        return None
    sink = {"kind": "bus", "url": f"kafka://{where[0]}:{where[1]}"}
    if _TOPIC.fullmatch(topic):
        sink["results_topic"] = f"{topic}_:camera_id"
        told = f"[{group}] became a topic a camera, {topic}_ and its name, with Sightline's own results"
        taking.note(told, group, "topic")
    return sink


_KINDS: Final[Mapping[int, Callable[[str, Taking], Sink | None]]] = {
    1: _fake,
    2: _preview,
    3: _video,
    4: _preview,
    5: _preview,
    6: _bus,
}
