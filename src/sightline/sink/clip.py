"""Clips of what was seen: the packets around a detection in a file of their own, not encoded again.

Each clip begins at the last keyframe that is at least `pre_s` before the detection and ends `post_s` after
the last one. How early it really begins, and what is in it, stands in a JSON file beside it. The packets are
read off the bus beside the worker, and the last of them kept in memory, a bounded ring a camera; nothing is
decoded.

A clip that cannot be written is given up, counted, and told by the next `write`; others go on. A process that
is killed leaves clips that play up to their last second.

Deliberately not here: recording everything, and removing old clips.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SkipValidation

from sightline.bus import PACKET_TOPICS, Bus, PacketTopics
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import RingStats
from sightline.errors import Closed, CodecError, ConfigError, SinkError
from sightline.frame import Frame
from sightline.packet import Packet
from sightline.result import Detection, Result
from sightline.sink.clip_file import ClipFile, ContainerKind
from sightline.sink.cutter import Action, Cut, Cutter, End, Ended, Trigger
from sightline.sink.tap import Tap

_MB: Final = 2**20


class ClipSink:
    """Writes a clip where a detection asks for one.

    Args:
        path: the folder where clips go, each camera's into a folder of its name; made where it is missing.
        pre_s: seconds before the first detection, at the least.
        post_s: seconds after the last.
        max_s: the longest that a clip is wanted to be, with its `pre_s`; what is seen later begins another.
        labels: of detections that ask for a clip; none named: any.
        min_score: of detections that do; None: any.
        container: `mp4` or `mkv`.
        ring_mb: MiB of memory for the packets of one camera, at most.
        bus: where the cameras' packets are.
        cameras: those whose results may come.
        offline: those of them of which no packet may be dropped: files.
        topics: where on `bus` their packets are.
        clock: tells how long nothing has come.

    Attributes:
        written: clips that are whole on disk, as far as their packets came.
        failed: clips that are not.

    Raises:
        ConfigError: `max_s` is below `pre_s` + `post_s`.
        SinkError: the folder cannot be made or written to.
    """

    def __init__(
        self,
        path: Path,
        *,
        pre_s: Annotated[float, Field(ge=0, le=600)] = 5,
        post_s: Annotated[float, Field(ge=0, le=600)] = 5,
        max_s: Annotated[float, Field(gt=0, le=3600)] = 60,
        labels: tuple[str, ...] = (),
        min_score: float | None = None,
        container: ContainerKind = "mp4",
        ring_mb: Annotated[int, Field(ge=1, le=4096)] = 32,
        bus: SkipValidation[Bus],
        cameras: Sequence[str],
        offline: Sequence[str] = (),
        topics: PacketTopics = PACKET_TOPICS,
        clock: SkipValidation[Clock] = SYSTEM_CLOCK,
    ) -> None:
        if max_s < pre_s + post_s:
            raise ConfigError(f"expected max_s of at least pre_s + post_s, {pre_s + post_s:g}, got {max_s:g}")
        _check_writable(path)
        self._labels = frozenset(labels)
        self._min_score = min_score
        self._closed = False
        self._cameras = {
            camera_id: _Camera(
                camera_id,
                Cutter(pre_s=pre_s, post_s=post_s, max_s=max_s, max_bytes=ring_mb * _MB),
                partial(ClipFile, path, camera_id, container=container),
                clock,
            )
            for camera_id in cameras
        }
        self._taps: list[Tap] = []
        with ExitStack() as opened:
            for live in (True, False):
                of_this_nature = [name for name in cameras if (name not in offline) is live]
                if of_this_nature:
                    sources = {topics.of(camera_id): camera_id for camera_id in of_this_nature}
                    self._taps.append(self._tap(bus, sources, live=live))
                    opened.callback(self._taps[-1].close)
            self._untap = opened.pop_all()

    @property
    def written(self) -> int:
        return sum(camera.written for camera in self._cameras.values())

    @property
    def failed(self) -> int:
        return sum(camera.failed for camera in self._cameras.values())

    def write(self, result: Result, frame: Frame) -> None:  # noqa: ARG002
        """Begin or lengthen a clip where the result asks for it. Raises SinkError for a clip that failed."""
        if self._closed:
            raise Closed("the clip sink is closed")
        camera = self._cameras.get(result.camera_id)
        if camera is not None:
            camera.see(result, self._trigger(result))
            camera.tell()
        for tap in self._taps:
            if tap.broken is not None:
                raise SinkError(f"packets can no longer be read from the bus: {tap.broken}")

    def close(self) -> None:
        """End the clips with the packets that have been published. Raises SinkError where one fails."""
        self._closed = True
        self._untap.close()
        for camera in self._cameras.values():
            camera.close()
        for camera in self._cameras.values():
            camera.tell()

    def ring_stats(self) -> dict[str, RingStats]:
        """Counts of each camera's ring."""
        return {name: camera.ring_stats() for name, camera in self._cameras.items()}

    def _trigger(self, result: Result) -> Trigger | None:
        """The surest of the detections that ask for a clip."""
        asking = [seen for seen in result.detections if self._asks(seen)]
        if not asking:
            return None
        surest = max(asking, key=lambda seen: seen.score)
        return Trigger(
            label=surest.label,
            score=surest.score,
            track_id=surest.track_id,
            epoch=result.epoch,
            index=result.index,
            captured_at_ns=result.captured_at_ns,
        )

    def _asks(self, seen: Detection) -> bool:
        wanted = not self._labels or seen.label in self._labels
        return wanted and (self._min_score is None or seen.score >= self._min_score)

    def _tap(self, bus: Bus, cameras: Mapping[str, str], *, live: bool) -> Tap:
        return Tap(
            bus,
            cameras,
            live=live,
            on_packet=lambda packet: self._cameras[packet.camera_id].take(packet),
            on_end=lambda camera_id: self._cameras[camera_id].over(),
            on_tick=lambda: self._look_for_silence(cameras.values()),
        )

    def _look_for_silence(self, cameras: Iterable[str]) -> None:
        for camera_id in cameras:
            self._cameras[camera_id].idle()


