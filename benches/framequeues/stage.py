"""One turn: both servers, one that writes, some that read; watched while they work, then killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import msgspec
from tools.services.process import Process, StartFailed

from benches.bench import WrongWork
from benches.board import Board
from benches.clips import ROOT
from benches.framequeues.job import Job
from benches.framequeues.servers import Servers, cpu_s, servers

_ALIVE_S: Final = 30.0
_WARM: Final = 0.3  # of a window
_TICK_S: Final = 0.01


class Window(NamedTuple):
    """What happened meanwhile: pictures that arrived at all readers, and CPU by role and of both servers."""

    wall_s: float
    arrived: int
    cpu_s: dict[str, float]


class _Seen(NamedTuple):
    at_s: float
    arrived: int
    cpu_s: dict[str, float]


def play(
    way: str,
    reads: str,
    readers: int,
    pictures: Path,
    window_s: float,
    *,
    ahead: int,
    variant: str = "",
    task_s: float = 0.0,
) -> Window:
    """What `way` does in so many seconds, in each process as fast as it goes.

    Raises WrongWork where a process ends, or nothing arrives.
    """
    with TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        at = running.enter_context(servers(folder))
        board = Board.create(folder / "board")
        job = Job(
            folder=name,
            place=0,
            redis=at.redis.url(),
            rabbit=at.rabbit.address.url(),
            pictures=str(pictures),
            ahead=ahead,
            readers=readers,
            variant=variant,
            task_s=task_s,
        )
        jobs = [
            (reads, msgspec.structs.replace(job, place=1 + reader, reader=reader))
            for reader in range(readers)
        ]
        roles = [_start(running, way, role, each, board) for role, each in (*jobs, ("write", job))]
        board.go(0)
        _wait_for_first(board, readers, roles)
        time.sleep(window_s * _WARM)
        begin = _seen(board, readers, roles, at)
        time.sleep(window_s)
        end = _seen(board, readers, roles, at)
        return Window(
            end.at_s - begin.at_s,
            end.arrived - begin.arrived,
            {role: end.cpu_s[role] - begin.cpu_s[role] for role in end.cpu_s},
        )


def _start(running: ExitStack, way: str, role: str, job: Job, board: Board) -> Process:
    process = Process(
        f"{role}{job.reader}",
        [sys.executable, "-m", "benches.framequeues", way, role, msgspec.json.encode(job).decode()],
        Path(job.folder),
        ready=lambda: board.is_ready(job.place),
        ready_within_s=_ALIVE_S,
        environment={"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))},
    )
    try:
        running.enter_context(process)
    except StartFailed as failed:
        raise WrongWork(str(failed)) from None
    running.callback(process.kill)
    return process


def _wait_for_first(board: Board, readers: int, roles: Sequence[Process]) -> None:
    deadline = time.monotonic() + _ALIVE_S
    while not all(board.counted(reader)[0] for reader in range(readers)):
        if time.monotonic() > deadline or any(role.pid is None for role in roles):
            raise WrongWork("nothing arrived\n" + "\n".join(role.log_tail() for role in roles))
        time.sleep(_TICK_S)


def _seen(board: Board, readers: int, roles: Sequence[Process], at: Servers) -> _Seen:
    ended = [role.log_tail() for role in roles if role.pid is None]
    if ended:
        raise WrongWork("\n".join(["a process ended", *ended]))
    spent = {"write": cpu_s(roles[-1].pid), "read": sum(cpu_s(role.pid) for role in roles[:-1])}
    spent |= {"Redis": cpu_s(at.redis.pid), "RabbitMQ": cpu_s(at.rabbit.pid)}
    return _Seen(time.perf_counter(), sum(board.counted(reader)[0] for reader in range(readers)), spent)
