"""One turn between processes: they are started, watched while they work, and killed.

First at a pace that any of them can keep, which tells latency, then as fast as the contender lets its writer
go, which tells the rate. Each window is counted at the readers, all of them; CPU is of all its processes,
the server among them.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

import msgspec
import psutil
from tools.services import Process, StartFailed
from tools.services.ports import free_port

from benches.bench import Scale, WrongWork
from benches.board import PICTURE, Board, percentile, size_bytes
from benches.clips import ROOT
from benches.measuring import MB as MEGABYTE
from benches.pairing import Figures, line

RATE: Final = "messages/s"
MB: Final = "MB/s"
LOST: Final = "lost %"
COST: Final = "CPU s per 1000"
P50, P99 = "p50 ms, paced", "p99 ms, paced"
P50_FULL, P99_FULL = "p50 ms, full", "p99 ms, full"
CALLS: Final = "calls/s"
P99_HALF: Final = "p99 ms at half load"
P50_CALL, P99_CALL = "p50 ms", "p99 ms"
GROWTH: Final = "MB more per million"
_PACES: Final = (25, 100)
PACE: Final = {"small": 200, PICTURE: 25}
_ALIVE_S: Final = 30.0
_WARM: Final = 0.3  # of a window
_SAMPLES: Final = 20
_SETTLING: Final = 5
"""Of these: what caches and pools take at first is no growth."""
_ANY: Final[dict[str, str]] = {}


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """Who takes part: a module of `benches.roles`, by its peer's interpreter.

    Attributes:
        module: of `benches.roles`.
        variant: of its ways.
        python: gives the interpreter; raises Missing where it cannot be had.
        server: whether a process stands between.
        alone: the one role that there is, where it writes and reads by itself or by its children.
        local: its addresses are Unix sockets.
        program: gives what else must be here, a broker of another make; raises Missing.
    """

    module: str
    python: Callable[[], Path]
    variant: str = ""
    server: bool = True
    alone: str = ""
    local: bool = False
    program: Callable[[], str] = lambda: ""

    def needs(self) -> None:
        """Makes what it needs, once. Raises Missing."""
        self.python()
        self.program()


class Window(NamedTuple):
    """What happened meanwhile. Counts are of each reader."""

    wall_s: float
    messages: list[int]
    lost: list[int]
    twice: list[int]
    cpu_s: dict[str, float]
    latencies: list[int]

    def ms(self, share: float) -> float:
        return percentile(self.latencies, share) / 1e6


class Stage:
    """The processes of one turn, by role, and their board."""

    def __init__(self, contender: Contender, folder: Path, running: ExitStack) -> None:
        self.board = Board.create(folder / "board")
        self._contender, self._folder, self._running = contender, folder, running
        self._port = free_port()
        self._processes: dict[str, list[Process]] = {}

    def start(self, role: str, **told: str | int) -> None:
        """Returns once the process is ready. Raises WrongWork where it does not get so far."""
        place = sum(map(len, self._processes.values()))
        one = self._contender
        job = {
            "folder": str(self._folder),
            "port": self._port,
            "place": place,
            "variant": one.variant,
            "local": one.local,
        }
        process = Process(
            f"{role}{place}",
            [
                str(one.python()),
                "-m",
                "benches.roles",
                one.module,
                role,
                json.dumps({**job, "program": one.program(), **told}),
            ],
            self._folder,
            ready=lambda: self.board.is_ready(place),
            ready_within_s=_ALIVE_S,
            environment={
                "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
                "PYTHONWARNINGS": "ignore",
            },
        )
        try:
            self._running.enter_context(process)
        except StartFailed as failed:
            raise WrongWork(str(failed)) from None
        # Killed, not asked: most would not listen, and there is nothing to save.
        self._running.callback(process.kill)
        self._processes.setdefault(role, []).append(process)

    def window(self, seconds: float, readers: int) -> Window:
        """What they do within it."""
        begin = self._counts(readers)
        time.sleep(seconds)
        end = self._counts(readers)
        messages, lost, twice = (
            [after[kind] - before[kind] for before, after in zip(begin.counts, end.counts, strict=True)]
            for kind in range(3)
        )
        cpu_s = {role: end.cpu_s[role] - begin.cpu_s[role] for role in end.cpu_s}
        latencies = self.board.latencies(begin.timed, end.timed)
        if not latencies or not min(messages):
            raise WrongWork(f"nothing arrived within {seconds:g} s: {messages}\n{self._logs()}")
        return Window(end.at_s - begin.at_s, messages, lost, twice, cpu_s, latencies)

    def wait_for_first(self, readers: int) -> None:
        """Until each reader got something. Raises WrongWork where that takes too long."""
        deadline = time.monotonic() + _ALIVE_S
        while not all(self.board.counted(reader)[0] for reader in range(readers)):
            if time.monotonic() > deadline:
                raise WrongWork(f"nothing arrived within {_ALIVE_S:g} s\n{self._logs()}")
            time.sleep(0.01)

    def rss_mb(self) -> float:
        """Of all processes; memory that they share counts for each."""
        pids = [process.pid for processes in self._processes.values() for process in processes if process.pid]
        trees = [[one, *one.children(recursive=True)] for one in map(psutil.Process, pids)]
        return float(sum(one.memory_info().rss for tree in trees for one in tree)) / MEGABYTE

    def _counts(self, readers: int) -> _Counts:
        cpu_s = {role: sum(map(_cpu_s, processes)) for role, processes in self._processes.items()}
        counts = [self.board.counted(reader) for reader in range(readers)]
        return _Counts(time.perf_counter(), counts, cpu_s, self.board.timed)

    def _logs(self) -> str:
        return "\n".join(one.log_tail() for processes in self._processes.values() for one in processes)


class _Counts(NamedTuple):
    at_s: float
    counts: list[tuple[int, int, int]]
    cpu_s: dict[str, float]
    timed: int


def _cpu_s(process: Process) -> float:
    """Of a process and its children. Raises WrongWork where it is gone."""
    try:
        one = psutil.Process(process.pid or 0)
        times = [each.cpu_times() for each in (one, *one.children(recursive=True))]
    except psutil.Error:
        raise WrongWork(f"{process.name} ended\n{process.log_tail()}") from None
    return float(sum(each.user + each.system for each in times))


@contextmanager
def _stage(contender: Contender) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        yield Stage(contender, Path(folder), running)


def stream(contender: Contender, size: str, readers: int) -> Callable[[Scale], Figures]:
    """One writer to so many readers of small messages or pictures."""

    def turn(scale: Scale) -> Figures:
        with _stage(contender) as stage:
            if contender.server:
                stage.start("server", size=size, readers=readers)
            stage.start("write", size=size, readers=readers)
            for reader in range(readers):
                stage.start("read", size=size, readers=readers, reader=reader)
            time.sleep(scale.window_s * _WARM)  # some tell nobody when a subscription stands
            stage.board.go(10**9 // PACE[size])
            stage.wait_for_first(readers)
            time.sleep(scale.window_s * _WARM)
            paced = stage.window(scale.window_s, readers)
            stage.board.go(0)
            time.sleep(scale.window_s * _WARM)
            full = stage.window(scale.window_s, readers)
        return _stream_figures(paced, full, size)

    return turn


def hand_over(contender: Contender, size: str, *, whole: bool = False) -> Callable[[Scale], Figures]:
    """One writer to one reader, paced twice, then as fast as it goes; `whole`: all of a picture is read."""
    roles = (contender.alone,) if contender.alone else (*["server"] * contender.server, "write", "read")

    def turn(scale: Scale) -> Figures:
        with _stage(contender) as stage:
            for role in roles:
                stage.start(role, size=size, whole=whole)
            paced = {pace: _settled(stage, 10**9 // pace, scale) for pace in _PACES}
            full = _settled(stage, 0, scale)
        times = {
            f"p{share} ms, {pace}/s": window.ms(share / 100)
            for pace, window in paced.items()
            for share in (50, 99)
        }
        return _rates(full, size) | times | {P50_FULL: full.ms(0.5), P99_FULL: full.ms(0.99)} | _cores(full)

    return turn


def _settled(stage: Stage, gap_ns: int, scale: Scale) -> Window:
    stage.board.go(gap_ns)
    stage.wait_for_first(1)
    time.sleep(scale.window_s * _WARM)
    return stage.window(scale.window_s, 1)


def _rates(full: Window, size: str) -> dict[str, float]:
    rate = fmean(full.messages) / full.wall_s
    return {
        RATE: rate,
        MB: rate * size_bytes(size) / 1e6,
        LOST: 100 * sum(full.lost) / (sum(full.lost) + sum(full.messages)),
        COST: 1000 * sum(full.cpu_s.values()) / fmean(full.messages),
    }


def _stream_figures(paced: Window, full: Window, size: str) -> Figures:
    figures = {
        **_rates(full, size),
        P50: paced.ms(0.5),
        P99: paced.ms(0.99),
        P50_FULL: full.ms(0.5),
        P99_FULL: full.ms(0.99),
    }
    return figures | _cores(full)


def _cores(window: Window) -> dict[str, float]:
    """Who is busy: a role near 1 is what limits, as all of them are single-threaded or nearly so."""
    return {f"cores: {role}": cpu_s / window.wall_s for role, cpu_s in window.cpu_s.items()}


def calls(contender: Contender) -> Callable[[Scale], Figures]:
    """One caller, one call at a time; then at half of the rate that it reached."""

    def turn(scale: Scale) -> Figures:
        with _stage(contender) as stage:
            if contender.server:
                stage.start("server")
            stage.start("answer")
            stage.start("call")
            stage.board.go(0)
            stage.wait_for_first(1)
            time.sleep(scale.window_s * _WARM)
            full = stage.window(scale.window_s, 1)
            rate = full.messages[0] / full.wall_s
            stage.board.go(int(2e9 / rate))
            time.sleep(scale.window_s * _WARM)
            half = stage.window(scale.window_s, 1)
        figures = {
            CALLS: rate,
            COST: 1000 * sum(full.cpu_s.values()) / full.messages[0],
            P50_FULL: full.ms(0.5),
            P99_FULL: full.ms(0.99),
            P99_HALF: half.ms(0.99),
        }
        return figures | _cores(full)

    return turn


def answered(contender: Contender, per_s: int) -> Callable[[Scale], Figures]:
    """One caller, so many calls a second, that starts whoever answers by itself."""

    def turn(scale: Scale) -> Figures:
        with _stage(contender) as stage:
            stage.start("call")
            window = _settled(stage, 10**9 // per_s, scale)
        figures = {P50_CALL: window.ms(0.5), P99_CALL: window.ms(0.99)}
        return figures | {COST: 1000 * sum(window.cpu_s.values()) / window.messages[0]}

    return turn


def growth(contender: Contender, size: str) -> Callable[[Scale], Figures]:
    """As fast as it goes for many windows: how much more memory its processes have in the end."""

    def turn(scale: Scale) -> Figures:
        with _stage(contender) as stage:
            stage.start(contender.alone, size=size)
            _settled(stage, 0, scale)
            samples = [_sample(stage, scale.window_s) for _ in range(_SAMPLES)][_SETTLING:]
        grown = line(samples)
        return {
            GROWTH: grown.slope * 1e6,
            f"{GROWTH}, standard error": grown.error * 1e6,
            "messages": samples[-1][0] - samples[0][0],
            "MB in the end": samples[-1][1],
        }

    return turn


def _sample(stage: Stage, after_s: float) -> tuple[int, float]:
    time.sleep(after_s)
    return stage.board.counted(0)[0], stage.rss_mb()
