"""One look at a source: what it sends, or what is wrong with it.

It is a capture that ends as soon as enough was seen, so that a probe finds what a capture would: the same
bounds, the same words. The one difference is that nothing is tried twice.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from sightline.capture.address import Kind
from sightline.capture.camera import CameraInput
from sightline.capture.capture import Capture
from sightline.capture.status import CameraStatus
from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.codec import Decoder
from sightline.errors import CodecError
from sightline.frame import Image, Size
from sightline.log import redact
from sightline.packet import ClockSource, Packet

_POLL_S: Final = 0.02
_MOST_PACKETS: Final = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeReport:
    """What a source sends.

    Attributes:
        camera_id, url: which source; the URL without credentials, those in its query hidden.
        codec: FFmpeg's name; profile: in FFmpeg's words, None where unknown.
        size: pixels. None where neither the source nor a picture said.
        fps: pictures a second, measured where two keyframes came, else as declared.
        gop_packets, gop_s: from keyframe to keyframe, the longest seen; None where no second one came.
        bit_rate: bits a second over what was seen; None without fps.
        clock: where the time of the pictures comes from.
        transport: `tcp` or `udp` for RTSP, else None.
        packets: how many were looked at.
        still: the first picture, `(height, width, 3)` uint8 BGR; None where none could be decoded.
    """

    camera_id: str
    url: str
    codec: str
    profile: str | None
    size: Size | None
    fps: float | None
    gop_packets: int | None
    gop_s: float | None
    bit_rate: float | None
    clock: ClockSource
    transport: str | None
    packets: int
    still: Image | None


def facts(report: ProbeReport) -> dict[str, Any]:
    """A report as plain values, for programs; `decodable` says that there is a still."""
    return {
        "url": report.url,
        "codec": report.codec,
        "profile": report.profile,
        "width": report.size and report.size.width,
        "height": report.size and report.size.height,
        "fps": report.fps,
        "gop_packets": report.gop_packets,
        "gop_s": report.gop_s,
        "bit_rate": report.bit_rate,
        "clock": report.clock,
        "transport": report.transport,
        "packets": report.packets,
        "decodable": report.still is not None,
    }


def probe(camera: CameraInput, *, watch_s: float = 6.0, clock: Clock = SYSTEM_CLOCK) -> ProbeReport:
    """Looks at `camera` for at most `watch_s` seconds after its first packet; a recording takes less.

    Waits that long only for what comes late: a second keyframe, and RTSP's sender reports, which most
    cameras send every 5 s.

    Raises:
        SourceError: what is wrong, as one of its children.
        ConfigError, Unsupported: a source that cannot be read here at all.
    """
    look = _Look()
    capture = Capture(camera, look.take, clock=clock)
    capture.start()
    try:
        _watch(capture, look, watch_s)
        status = capture.status()
    finally:
        capture.stop()
    return _report(camera, status, look.packets)


class _Look:
    """The packets seen, at most so many; the first of them is a keyframe where one came."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.first = threading.Event()

    def take(self, packet: Packet) -> None:
        if len(self.packets) < _MOST_PACKETS:
            self.packets.append(packet)
            self.first.set()

    @property
    def full(self) -> bool:
        return len(self.packets) >= _MOST_PACKETS


def _watch(capture: Capture, look: _Look, watch_s: float) -> None:
    """Returns when enough was seen; raises what broke it before."""
    until_s: float | None = None
    while until_s is None or time.monotonic() < until_s:
        over = capture.wait_done(_POLL_S)
        fault = capture.fault
        if fault is not None and not look.packets:
            raise fault
        if over or fault is not None or _is_enough(capture.status(), look):
            return
        if until_s is None and look.first.is_set():
            until_s = time.monotonic() + watch_s


def _is_enough(status: CameraStatus, look: _Look) -> bool:
    return look.full or (status.gop is not None and status.clock in {"rtcp", "media"})


def _report(camera: CameraInput, status: CameraStatus, packets: list[Packet]) -> ProbeReport:
    still = _still(packets)
    gop = status.gop
    seen_bytes = sum(len(packet.data) for packet in packets)
    return ProbeReport(
        camera_id=camera.camera_id,
        url=redact(camera.url),  # a query may hold a token
        codec=packets[0].codec,
        profile=status.profile,
        size=Size(still.shape[1], still.shape[0]) if still is not None else status.size,
        fps=status.fps,
        gop_packets=gop.packets if gop else None,
        gop_s=gop.duration_s if gop else None,
        bit_rate=8 * seen_bytes / len(packets) * status.fps if status.fps else None,
        clock=packets[-1].captured_at_source,
        transport=camera.transport if camera.kind is Kind.CAMERA else None,
        packets=len(packets),
        still=still,
    )


def _still(packets: list[Packet]) -> Image | None:
    decoder = Decoder()
    try:
        for packet in packets:
            for frame in decoder.feed(packet):
                return frame.image
        flushed = decoder.flush()
        return flushed[0].image if flushed else None
    except CodecError:
        return None
    finally:
        decoder.close()
