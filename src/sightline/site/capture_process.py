"""A process that captures some cameras for another: `python -m sightline.site.capture_process`.

It reads its order as a line of JSON, captures, and writes a report as a line of JSON a few times a second.
The order stands on standard input, which no other user can read, as it has passwords in it. When that is
closed, by whoever gave the order or because they are no more, it ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from sightline.bus import PacketTopics, Stream
from sightline.capture import CameraInput
from sightline.errors import SightlineError
from sightline.log import configure, redact
from sightline.site.capturing import Capturing, StreamStatus

_REPORT_S: Final = 0.25


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to capture, as `Capturing` has it, and what to log."""

    url: str
    cameras: dict[str, dict[Stream, CameraInput]]
    topics: PacketTopics
    log_level: str
    await_readers: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes: each stream, and whether it is over and the bus has the word."""

    streams: list[tuple[str, Stream, StreamStatus, bool]]


def order_line(order: Order) -> bytes:
    return msgspec.json.encode(order, enc_hook=str) + b"\n"


def order_of(line: bytes) -> Order:
    return msgspec.json.decode(line, type=Order, dec_hook=_path)


def _path(wanted: type, text: Any) -> Any:
    if wanted is not Path:
        raise TypeError(f"expected a path, got {wanted}")
    return Path(text)


def main() -> int:
    order = order_of(sys.stdin.buffer.readline())
    configure(order.log_level)
    capturing = Capturing(order.url, order.cameras, topics=order.topics, await_readers=order.await_readers)
    signal.signal(signal.SIGTERM, lambda *_: capturing.request_stop())
    threading.Thread(target=_ask_at_the_end_of_input, args=(capturing,), daemon=True).start()
    try:
        with capturing:
            while not capturing.wait(_REPORT_S):
                _report(capturing)
    except SightlineError as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        return 1
    _report(capturing)
    return 0


def _ask_at_the_end_of_input(capturing: Capturing) -> None:
    sys.stdin.buffer.read()
    capturing.request_stop()


def _report(capturing: Capturing) -> None:
    told = capturing.told  # first: a stream that is told has its last counts
    streams = [(*key, status, key in told) for key, status in capturing.status().items()]
    try:
        sys.stdout.buffer.write(msgspec.json.encode(Report(streams=streams)) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # nobody listens any more: their end of our input tells us so too
        capturing.request_stop()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # libav may hold a thread of a camera that was given up: see `sightline.cli.main`
