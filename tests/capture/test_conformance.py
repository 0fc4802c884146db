"""Our sources pass their own suite, and broken ones do not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import StartRtspServer

from sightline.capture import CameraInput, Capture
from sightline.packet import Packet
from sightline.testing import check_source

Deliver = Callable[[Packet], None]


def maker(url: object, **settings: Any) -> Callable[[Deliver], Capture]:
    camera = CameraInput(camera_id="gate", url=str(url), **settings)
    return lambda deliver: Capture(camera, deliver)


@pytest.mark.parametrize(
    "settings", [{}, {"loop": True}, {"realtime": True}], ids=["once", "in a loop", "in real time"]
)
def test_a_recording_is_a_source(h264_clip: Path, settings: dict[str, Any], no_leaks: None) -> None:
    check_source(maker(h264_clip, **settings))


@pytest.mark.parametrize("url", ["synthetic://street?b_frames=2", "synthetic://street?frames=40&codec=hevc"])
def test_a_drawn_street_is_a_source(url: str, no_leaks: None) -> None:
    check_source(maker(url))


@pytest.mark.needs("rtsp")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_is_a_source(
    no_leaks: None, rtsp_server: StartRtspServer, h264_clip: Path, transport: str
) -> None:
    check_source(maker(rtsp_server({"cam": h264_clip}).url("cam"), transport=transport))


class Broken(Capture):
    """Passes packets on as `change` makes them; None is not passed on."""

    def __init__(self, clip: Path, deliver: Deliver, change: Callable[[Packet], Packet | None]) -> None:
        def changed(packet: Packet) -> None:
            other = change(packet)
            if other is not None:
                deliver(other)

        super().__init__(CameraInput(camera_id="gate", url=str(clip)), changed)


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (lambda packet: None if packet.index == 7 else packet, "without a gap"),
        (lambda packet: None if packet.keyframe else packet, "keyframe"),
        (lambda packet: msgspec.structs.replace(packet, index=packet.index + 1), "from 0"),
        (lambda packet: msgspec.structs.replace(packet, data=b""), "has data"),
        (lambda packet: msgspec.structs.replace(packet, data=b"\0\0\1" + packet.data[40:]), "parameter sets"),
        (lambda packet: msgspec.structs.replace(packet, captured_at_source="guess"), "dated"),
        (
            lambda packet: msgspec.structs.replace(
                packet, epoch=9 - packet.index // 8, index=packet.index % 8
            ),
            "rise",
        ),
    ],
)
def test_a_source_that_breaks_a_promise_is_found(
    h264_clip: Path, change: Callable[[Packet], Packet | None], promise: str
) -> None:
    with pytest.raises(AssertionError, match=promise) as caught:
        check_source(lambda deliver: Broken(h264_clip, deliver, change))
    assert "found by check_source" in caught.value.__notes__[0]


class Unstoppable(Capture):
    def stop(self, timeout_s: float = 1.0) -> bool:
        super().stop(timeout_s)
        return False


def test_a_source_that_does_not_stop_is_found(h264_clip: Path) -> None:
    camera = CameraInput(camera_id="gate", url=str(h264_clip))
    with pytest.raises(AssertionError, match="stops in time"):
        check_source(lambda deliver: Unstoppable(replace(camera), deliver))
