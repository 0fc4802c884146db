"""A process of captures as whoever began it sees it: begun, heard, and begun again when it ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Final

import msgspec

from sightline.capture import CameraStatus, Counts, State
from sightline.clock import Clock
from sightline.site.capture_process import Order, Report, order_line
from sightline.site.capturing import StreamKey, StreamStatus
from sightline.site.restarts import Restarts

_COMMAND: Final = (sys.executable, "-m", "sightline.site.capture_process")
_STOP_S: Final = 2.0


class CaptureChild:
    """One process of captures, again and again. One thread uses it; any may ask for its status."""

    def __init__(self, order: Order, clock: Clock) -> None:
        self._order = order
        self._clock = clock
        self._restarts = Restarts()
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._told: set[StreamKey] = set()
        self._streams: dict[StreamKey, StreamStatus] = {
            (name, stream): StreamStatus(capture=CameraStatus(camera_id=name, state=State.IDLE))
            for name, streams in order.cameras.items()
            for stream in streams
        }
        self._before: dict[StreamKey, StreamStatus] = {}

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def begin(self) -> None:
        self._restarts.begun(self._clock.monotonic_ns())
        self._before = dict(self._streams)
        left = {
            name: wanted
            for name, streams in self._order.cameras.items()
            if (wanted := {s: of for s, of in streams.items() if (name, s) not in self._told})
        }
        self._process = subprocess.Popen(  # noqa: S603
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we tell it
        )
        reads = ((self._process.stdout, self._hear), (self._process.stderr, _pass_on))
        self._threads = [
            threading.Thread(target=_read, args=(pipe, take), daemon=True) for pipe, take in reads
        ]
        for thread in self._threads:
            thread.start()
        self._say(order_line(msgspec.structs.replace(self._order, cameras=left)))

    def look(self) -> bool:
        """Begin it again where it is time to; whether all of it is over."""
        now_ns = self._clock.monotonic_ns()
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            self._join()
            if not self._is_told:
                self._restarts.ended(now_ns)
                self._lose(code)
        if self._restarts.is_due(now_ns):
            self.begin()
        return self._is_told and self._process is None

    def status(self) -> dict[StreamKey, StreamStatus]:
        return dict(self._streams)

    def tell_to_end(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended
                self._process.stdin.close()

    def end(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._join()

    @property
    def _is_told(self) -> bool:
        return len(self._told) == len(self._streams)

    def _join(self) -> None:
        assert self._process is not None
        self._process.wait()
        for thread in self._threads:
            thread.join()
        self.tell_to_end()
        self._process = None

    def _say(self, line: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: `look` sees that
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _hear(self, line: bytes) -> None:
        try:
            report = msgspec.json.decode(line, type=Report)
        except msgspec.DecodeError:  # it was killed while it wrote
            return
        for name, stream, status, told in report.streams:
            self._streams[name, stream] = _continued(self._before[name, stream], status)
            if told:
                self._told.add((name, stream))

    def _lose(self, code: int) -> None:
        """What runs on in the status while there is no process."""
        why = f"its process was killed ({signal.Signals(-code).name})" if code < 0 else "its process ended"
        due_ns = (self._restarts.due_ns or 0) - self._clock.monotonic_ns() + self._clock.utc_ns()
        for key, status in self._streams.items():
            if key not in self._told:
                capture = msgspec.structs.replace(
                    status.capture, state=State.BACKING_OFF, reason=why, next_retry_at_ns=due_ns
                )
                self._streams[key] = StreamStatus(capture=capture, sent=status.sent.lost())


def _continued(before: StreamStatus, now: StreamStatus) -> StreamStatus:
    """A stream whose counts go on from those of an earlier process."""
    one, other = before.capture.counts, now.capture.counts
    counts = Counts(**{n: getattr(one, n) + getattr(other, n) for n in Counts.__struct_fields__})
    return StreamStatus(
        capture=msgspec.structs.replace(now.capture, counts=counts), sent=before.sent + now.sent
    )


def _read(pipe: IO[bytes] | None, take: Callable[[bytes], None]) -> None:
    assert pipe is not None
    with pipe:
        for line in pipe:
            take(line)


def _pass_on(line: bytes) -> None:
    sys.stderr.write(line.decode(errors="replace"))
