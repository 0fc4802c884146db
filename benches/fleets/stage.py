"""The processes of a turn of `fleet`: a broker, the coordinator by its command, and the machines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import msgspec
import psutil
from tools.services import KafkaBroker
from tools.services.ports import free_port
from tools.services.process import Process, StartFailed, answers_at

from benches.bench import WrongWork
from benches.clips import ROOT
from benches.fleets.job import READY, Job, Spent
from benches.measuring import MB

TOKEN: Final = "a-token-of-the-bench-that-opens-nothing-else"
_VARIABLE: Final = "SIGHTLINE_BENCH_FLEET"
_PROGRAM: Final = "SIGHTLINE_BENCH_COORDINATOR"
"""What Python runs as `sightline`, where that is not to be the module: a profiler round it, for example."""
_ALIVE_S: Final = 60.0
_ENVIRONMENT: Final = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}


@contextmanager
def broker(kind: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Its URL for the fleet, and its pid."""
    (folder / "broker").mkdir()
    if kind == "kafka":
        with KafkaBroker(folder / "broker") as kafka:
            yield f"kafka://{kafka.address}", _pid(kafka.pid)
        return
    port = free_port()
    hub = _process("hub", ["-m", "sightline", "hub", "--port", str(port)], folder, port)
    with hub:
        yield f"hub://127.0.0.1:{port}", _pid(hub.pid)


class CoordinatorProcess:
    """The command, which can be killed and begun again; its database and its port stay."""

    def __init__(self, bus: str, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [*os.environ.get(_PROGRAM, "-m sightline").split(), "coordinator"]
        command += ["--bus", bus, "--db", str(folder / "fleet.db"), "--port", str(port)]
        self._process = _process("coordinator", [*command, "--token-env", _VARIABLE], folder, port)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def kill_and_begin(self) -> float:
        """With kill -9; the moment of it, monotonic seconds. Returns once it answers again."""
        began_s = time.monotonic()
        self._process.kill()
        self._process.start()
        return began_s

    def said(self) -> str:
        """The end of what it wrote."""
        return self._process.log_tail()

    @property
    def cpu_s(self) -> float:
        return cpu_s(_pid(self._process.pid))

    @property
    def rss_mb(self) -> float:
        return float(psutil.Process(_pid(self._process.pid)).memory_info().rss / MB)


class MachinesProcess:
    """All machines of a turn."""

    def __init__(self, job: Job) -> None:
        self._folder = Path(job.folder)
        asked = self._folder / "job.json"
        asked.write_bytes(msgspec.json.encode(job))
        self._process = Process(
            "machines",
            [sys.executable, "-m", "benches.fleets.machines", str(asked)],
            self._folder,
            ready=(self._folder / READY).exists,
            ready_within_s=_ALIVE_S,
            environment=_ENVIRONMENT,
        )

    def __enter__(self) -> Self:
        try:
            self._process.start()
        except StartFailed as failed:
            raise WrongWork(str(failed)) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    @property
    def cpu_s(self) -> float:
        if self._process.pid is None:
            raise WrongWork(f"the machines ended\n{self._process.log_tail()}")
        return cpu_s(self._process.pid)

    def spent(self) -> Spent:
        """As it said within the last second."""
        try:
            return msgspec.json.decode((self._folder / "spent.json").read_bytes(), type=Spent)
        except FileNotFoundError:
            return Spent(0, 0, 0.0)


def cpu_s(pid: int) -> float:
    """Of a process, all its threads."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _process(name: str, arguments: list[str], folder: Path, port: int) -> Process:
    return Process(
        name,
        [sys.executable, *arguments],
        folder,
        ready=answers_at(port),
        ready_within_s=_ALIVE_S,
        environment={**_ENVIRONMENT, _VARIABLE: TOKEN},
    )


def _pid(pid: int | None) -> int:
    if pid is None:
        raise WrongWork("a process of the bench ended before its time")
    return pid
