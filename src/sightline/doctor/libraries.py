"""The libraries: what libav reads and writes, hardware that it can open, OpenCV, and the extras."""

from __future__ import annotations

import importlib.metadata
import os
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import av
import cv2
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel, hwdevices_available

from sightline.doctor.finding import Finding, note, ok, problem
from sightline.log import redact

DECODERS: Final = ("h264", "hevc", "mjpeg", "vp9", "libdav1d", "mpeg4")
ENCODERS: Final = ("libx264", "libx265", "mjpeg")
PROTOCOLS: Final = ("tcp", "tls", "http", "https")
_LIBAV: Final = ("libavcodec", "libavformat")
FORMATS: Final = ("rtsp", "hls", "v4l2")
_ASK_S: Final = 20.0
_OPENCV: Final = frozenset({"opencv-python", "opencv-contrib-python"})


class Extra(NamedTuple):
    """An optional library: the extra that brings it, what it is for, the kinds of a site that need it."""

    extra: str
    purpose: str
    kinds: frozenset[str] = frozenset()


EXTRAS: Final[Mapping[str, Extra]] = {
    "onnxruntime": Extra("onnx", "models in ONNX", frozenset({"onnx"})),
    "scipy": Extra("track", "the tracker", frozenset({"track"})),
    "supervision": Extra("supervision", "its detections and annotators", frozenset({"video"})),
    "httpx": Extra("webhook", "results to a URL", frozenset({"webhook"})),
    "pyarrow": Extra("parquet", "results as Parquet", frozenset({"parquet"})),
    "redis": Extra(
        "framequeue", "the frame queue's pictures in Redis", frozenset({"redis", "rediss", "unix"})
    ),
    "pika": Extra(
        "framequeue",
        "the frame queue's keys on RabbitMQ",
        frozenset({"amqp", "amqps", "celery+amqp", "celery+amqps"}),
    ),
}


@dataclass(frozen=True, kw_only=True)
class LibraryFacts:
    """What is known of the libraries.

    Attributes:
        av: PyAV's version; libav: those of its libraries, by name.
        decoders, encoders, protocols, formats: of those that are looked for, the ones that are there.
        devices: hardware that libav was built for, and why it cannot be opened; empty where it can.
        opencv: its version; opencv_packages: the distributions that bring one, with their versions.
        people_detector: whether it has the HOG detector of people.
        extras: versions of optional libraries by name; None where they are not installed.
        providers: of onnxruntime, in its order; None where it cannot be asked.
    """

    av: str
    libav: Mapping[str, str]
    decoders: Collection[str]
    encoders: Collection[str]
    protocols: Collection[str]
    formats: Collection[str]
    devices: Mapping[str, str]
    opencv: str
    opencv_packages: Collection[str]
    people_detector: bool
    extras: Mapping[str, str | None]
    providers: Collection[str] | None


def look_at_libraries() -> LibraryFacts:
    """The facts of the libraries; takes half a second where onnxruntime is installed."""
    extras = _versions()
    return LibraryFacts(
        av=av.__version__,
        libav={name: ".".join(map(str, av.library_versions[name])) for name in _LIBAV},
        decoders=[name for name in DECODERS if _has_codec(name, "r")],
        encoders=[name for name in ENCODERS if _has_codec(name, "w")],
        protocols=_protocols(),
        formats=[name for name in FORMATS if _has_format(name)],
        devices={name: _why_not(name) for name in hwdevices_available()},
        opencv=cv2.__version__,
        opencv_packages=_opencv_packages(),
        people_detector=hasattr(getattr(cv2, "HOGDescriptor", None), "getDefaultPeopleDetector"),
        extras=extras,
        providers=_providers() if extras["onnxruntime"] else None,
    )


def judge_libraries(facts: LibraryFacts, kinds: Collection[str] = ()) -> Iterator[Finding]:
    """Findings on the libraries; `kinds` are those of a site's models and sinks, and `track`."""
    versions = ", ".join(f"{name} {version}" for name, version in facts.libav.items())
    yield ok("video", "PyAV", f"{facts.av} with {versions}")
    yield _judge_decoders(facts.decoders)
    yield _judge_encoders(facts.encoders)
    yield _judge_sources(facts)
    yield _judge_devices(facts.devices)
    yield from _judge_opencv(facts, kinds)
    for name in EXTRAS:
        yield _judge_extra(name, facts, kinds)


def _judge_decoders(decoders: Collection[str]) -> Finding:
    missing = [name for name in DECODERS if name not in decoders]
    if not missing:
        return ok("video", "decoders", ", ".join(decoders))
    judged = problem if "h264" in missing else note
    do = "pip install --force-reinstall av: its wheels have them"
    return judged("video", "decoders", f"missing: {', '.join(missing)}", do)


def _judge_encoders(encoders: Collection[str]) -> Finding:
    missing = [name for name in ENCODERS if name not in encoders]
    if not missing:
        return ok("video", "encoders", ", ".join(encoders))
    do = "pip install --force-reinstall av; only drawn streets and annotated video need them"
    return note("video", "encoders", f"missing: {', '.join(missing)}", do)


