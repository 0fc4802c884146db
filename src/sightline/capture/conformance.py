"""The promise of a capture as a suite that any source passes; `sightline.testing` shows it to the public.

What a source does when its camera breaks is for its own tests: there is no way to break every camera.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias, get_args

from sightline.capture.machine import State
from sightline.capture.status import CameraStatus
from sightline.codec import has_parameter_sets
from sightline.errors import Closed
from sightline.packet import ClockSource, Packet

_STATES: Final = frozenset(state.value for state in State)
_WRONG: Final = frozenset({State.STALLED, State.BACKING_OFF, State.DISABLED})
_POLL_S: Final = 0.01


class Capturing(Protocol):
    """What the suite needs of a capture."""

    def start(self) -> None: ...
    def stop(self, timeout_s: float = ...) -> bool: ...
    def status(self) -> CameraStatus: ...
    @property
    def done(self) -> bool: ...


MakeCapture: TypeAlias = Callable[[Callable[[Packet], None]], Capturing]


def check_source(make_capture: MakeCapture, *, packets: int = 30, timeout_s: float = 20.0) -> None:
    """Holds a capture to the promise of `sightline.capture.Capture`.

    Args:
        make_capture: gives a new capture each time, not started, which calls what it is given with each
            packet. All are stopped here.
        packets: so many are looked at, or all that a recording has.
        timeout_s: within which they must come.

    Raises:
        AssertionError: a promise is broken; a note says which check found it.
    """
    for check in (_it_may_never_start, _packets_are_whole, _a_failing_reader_harms_nobody, _stop_is_the_end):
        try:
            check(make_capture, packets, timeout_s)
        except Exception as error:
            error.add_note(f"found by check_source: {check.__name__}")
            raise


def _it_may_never_start(make_capture: MakeCapture, packets: int, timeout_s: float) -> None:  # noqa: ARG001
    capture = make_capture(lambda _: None)
    _expect(capture.status().state == State.IDLE, "a capture is idle before it starts", capture.status())
    capture.stop()
    _refuses_to_start(capture)


def _packets_are_whole(make_capture: MakeCapture, packets: int, timeout_s: float) -> None:
    """Identity without a gap, data that another can decode, counts that add up."""
    taken, status = _taken(make_capture, packets, timeout_s)
    _expect(bool(taken), "a source gives packets", status)
    _expect(taken[0].keyframe, "the first packet of a source is a keyframe", taken[0].identity)
    before: Packet | None = None
    for packet in taken:
        _is_whole(packet)
        _follows(packet, before)
        before = packet
    _adds_up(status)


def _a_failing_reader_harms_nobody(make_capture: MakeCapture, packets: int, timeout_s: float) -> None:
    def fail(_packet: Packet) -> None:
        raise RuntimeError("a reader that fails")

    taken, status = _taken(make_capture, packets, timeout_s, fail)
    _expect(len(taken) > 1, "what deliver raises does not end a capture", status)
    _expect(status.counts.failed > 0, "what deliver raises is counted", status.counts)
    _adds_up(status)


def _stop_is_the_end(make_capture: MakeCapture, packets: int, timeout_s: float) -> None:  # noqa: ARG001
    taken: list[Packet] = []
    capture = make_capture(taken.append)
    capture.start()
    _wait(lambda: bool(taken) or capture.done, timeout_s)
    _expect(capture.stop(timeout_s), "a capture whose packets flow stops in time", capture.status())
    _expect(capture.done, "a capture that was stopped is done", capture.status())
    count = len(taken)
    threading.Event().wait(0.2)
    _expect(len(taken) == count, "nothing is delivered after stop", len(taken) - count)
    capture.stop()
    _refuses_to_start(capture)


def _taken(
    make_capture: MakeCapture, packets: int, timeout_s: float, also: Callable[[Packet], Any] = id
) -> tuple[list[Packet], CameraStatus]:
    taken: list[Packet] = []

    def take(packet: Packet) -> None:
        if len(taken) < packets:
            taken.append(packet)
        also(packet)

    capture = make_capture(take)
    capture.start()
    try:
        _wait(lambda: len(taken) >= packets or capture.done, timeout_s)
    finally:
        status = capture.status()
        capture.stop()
    return taken, status


def _is_whole(packet: Packet) -> None:
    where = packet.identity
    _expect(bool(packet.data), "a packet has data", where)
    _expect(packet.captured_at_source in get_args(ClockSource), "a packet says who dated it", where)
    _expect(packet.captured_at_ns > 0, "a packet is dated", where)
    if packet.codec in {"h264", "hevc"}:
        _expect(packet.data.startswith((b"\0\0\1", b"\0\0\0\1")), "H.264 and H.265 are in Annex B", where)
        complete = not packet.keyframe or has_parameter_sets(packet.data, packet.codec)
        _expect(complete, "each keyframe has its parameter sets", where)


def _follows(packet: Packet, before: Packet | None) -> None:
    if before is None or packet.epoch != before.epoch:
        _expect(packet.index == 0, "an epoch counts from 0", packet.identity)
        _expect(before is None or packet.epoch > before.epoch, "epochs rise", packet.identity)
        return
    _expect(packet.index == before.index + 1, "an epoch counts without a gap", packet.identity)
    if packet.captured_at_source == before.captured_at_source == "arrival":
        _expect(packet.captured_at_ns >= before.captured_at_ns, "arrival does not go back", packet.identity)


def _adds_up(status: CameraStatus) -> None:
    _expect(status.state in _STATES, "a state is one that is known", status.state)
    _expect(status.state not in _WRONG or bool(status.reason), "what is wrong has a reason", status)
    held = status.counts.received - status.counts.delivered - status.counts.failed
    _expect(held in {0, 1}, "received = delivered + failed + the one at hand", status.counts)


def _refuses_to_start(capture: Capturing) -> None:
    try:
        capture.start()
    except Closed:
        return
    raise AssertionError("a capture that was stopped refuses to start with Closed")


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)


def _expect(kept: bool, promise: str, came: object) -> None:
    if not kept:
        raise AssertionError(f"{promise}; got {came}")
