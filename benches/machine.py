"""What the figures were taken on: they mean nothing without it. No name of the machine, no path."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np

import sightline
from benches.bench import Missing
from benches.clips import ffmpeg


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine at one moment. `load` is the mean number of running threads over the last minute."""

    at: str
    cpu: str
    cores: int
    load: float
    versions: dict[str, str]

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return f"{self.cpu}, {self.cores} cores, load {self.load:.1f} at the start. {versions}."


def this_machine() -> Machine:
    """Now."""
    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    return Machine(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        load=os.getloadavg()[0],
        versions={
            "sightline": sightline.__version__,
            "Python": platform.python_version(),
            "PyAV": f"{av.__version__} (libavcodec {codec})",
            "OpenCV": cv2.__version__,
            "numpy": np.__version__,
            "ffmpeg": _ffmpeg(),
        },
    )


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU"
    )


def _ffmpeg() -> str:
    try:
        said = subprocess.run([ffmpeg(), "-version"], capture_output=True, text=True, check=True).stdout
    except (Missing, subprocess.CalledProcessError):
        return "missing"
    return said.split()[2]