def _judge_sources(facts: LibraryFacts) -> Finding:
    """What cameras can be reached by. RTSP is what most speak; V4L2 is for those on this machine."""
    able = {
        "rtsp": {"rtsp", "tcp"},
        "rtsps": {"rtsp", "tls"},
        "http": {"http"},
        "https": {"https"},
        "hls": {"hls", "http"},
        "v4l2": {"v4l2"},
    }
    has = {*facts.protocols, *facts.formats}
    here = [name for name, needs in able.items() if needs <= has]
    missing = [name for name in able if name not in here]
    if not missing:
        return ok("video", "sources", ", ".join(here))
    do = "from source, against an FFmpeg that has them: pip install --no-binary av av"
    judged = problem if "rtsp" in missing else note
    return judged("video", "sources", f"{', '.join(here)}; missing: {', '.join(missing)}", do)


def _judge_devices(devices: Mapping[str, str]) -> Finding:
    opened = [name for name, fault in devices.items() if not fault]
    closed = "; ".join(f"{name}: {fault}" for name, fault in devices.items() if fault)
    if opened:
        return ok("hardware", "decoding", f"{', '.join(opened)} can be opened")
    return ok("hardware", "decoding", f"in software ({closed or 'libav was built for no hardware'})")


def _judge_opencv(facts: LibraryFacts, kinds: Collection[str]) -> Iterator[Finding]:
    packages = ", ".join(facts.opencv_packages)
    if len(facts.opencv_packages) > 1:
        do = "pip uninstall all of them, then: pip install --force-reinstall 'opencv-python-headless<5'"
        yield note("opencv", "packages", f"{packages}: they overwrite each other's files", do)
    if not facts.people_detector:
        judged = problem if "hog" in kinds else note
        do = "pip install 'opencv-python-headless<5'"
        yield judged("opencv", "people", f"OpenCV {facts.opencv} has no HOG detector: no model hog", do)
    else:
        yield ok("opencv", "version", f"{facts.opencv}, with the HOG detector of people")


def _judge_extra(name: str, facts: LibraryFacts, kinds: Collection[str]) -> Finding:
    extra, version = EXTRAS[name], facts.extras.get(name)
    command = f"pip install 'sightline[{extra.extra}]'"
    if version is None:
        judged = problem if extra.kinds & set(kinds) else note
        return judged("extras", name, f"not installed: {extra.purpose}", command)
    if name == "onnxruntime" and facts.providers is None:
        judged = problem if extra.kinds & set(kinds) else note
        return judged("extras", name, f"{version}, and it cannot be imported", f"{command} --force-reinstall")
    providers = f", providers {', '.join(facts.providers or ())}" if name == "onnxruntime" else ""
    return ok("extras", name, f"{version}{providers}")


def _has_codec(name: str, mode: str) -> bool:
    try:
        av.Codec(name, mode)  # type: ignore[arg-type]
    except UnknownCodecError:
        return False
    return True


def _has_format(name: str) -> bool:
    try:
        return av.ContainerFormat(name, "r").is_input
    except ValueError:
        return False


def _protocols() -> list[str]:
    """PyAV has no list of them: a port at which nobody listens is asked in each."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        return [name for name in PROTOCOLS if _speaks(f"{name}://127.0.0.1:{port}/")]


def _speaks(url: str) -> bool:
    try:
        av.open(url, timeout=1).close()
    except av.error.ProtocolNotFoundError:
        return False
    except (av.error.FFmpegError, OSError):
        return True
    return True


def _why_not(device: str) -> str:
    """Why a decoder cannot be made on a device; empty where it can."""
    try:
        context = av.CodecContext.create("h264", "r", hwaccel=HWAccel(device, allow_software_fallback=False))
    except Exception as error:  # noqa: BLE001  what drivers raise here has no end
        return redact(getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    return "" if getattr(context, "is_hwaccel", False) else "not for H.264"


def _opencv_packages() -> list[str]:
    found = {
        distribution.metadata["Name"]: distribution.version
        for distribution in importlib.metadata.distributions()
    }
    return [f"{n} {v}" for n, v in found.items() if (n or "").lower().removesuffix("-headless") in _OPENCV]


def _versions() -> dict[str, str | None]:
    """By the name that is imported: onnxruntime may come as onnxruntime-gpu."""
    brought_by = importlib.metadata.packages_distributions()
    return {
        name: importlib.metadata.version(brought_by[name][0]) if name in brought_by else None
        for name in EXTRAS
    }


def _providers() -> list[str] | None:
    """Asked in a process of its own: one that does not fit this machine may crash, and the import of 1.31
    makes a database of telemetry in the user's folder unless the environment says not to.
    """
    ask = [sys.executable, "-c", "import onnxruntime as o; print(*o.get_available_providers())"]
    quiet = os.environ | {"ORT_DISABLE_TELEMETRY": "1"}
    try:
        done = subprocess.run(ask, env=quiet, capture_output=True, text=True, timeout=_ASK_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split()
