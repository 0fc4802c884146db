"""Some cameras that a process captures, over all its lives: what is still to do, and what became of them.

Promises: counts go on from one life to the next; however a life ends, each packet of its is counted, and what
it held then as dropped; a stream that was over is not captured again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from sightline.capture import CameraStatus, Counts
from sightline.capture import State as CaptureState
from sightline.clock import Clock
from sightline.site.capture_process import Order, Report, order_line, tally_of
from sightline.site.capturing import StreamKey, StreamStatus
from sightline.site.talk import Talk
from sightline.supervise import ChildSpec, ChildStatus, State

MODULE: Final = "sightline.site.capture_process"
HUNG_S: Final = 30.0
STOP_S: Final = 3.0


class Captured:
    """The cameras of one process. Any thread may ask how they are.

    Args:
        name: the process's.
        order: what it is to do, but for the bus.
        bus: gives the bus's URL, once it is there and what is captured may come; None: it is to end instead.
    """

    def __init__(self, name: str, order: Order, bus: Callable[[], str | None], clock: Clock) -> None:
        self.talk = Talk(name, self._order_line, self._hear, self._part)
        self._bus = bus
        self._order = order
        self._clock = clock
        self._begun = self._gone = False
        self._lock = threading.Lock()
        self._told: set[StreamKey] = set()
        self._streams: dict[StreamKey, StreamStatus] = {
            (name, stream): StreamStatus(capture=CameraStatus(camera_id=name, state=CaptureState.IDLE))
            for name, streams in order.cameras.items()
            for stream in streams
        }
        self._before = dict(self._streams)
        self._asked: list[StreamKey] = []

    @property
    def child(self) -> ChildSpec:
        """The process, for a supervisor."""
        return self.talk.child(MODULE, hung_s=HUNG_S, stop_s=STOP_S)

    def status(self) -> dict[StreamKey, StreamStatus]:
        """How each stream was a moment ago; counts are of all lives."""
        with self._lock:
            return dict(self._streams)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of any: all are over, or their process ended too often."""
        with self._lock:
            return self._gone or len(self._told) == len(self._streams)

    def _order_line(self) -> bytes | None:
        url = self._bus()
        if url is None:
            return None
        with self._lock:
            self._before = dict(self._streams)
            left = {
                name: wanted
                for name, streams in self._order.cameras.items()
                if (wanted := {s: of for s, of in streams.items() if (name, s) not in self._told})
            }
        again, self._begun = self._begun, True
        order = msgspec.structs.replace(self._order, url=url, cameras=left, again=again)
        self._asked = order.streams
        return order_line(order)

    def _hear(self, line: bytes) -> None:
        report = msgspec.json.decode(line, type=Report)
        with self._lock:
            for name, stream, status, told in report.streams:
                self._streams[name, stream] = _continued(self._before[name, stream], status)
                if told:
                    self._told.add((name, stream))

    def _part(self, last: ChildStatus) -> None:
        """What came to its very end, told or not, and what runs on while there is no process."""
        with self._lock:
            self._count(last.done)
            self._gone = last.state is State.QUARANTINED
            for key, status in self._streams.items():
                if key not in self._told:
                    self._streams[key] = StreamStatus(
                        capture=self._without_process(status.capture, last), sent=status.sent.lost()
                    )

    def _count(self, done: Mapping[str, int]) -> None:
        asked, self._asked = self._asked, []
        for number, key in enumerate(asked):
            taken, published = tally_of(lambda lane: done.get(lane, 0), number)
            before = self._before[key].sent
            self._streams[key] = _completed(
                self._streams[key], before.taken + taken, before.published + published
            )

    def _without_process(self, capture: CameraStatus, last: ChildStatus) -> CameraStatus:
        if last.state is State.ENDED:  # as it was to
            idle = CaptureState.IDLE if capture.state == CaptureState.BACKING_OFF else capture.state
            return msgspec.structs.replace(capture, state=idle, next_retry_at_ns=None)
        due_ns = None
        if last.due_ns is not None:
            due_ns = last.due_ns - self._clock.monotonic_ns() + self._clock.utc_ns()
        state = CaptureState.DISABLED if last.state is State.QUARANTINED else CaptureState.BACKING_OFF
        return msgspec.structs.replace(
            capture, state=state, reason=_why(last.reason), next_retry_at_ns=due_ns
        )


def _why(reason: str) -> str:
    killed = reason.removeprefix("killed by ")
    return f"its process was killed ({killed})" if killed != reason else f"its process: {reason}"


def _completed(stream: StreamStatus, taken: int, published: int) -> StreamStatus:
    """The same when so many were taken and published; what became of the others is as it was told."""
    capture, sent = stream.capture, stream.sent
    counts = msgspec.structs.replace(capture.counts, received=taken, delivered=taken - capture.counts.failed)
    waiting = taken - published - sent.failed - sum(sent.dropped.values())
    return StreamStatus(
        capture=msgspec.structs.replace(capture, counts=counts),
        sent=msgspec.structs.replace(sent, published=published, waiting=waiting),
    )


def _continued(before: StreamStatus, now: StreamStatus) -> StreamStatus:
    """A stream whose counts go on from those of an earlier process."""
    one, other = before.capture.counts, now.capture.counts
    counts = Counts(**{n: getattr(one, n) + getattr(other, n) for n in Counts.__struct_fields__})
    return StreamStatus(
        capture=msgspec.structs.replace(now.capture, counts=counts), sent=before.sent + now.sent
    )
