"""A pipe that logs to a receiver over socket.io: what that costs it, whatever becomes of the receiver."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import numpy as np
import psutil
from numpy.typing import NDArray
from tools.services.ports import free_port

from benches.bench import Bench, Scale, WrongWork
from benches.pairing import Aim, Figures
from sightline.pipe import (
    START_EVENT_NAME,
    DestinationRoutine,
    Pipe,
    Policy,
    SourceRoutine,
    Wire,
    WireSettings,
    get_socket_logger,
)
from sightline.pipe.event_names import LOG_DATA
from sightline.pipe.outside.socket_handler import SocketHandler

RATE: Final = "messages/s"
COST: Final = "CPU s per 1000"
RECORDS: Final = "records/s"
DROPPED: Final = "dropped %"
_NOWHERE, _WELL, _ABSENT, _SLOW, _KILLED = "to nowhere", "well", "absent", "slow", "killed"
_LEAST, _MOST = 0.97, 1.03
_LIVES_S: Final = 3.0
_WINDOWS: Final = 4
_WARM_S: Final = 1.0
_RECORDS_S: Final = 100
_CORES: Final = sorted(os.sched_getaffinity(0))
_TAKES_TIME: Final = """
import sys, time
from sightline.pipe.outside.log_receiver import LogReceiver
receiver = LogReceiver(lambda entries: time.sleep(1), port=int(sys.argv[1]))
print("listening", file=sys.stderr, flush=True)
time.sleep(3600)
"""
Begin = Callable[[int], subprocess.Popen[str]]


class Source(SourceRoutine):
    """Small pictures, as fast as they are taken."""

    def main_logic(self) -> NDArray[np.uint8]:
        picture = self.array((360, 640, 3))
        picture[:] = 90
        return picture


class Sums(DestinationRoutine):
    """Some work on each, and records at a pace."""

    def setup(self) -> None:
        self.due_s = time.monotonic()

    def main_logic(self, picture: NDArray[np.uint8]) -> None:
        total = int(picture.sum())
        if time.monotonic() >= self.due_s:
            self.due_s += 1 / _RECORDS_S
            self.logger.info("the sum is %d", total)


def measured(logger: logging.Logger, scale: Scale, meanwhile: Callable[[float], object]) -> Figures:
    """The pipe's rate while `meanwhile` is called with the seconds that it is to take."""
    source, sums = Source("source"), Sums("sums")
    with _on_core(0), Pipe(logger=logger) as pipe:
        pipe.create_flow("source", False, source)
        pipe.create_flow("sums", False, sums)
        pipe.link(Wire(source, sums, settings=WireSettings(policy=Policy.LOSSLESS, capacity=16)))
        pipe.build()
        pipe.notify_event(START_EVENT_NAME)
        pipe.notify_event(LOG_DATA, on=True)
        time.sleep(_WARM_S)
        before, cpu_s, begun_s = pipe.stats(), _cpu_s(pipe), time.monotonic()
        meanwhile(_WINDOWS * scale.window_s)
        done = pipe.stats().routines["sums"].processed - before.routines["sums"].processed
        cpu_s, took_s = _cpu_s(pipe) - cpu_s, time.monotonic() - begun_s
    return {RATE: done / took_s, COST: 1000 * cpu_s / done, **_records(logger, took_s)}


def _cpu_s(pipe: Pipe) -> float:
    """Of this process and of the flows; no receiver's."""
    flows = [psutil.Process(pid).cpu_times() for pid in pipe.pids.values()]
    return time.process_time() + sum(float(one.user + one.system) for one in flows)


def _records(logger: logging.Logger, took_s: float) -> Figures:
    handler = logger.handlers[0]
    if not isinstance(handler, SocketHandler):
        return {}
    handler.close()
    stats = handler.stats()
    if not stats.balanced:
        raise WrongWork(f"expected counts that add up, got {stats}")
    dropped = sum(stats.dropped.values())
    return {RECORDS: stats.entered / (took_s + _WARM_S), DROPPED: 100 * dropped / max(1, stats.entered)}


def to_nowhere(scale: Scale) -> Figures:
    """The same records, and nobody who wants them."""
    logger = logging.getLogger("nowhere")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return measured(logger, scale, time.sleep)


def absent(scale: Scale) -> Figures:
    """Nobody listens."""
    return measured(_logger(free_port()), scale, time.sleep)


def there(begin: Begin, scale: Scale) -> Figures:
    """A receiver that stays."""
    port = free_port()
    with _begun(begin, port):
        return measured(_logger(port), scale, time.sleep)


def killed(scale: Scale) -> Figures:
    """One that is killed again and again, and begun again at once."""
    port = free_port()

    def meanwhile(seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            with _begun(_command, port):
                time.sleep(_LIVES_S)

    return measured(_logger(port), scale, meanwhile)


def _logger(port: int) -> logging.Logger:
    return get_socket_logger("seen", logging.INFO, url=f"http://127.0.0.1:{port}")


def _command(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sightline", "logs", "--json", "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _takes_time(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _TAKES_TIME, str(port)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@contextmanager
def _on_core(number: int) -> Iterator[None]:
    """This thread, and whatever begins in it: a receiver is not to take the pipe's time."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {_CORES[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _begun(begin: Begin, port: int) -> Iterator[None]:
    with _on_core(-1):
        process = begin(port)
    try:
        if process.stderr is None or not process.stderr.readline().startswith("listening"):
            raise WrongWork("expected a receiver that listens")
        yield
    finally:
        process.kill()
        process.communicate()


BENCHES: Final = (
    Bench(
        name="pipe-logs",
        title="Pictures of 640x360 through two flows, with 100 records a second and pictures to a receiver",
        contenders={
            _WELL: partial(there, _command),
            _ABSENT: absent,
            _SLOW: partial(there, _takes_time),
            _KILLED: killed,
            _NOWHERE: to_nowhere,
        },
        aims=tuple(
            aim
            for one in (_WELL, _ABSENT, _SLOW, _KILLED)
            for aim in (
                Aim(one, RATE, against=_NOWHERE, least=_LEAST),
                Aim(one, COST, _MOST, against=_NOWHERE),
            )
        ),
        notes=(
            "As fast as it goes, on a lossless wire; LOG_DATA is on: each side of each routine is shown",
            "once a second. `to nowhere`: the same records to a handler that does nothing. The pipe has one",
            "core and the receiver another, as if it were elsewhere; CPU is of the pipe alone. `slow`: it",
            "takes a second for each batch; `killed`: with kill -9 after three seconds, and begun again.",
        ),
        rounds=5,
        warm_up=False,
    ),
)
