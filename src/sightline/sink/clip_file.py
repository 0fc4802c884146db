"""One clip on disk: its name, its files, and beside them what is in it.

A clip lies at `<folder>/<camera>/<time>-<label>.mp4`, the time that of its trigger in UTC. When it is over a
JSON object of the same name is put beside it, whole: a clip without one is being written, or its writer was
killed. Nothing that is there already is touched.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from sightline.clock import NS_PER_MS
from sightline.codec import ClipPart, ClipWriter
from sightline.packet import Packet
from sightline.sink.cutter import Cut, Ended, Trigger

ContainerKind: TypeAlias = Literal["mp4", "mkv"]
_LONGEST_NAME: Final = 64


class ClipFileReport(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a clip. `file`: its name; the others are as `sightline.codec.ClipPart` has them."""

    file: str
    epoch: int
    first_index: int
    last_index: int
    start_ns: int
    end_ns: int
    packets: int
    bytes: int


class ClipReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a clip.

    Attributes:
        v: version of this form, 1.
        camera_id: whose.
        ended: why it ended, one of `sightline.sink.cutter.Ended`.
        wanted_start_ns, wanted_end_ns: UTC ns of what was asked for.
        start_ns, end_ns: UTC ns of its first picture, a keyframe, and of its latest.
        trigger: the detection that asked for it first.
        results: how many asked for it.
        files: one, and one more for each time that packets did not go on.
        dropped: packets that are not in it, by reason.
    """

    v: int = 1
    camera_id: str
    ended: str
    wanted_start_ns: int
    wanted_end_ns: int
    start_ns: int
    end_ns: int
    trigger: Trigger
    results: int
    files: tuple[ClipFileReport, ...]
    dropped: dict[str, int]


class ClipFile:
    """Writes one clip. Raises OSError where its folder cannot be made."""

    def __init__(self, folder: Path, camera_id: str, cut: Cut, *, container: ContainerKind) -> None:
        self._camera_id = camera_id
        self._cut = cut
        place = folder / _as_name(camera_id)
        place.mkdir(parents=True, exist_ok=True)
        self.path = _free(place, f"{_moment(cut.trigger)}-{_as_name(cut.trigger.label)}", container)
        self._writer = ClipWriter(self.path)

    def write(self, packet: Packet) -> None:
        """Add a packet. Raises OSError and CodecError."""
        self._writer.write(packet)

    def close(self, why: Ended) -> None:
        """Finish it and say what is in it. Raises OSError."""
        self._writer.close()
        self.report(why)

    def report(self, why: Ended) -> None:
        """Put what is in it beside it; nothing where there is no file. Raises OSError."""
        parts = self._writer.parts
        if not parts:
            return
        data = msgspec.json.format(msgspec.json.encode(self._report(why, parts)), indent=1) + b"\n"
        draft = self.path.with_suffix(".json.part")
        try:
            draft.write_bytes(data)
            draft.replace(self.path.with_suffix(".json"))
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def _report(self, why: Ended, parts: tuple[ClipPart, ...]) -> ClipReport:
        return ClipReport(
            camera_id=self._camera_id,
            ended=why,
            wanted_start_ns=self._cut.wanted_from_ns,
            wanted_end_ns=self._cut.wanted_to_ns,
            start_ns=parts[0].start_ns,
            end_ns=max(part.end_ns for part in parts),
            trigger=self._cut.trigger,
            results=self._cut.results,
            files=tuple(_file_report(part) for part in parts),
            dropped=self._writer.stats().dropped,
        )


def _file_report(part: ClipPart) -> ClipFileReport:
    return ClipFileReport(
        file=part.path.name,
        epoch=part.first.epoch,
        first_index=part.first.index,
        last_index=part.last.index,
        start_ns=part.start_ns,
        end_ns=part.end_ns,
        packets=part.packets,
        bytes=part.bytes,
    )


def _moment(trigger: Trigger) -> str:
    """As ISO 8601 has it, with hyphens for the colons that some file systems refuse."""
    seconds, ms = divmod(trigger.captured_at_ns // NS_PER_MS, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}.{ms:03}Z"


def _as_name(text: str) -> str:
    """`text` as one part of a path on any system: no separators, no dot in front, not empty, not too long."""
    return re.sub(r"[^\w-]", "_", text)[:_LONGEST_NAME] or "_"


def _free(folder: Path, name: str, container: ContainerKind) -> Path:
    """A place that nobody has: the second event of a millisecond is `...-2`."""
    for number in count(1):
        path = folder / f"{name}{f'-{number}' if number > 1 else ''}.{container}"
        if not os.path.lexists(path) and not os.path.lexists(path.with_suffix(".json")):
            return path
    raise AssertionError("count ends never")
