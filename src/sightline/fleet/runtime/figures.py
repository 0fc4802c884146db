"""What an instance says of itself, pure: its lines in; whether it is ready, its figures and its log out.

Understood are a site's status (`sightline.fleet.instance`: a line of JSON a second) and what deepstream-app
prints: that its pipeline runs, and `**PERF`, frame rates by the number of a source, `PERF(1)` of the second
pipeline. All other lines are its log. Promises: any line is taken, whatever is in it, and what is kept is
bounded.

Deliberately not here: where lines come from, and secrets: a line of the log is as it came.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from sightline.clock import NS_PER_S, ns
from sightline.fleet.messages.parts import CameraFigures

_STATUS: Final = '{"cameras":'
_PERF: Final = re.compile(r"\*\*PERF\s*:|PERF\((\d+)\):")
_RATE: Final = re.compile(r"(\d+(?:\.\d+)?) \(\d+(?:\.\d+)?\)")
_RUNS: Final = re.compile(r"Pipeline running|Runtime commands:")
_QUARANTINED: Final = "quarantined"
_STATUS_QUIET_S: Final = 15.0
"""Statuses come each second; a machine may be busy."""
_PERF_QUIET_S: Final = 30.0
"""DeepStream's own default is one in 5 s."""
_MOST_RATES: Final = 4096


class _Camera(msgspec.Struct):
    state: str = ""
    fps: float = 0.0
    age_s: float | None = None


class _Process(msgspec.Struct):
    state: str = ""
    reason: str = ""


class _Status(msgspec.Struct):
    cameras: dict[str, _Camera]
    processes: dict[str, _Process] = {}


def is_log_line(line: str) -> bool:
    """Whether it is one for people: neither empty nor a status."""
    return bool(line.strip()) and (not line.startswith(_STATUS) or _status(line) is None)


class Heard:
    """What one life of an instance said.

    Args:
        cameras: in the order of DeepStream's sources.

    Attributes:
        ready: it said that it runs.
    """

    def __init__(self, cameras: Sequence[str] = ()) -> None:
        self.ready = False
        self._ids = tuple(cameras)
        self._status: _Status | None = None
        self._rates: dict[tuple[str, int], float] = {}
        self._last_ns: int | None = None
        self._quiet_s = _STATUS_QUIET_S

    def hear(self, line: str, now_ns: int) -> bool:
        """Whether it is a line for its log: it is neither empty nor a status."""
        if line.startswith(_STATUS) and self._hear_status(line, now_ns):
            return False
        if perf := _PERF.search(line):
            self._hear_rates(perf[1] or "", line[perf.end() :], now_ns)
        elif not self.ready and _RUNS.search(line):
            self.ready = True
        return bool(line.strip())

    def trouble(self, now_ns: int) -> str:
        """Why it is not well, though it runs; "" where it is."""
        if self._last_ns is not None and now_ns - self._last_ns > ns(self._quiet_s):
            return f"it has said nothing of itself for {(now_ns - self._last_ns) / NS_PER_S:.0f} s"
        given_up = (self._status.processes if self._status else {}).items()
        return "; ".join(f"{name}: {of.reason}" for name, of in given_up if of.state == _QUARANTINED)

    def cameras(self) -> dict[str, CameraFigures]:
        """By camera; of one in several pipelines the slowest."""
        if self._status is not None:
            return {name: _figures(camera) for name, camera in self._status.cameras.items()}
        if not self._ids:
            return {}
        by_camera: dict[str, list[float]] = {}
        for (_, place), rate in self._rates.items():
            by_camera.setdefault(self._ids[place % len(self._ids)], []).append(rate)
        return {name: CameraFigures(fps=min(rates)) for name, rates in by_camera.items()}

    def _hear_status(self, line: str, now_ns: int) -> bool:
        status = _status(line)
        if status is None:
            return False
        self._status, self.ready, self._last_ns = status, True, now_ns
        return True

    def _hear_rates(self, pipeline: str, rates: str, now_ns: int) -> None:
        self.ready, self._last_ns, self._quiet_s = True, now_ns, _PERF_QUIET_S
        for place, rate in enumerate(_RATE.findall(rates)[:_MOST_RATES]):
            if len(self._rates) < _MOST_RATES or (pipeline, place) in self._rates:
                self._rates[pipeline, place] = float(rate)


def _status(line: str) -> _Status | None:
    try:
        return msgspec.json.decode(line.encode(errors="replace"), type=_Status)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _figures(camera: _Camera) -> CameraFigures:
    age_s = None if camera.age_s is None else max(0.0, camera.age_s)
    return CameraFigures(fps=max(0.0, camera.fps), age_s=age_s, state=camera.state[:100])