class _Camera:
    """One camera's clips: what its cutter says is done here. Packets and results come from two threads."""

    def __init__(
        self, camera_id: str, cutter: Cutter, open_file: Callable[[Cut], ClipFile], clock: Clock
    ) -> None:
        self.written = 0
        self.failed = 0
        self._camera_id = camera_id
        self._cutter = cutter
        self._open_file = open_file
        self._clock = clock
        self._files: dict[Cut, ClipFile | None] = {}
        self._untold: SinkError | None = None
        self._lock = threading.Lock()

    def take(self, packet: Packet) -> None:
        with self._lock:
            self._do(self._cutter.packet(packet, self._clock.monotonic_ns()))

    def see(self, result: Result, trigger: Trigger | None) -> None:
        with self._lock:
            self._do(self._cutter.result(result.captured_at_ns, trigger, self._clock.monotonic_ns()))

    def over(self) -> None:
        with self._lock:
            self._cutter.over()

    def idle(self) -> None:
        with self._lock:
            self._do(self._cutter.idle(self._clock.monotonic_ns()))

    def close(self) -> None:
        with self._lock:
            self._do(self._cutter.close())

    def tell(self) -> None:
        """Raises the error of the last clip that failed and was not told of."""
        with self._lock:
            error, self._untold = self._untold, None
        if error is not None:
            raise error

    def ring_stats(self) -> RingStats:
        with self._lock:
            return self._cutter.ring.stats()

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, End):
                self._end(action.cut, action.why)
            else:
                self._write(action.cut, action.packet)

    def _write(self, cut: Cut, packet: Packet) -> None:
        try:
            if cut not in self._files:
                self._files[cut] = self._open_file(cut)
            file = self._files[cut]
            if file is not None:
                file.write(packet)
        except (OSError, CodecError) as error:
            self._fail(cut, error)

    def _end(self, cut: Cut, why: Ended) -> None:
        file = self._files.get(cut)
        try:
            if file is not None:
                file.close(why)
                self.written += 1
        except OSError as error:
            self._fail(cut, error)
        self._files.pop(cut, None)  # never there where no packet of it came

    def _fail(self, cut: Cut, error: OSError | CodecError) -> None:
        """Give the clip up; what is in its file plays."""
        file, self._files[cut] = self._files.get(cut), None
        self.failed += 1
        said = getattr(error, "strerror", None) or str(error)
        where = f"a clip of camera {self._camera_id}" if file is None else str(file.path)
        self._untold = SinkError(f"cannot write {where}: {said}", camera_id=self._camera_id)
        if file is not None:
            with suppress(OSError):
                file.report(Ended.FAILED)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # better now than at the event
    except OSError as error:
        raise SinkError(f"cannot write clips to {folder}: {error.strerror}") from error
