"""The cameras of a site: each is looked at once, many at a time, and one line says how it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from sightline.capture import CameraInput, ProbeReport, probe
from sightline.doctor.finding import Finding, note, ok, problem
from sightline.errors import SightlineError
from sightline.log import redact

AT_ONCE: Final = 16
WATCH_S: Final = 2.0
LONG_GOP_S: Final = 10.0


def look_at_cameras(cameras: Mapping[str, CameraInput], *, timeout_s: float) -> Iterator[Finding]:
    """A finding a camera, in their order. Each wait for a camera ends after `timeout_s` at the latest."""
    with ThreadPoolExecutor(AT_ONCE, "doctor") as pool:
        looks = [pool.submit(_look, camera, timeout_s) for camera in cameras.values()]
        for name, look in zip(cameras, looks, strict=True):
            yield judge_camera(name, look.result())


def judge_camera(name: str, seen: ProbeReport | SightlineError) -> Finding:
    """What a look at a camera comes to."""
    if isinstance(seen, SightlineError):
        return problem("cameras", name, redact(seen.message), "sightline probe URL tells more")
    told = ", ".join(_facts(seen))
    if seen.still is None:
        do = "set the camera to H.264 or H.265; another program may break the stream on its way"
        return problem("cameras", name, f"{told}; no picture could be decoded", do)
    if (seen.gop_s or 0) > LONG_GOP_S:
        do = "set its I-frame interval to a second or two: pictures begin at keyframes"
        return note("cameras", name, f"{told}; a keyframe every {seen.gop_s:.0f} s alone", do)
    return ok("cameras", name, told)


def _facts(seen: ProbeReport) -> Iterator[str]:
    yield f"{seen.codec} {seen.size or ''}".rstrip()
    if seen.fps is not None:
        yield f"{seen.fps:.4g} pictures/s"
    if seen.gop_packets is not None:
        yield f"a keyframe every {seen.gop_packets} pictures"


def _look(camera: CameraInput, timeout_s: float) -> ProbeReport | SightlineError:
    """As a capture would look, but once through a file and with no more patience than we were given."""
    bounded = replace(
        camera,
        loop=False,
        realtime=False,
        open_timeout_s=min(camera.open_timeout_s, timeout_s),
        read_timeout_s=min(camera.read_timeout_s, timeout_s),
        stall_after_s=min(camera.stall_after_s, timeout_s),
    )
    try:
        return probe(bounded, watch_s=WATCH_S)
    except SightlineError as error:
        return error
