"""Annotated video: for each camera, MP4 files of what the model saw with what it saw drawn on it.

A file holds one unbroken stretch of one camera at one size: another epoch, another size, a clock that was set
back or `max_file_s` begins the next. The files are named after the camera and the time (UTC) of their first
picture, and play while they grow and after a kill, which loses a second or so.

It decodes nothing and records no sound: for the camera's own stream, unchanged and without this work,
record its packets.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote

import av
from pydantic import Field

from sightline.clock import NS_PER_MS, NS_PER_S, ns
from sightline.errors import Closed, SinkError
from sightline.frame import Frame
from sightline.interop import load_supervision
from sightline.result import Result
from sightline.sink.drawing import Drawing
from sightline.sink.film import Film

SET_BACK_NS: Final = NS_PER_S
"""A clock that goes back by less is drift; more would be pictures that no player shows for long enough."""


class Video:
    """Films every camera that results come of.

    Args:
        path: the folder; made where it is missing. Files are added, none is replaced.
        codec: `h264`, or `hevc`: a quarter smaller for three times the work.
        max_width: of the pictures, in pixels; wider ones are scaled down.
        quality: the encoder's constant rate factor; less is better and larger.
        max_file_s: seconds of a file, at most.

    Attributes:
        written: pictures that were encoded.
        failed: results that were not.

    Raises:
        MissingExtra: supervision is not installed.
        SinkError: the folder cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        codec: Literal["h264", "hevc"] = "h264",
        max_width: Annotated[int, Field(ge=64, le=4096)] = 1280,
        quality: Annotated[int, Field(ge=0, le=51)] = 23,
        max_file_s: Annotated[float, Field(gt=0, le=86_400)] = 3600,
    ) -> None:
        load_supervision()
        self._folder = path
        self._codec = codec
        self._max_width = max_width
        self._quality = quality
        self._max_file_ns = ns(max_file_s)
        self._takes: dict[str, _Take] = {}
        self._closed = False
        self.written = 0
        self.failed = 0
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"cannot write video to {path}: {error.strerror}") from error

    def write(self, result: Result, frame: Frame) -> None:
        """Draw on a copy of the picture and encode it.

        Raises:
            SinkError: the disk is full. The file ends there, and the next picture begins another one.
        """
        if self._closed:
            raise Closed(f"the sink for {self._folder} is closed")
        try:
            self._take_of(frame).add(result, frame)
        except (OSError, av.FFmpegError) as error:
            self.failed += 1
            take = self._takes.pop(frame.camera_id, None)
            if take is not None:
                take.film.abandon()
            raise self._told(error) from error
        self.written += 1

    def close(self) -> None:
        """Finish all files. Raises SinkError when the disk is full."""
        self._closed = True
        failure: SinkError | None = None
        while self._takes:
            _, take = self._takes.popitem()
            try:
                take.film.close()
            except (OSError, av.FFmpegError) as error:
                failure = self._told(error)
        if failure is not None:
            raise failure

    def _take_of(self, frame: Frame) -> _Take:
        take = self._takes.get(frame.camera_id)
        if take is not None and not take.goes_on_with(frame, self._max_file_ns):
            del self._takes[frame.camera_id]
            take.film.close()
            take = None
        if take is None:
            take = self._takes[frame.camera_id] = self._begin(frame)
        return take

    def _begin(self, frame: Frame) -> _Take:
        width, height = frame.size
        if width > self._max_width:
            width, height = self._max_width, max(1, round(height * self._max_width / width))
        film = Film(
            self._folder / file_name(frame.camera_id, frame.captured_at_ns),
            (width, height),
            codec=self._codec,
            quality=self._quality,
        )
        return _Take(film, Drawing(self._max_width), frame)

    def _told(self, error: Exception) -> SinkError:
        return SinkError(f"cannot write video to {self._folder}: {getattr(error, 'strerror', None) or error}")


class _Take:
    """One file being written: its film, its traces, and what a picture must be like to go into it."""

    def __init__(self, film: Film, drawing: Drawing, first: Frame) -> None:
        self.film = film
        self._drawing = drawing
        self._alike = (first.epoch, first.size)
        self._first_ns = self._last_ns = first.captured_at_ns

    def goes_on_with(self, frame: Frame, max_file_ns: int) -> bool:
        at_ns = frame.captured_at_ns
        in_time = self._last_ns - SET_BACK_NS <= at_ns < self._first_ns + max_file_ns
        return in_time and (frame.epoch, frame.size) == self._alike

    def add(self, result: Result, frame: Frame) -> None:
        self.film.add(self._drawing.of(frame.image, result), frame.captured_at_ns)
        self._last_ns = frame.captured_at_ns


def file_name(camera_id: str, at_ns: int) -> str:
    """`gate-20261121T101500.250Z`; what a file's name may not have stands as in a URL."""
    camera = re.sub(r"^\.", "%2E", quote(camera_id, safe=""))
    at = datetime.fromtimestamp(at_ns // NS_PER_S, UTC)
    return f"{camera}-{at:%Y%m%dT%H%M%S}.{at_ns % NS_PER_S // NS_PER_MS:03}Z"
