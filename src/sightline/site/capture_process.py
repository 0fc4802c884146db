"""A process that captures some cameras for another: `python -m sightline.site.capture_process`.

It is told what to capture, and reports how it goes a few times a second. Only who supervises it can begin it.
One that was begun again waits for a bus that is away, as the cameras' captures would have.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from sightline.bus import PacketTopics, Stream
from sightline.capture import CameraInput
from sightline.errors import BusError, SightlineError
from sightline.log import configure, get_logger, redact
from sightline.site.capturing import Capturing, StreamKey, StreamStatus
from sightline.site.sending import Tally
from sightline.site.talk import Told
from sightline.supervise import Child

T = TypeVar("T")
REPORT_S: Final = 0.25
_AGAIN_S: Final = 1.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to capture, as `Capturing` has it, and what to log. `again`: another process did so before."""

    cameras: dict[str, dict[Stream, CameraInput]]
    topics: PacketTopics
    log_level: str
    url: str = ""
    await_readers: bool = False
    hold: bool = False
    again: bool = False

    @property
    def streams(self) -> list[StreamKey]:
        """All of its streams, in an order that both sides know."""
        return [(name, stream) for name, streams in self.cameras.items() for stream in streams]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes: each stream, and whether it is over and the bus has the word."""

    streams: list[tuple[str, Stream, StreamStatus, bool]]


def tally_of(lane: Callable[[str], T], number: int) -> tuple[T, T]:
    """Of the stream with this number: what counts those taken, and those published."""
    return lane(f"taken {number}"), lane(f"published {number}")


def order_line(order: Order) -> bytes:
    return msgspec.json.encode(order, enc_hook=str) + b"\n"


def order_of(line: bytes) -> Order:
    return msgspec.json.decode(line, type=Order, dec_hook=_path)


def _path(wanted: type, text: Any) -> Any:
    if wanted is not Path:
        raise TypeError(f"expected a path, got {wanted}")
    return Path(text)


def main() -> int:
    """Capture until all is over, or it is to end. Gives the exit code."""
    child = Child.here()
    told = Told(child)
    child.ready()
    _prepare()
    line = told.order()
    if not line:
        return 0
    order = order_of(line)
    looked_at = {name for name, of in order.cameras.items() if any(one.debug for one in of.values())}
    configure(order.log_level, cameras=looked_at)
    try:
        capturing = _started(order, child)
    except SightlineError as error:
        child.failed(redact(str(error)))
        return 1
    if capturing is not None and _captured(capturing, child, told):
        return 0
    child.failed("was asked to end")  # whoever supervises it knows whether that was so
    return 1


def _prepare() -> None:
    """Import what nearly every order needs while there is none: workers come first."""
    for name in ("sightline.capture.capture", "sightline.bus.hub"):
        import_module(name)


def _started(order: Order, child: Child) -> Capturing | None:
    """None: it was to end before the bus was there."""
    trouble = get_logger("sightline.site")
    tallies = {}
    for number, key in enumerate(order.streams):
        taken, published = tally_of(child.lane, number)
        tallies[key] = Tally(taken.count, published.count)
    while not child.stopping:
        capturing = Capturing(
            order.url,
            order.cameras,
            topics=order.topics,
            await_readers=order.await_readers,
            hold=order.hold,
            tallies=tallies,
        )
        try:
            capturing.start()
        except BusError as error:
            capturing.stop()
            if not order.again:
                raise
            trouble.warning("no bus to capture onto", error=str(error))
            child.wait(_AGAIN_S)
        else:
            return capturing
    return None


def _captured(capturing: Capturing, child: Child, told: Told) -> bool:
    """Whether all of it is over, and the bus has the word."""
    lane, reports = child.lane("capturing"), 0
    child.on_stop(capturing.request_stop)
    try:
        while not capturing.wait(REPORT_S):
            told.report(_report(capturing))
            reports += 1
            lane.progress(reports)
        lane.idle()
    finally:
        capturing.stop()
    told.report(_report(capturing))
    return len(capturing.told) == len(capturing.status())


def _report(capturing: Capturing) -> bytes:
    told = capturing.told  # first: a stream that is told has its last counts
    streams = [(*key, status, key in told) for key, status in capturing.status().items()]
    return msgspec.json.encode(Report(streams=streams)) + b"\n"


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # libav may hold a thread of a camera that was given up: see `sightline.cli.main`
