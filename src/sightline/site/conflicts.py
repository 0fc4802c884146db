"""Mistakes that no single value of a site file has: names that name nothing, things used twice.

It looks at plain values rather than at a finished `Site`, and passes over what has the wrong shape, so that
these mistakes are told together with all others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from sightline.bus import PACKET_TOPICS, topic_of
from sightline.errors import ConfigError
from sightline.hub.address import HubAddress
from sightline.site.mistakes import Where, dotted, quoted
from sightline.site.model_kinds import Tracking
from sightline.site.sink_kinds import BusSink

_LOST_S: Final = Tracking.model_validate({}).lost_s
_MAIN, _DETECT = "main", "detect"


class Conflict(NamedTuple):
    """A contradiction: where it stands, what it is, and for a wrong name the right ones."""

    where: Where
    message: str
    word: str = ""
    words: Iterable[str] = ()


def conflicts(site: Any, folder: Path = Path()) -> Iterator[Conflict]:
    """Where the parts of a site contradict each other, and how. Paths are meant from `folder`."""
    cameras = _mapping(_mapping(site).get("cameras"))
    yield from _one_topic_for_two(_packet_topics(site), cameras)
    yield from _wrong_groups(_mapping(_mapping(site).get("frame_queue")), cameras)
    used: dict[tuple[str, str], Where] = {}
    for name, worker in _mapping(_mapping(site).get("workers")).items():
        where = ("workers", name)
        yield from _too_slow_to_track(_mapping(worker), where)
        yield from _wrong_cameras(_list(_mapping(worker).get("cameras")), cameras, (*where, "cameras"))
        for index, sink in enumerate(_list(_mapping(worker).get("sinks"))):
            yield from _read_again(_mapping(sink), site, (*where, "sinks", index))
            for key, thing in _taken(_mapping(sink), folder):
                here = (*where, "sinks", index, key)
                if (first := used.setdefault((key, thing), here)) is not here:
                    yield Conflict(here, f"this {key} is taken by {dotted(first[:-1])} already")


def _wrong_cameras(names: list[Any], cameras: dict[str, Any], where: Where) -> Iterator[Conflict]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not isinstance(name, str):
            continue
        if name not in cameras:
            yield Conflict((*where, index), f"there is no camera {quoted(name)}", name, cameras)
        elif name in seen:
            yield Conflict((*where, index), f"the camera {quoted(name)} stands in this list twice")
        seen.add(name)


def _wrong_groups(frame_queue: dict[str, Any], cameras: dict[str, Any]) -> Iterator[Conflict]:
    """Cameras that are not there, or whose keys would go two ways."""
    yield from _wrong_cameras(_list(frame_queue.get("cameras")), cameras, ("frame_queue", "cameras"))
    used: dict[str, str] = {}
    for group, names in _mapping(frame_queue.get("groups")).items():
        where = ("frame_queue", "groups", group)
        yield from _wrong_cameras(_list(names), cameras, where)
        for index, name in enumerate(_list(names)):
            if isinstance(name, str) and used.setdefault(name, group) != group:
                yield Conflict((*where, index), f"the camera {quoted(name)} is in group {used[name]} already")


def _too_slow_to_track(worker: dict[str, Any], where: Where) -> Iterator[Conflict]:
    """Tracks that are lost before the next picture comes."""
    track, rate = worker.get("track"), _number(worker.get("rate"))
    lost_s = _number(_mapping(track).get("lost_s", _LOST_S))
    if (track is True or isinstance(track, dict)) and 0 < rate * lost_s <= 1:
        told = f"expected lost_s above {1 / rate:g}, the seconds between two pictures at rate {rate:g}"
        yield Conflict((*where, "track"), f"{told}, got {lost_s:g}")


def _packet_topics(site: Any) -> dict[str, str]:
    """The patterns of the topics of packets, by stream."""
    said = _mapping(_mapping(site).get("topics"))
    return {
        stream: pattern
        for stream in (_MAIN, _DETECT)
        if isinstance(pattern := said.get(stream, getattr(PACKET_TOPICS, stream)), str)
    }


def _one_topic_for_two(patterns: dict[str, str], cameras: dict[str, Any]) -> Iterator[Conflict]:
    """Cameras whose packets would be taken for another's."""
    used: dict[str, str] = {}
    for name, camera in cameras.items():
        for stream in (_MAIN, _DETECT) if _mapping(camera).get("detect_url") else (_MAIN,):
            topic = topic_of(patterns.get(stream, ""), name)
            if topic and (other := used.setdefault(topic, f"{name}, {stream}")) != f"{name}, {stream}":
                told = f"the packets of {name}, {stream}, would be in the topic of {other}: {quoted(topic)}"
                yield Conflict(("topics", stream), told)


def _read_again(sink: dict[str, Any], site: Any, where: Where) -> Iterator[Conflict]:
    """What a sink publishes where the site itself reads: it would come again, for ever."""
    if sink.get("kind") != "bus" or _place(sink.get("url")) != _place(_mapping(site).get("bus", "memory://")):
        return
    written = (
        ("results_topic",) if sink.get("packets", "none") == "none" else ("results_topic", "packets_topic")
    )
    for key in written:
        pattern = sink.get(key, BusSink.model_fields[key].default)
        if pattern in _packet_topics(site).values():
            told = f"expected another topic than the cameras' own on the same bus, got {quoted(pattern)}"
            yield Conflict((*where, key), told)


def _place(url: Any) -> Any:
    """The same for two URLs of one hub, with its port or without."""
    try:
        return HubAddress.of(url).shown if isinstance(url, str) and url.startswith("hub:") else url
    except ConfigError:
        return url


def _taken(sink: dict[str, Any], folder: Path) -> Iterator[tuple[str, str]]:
    """What a sink has for itself alone. Port 0 is any free one."""
    if sink.get("kind") == "preview" and str(port := sink.get("port", 8765)) != "0":
        yield "port", str(port)
    for key in ("path", "outbox"):
        if isinstance(path := sink.get(key), str | Path):
            yield key, os.path.normpath(folder / path)


def _number(value: Any) -> float:
    """0 for what is none, and for one that no computing can hold."""
    return value if isinstance(value, int | float) and abs(value) < 1e9 else 0


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
