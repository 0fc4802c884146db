"""Kill the processes of a running `sightline up`: `python -m tests.pipe.proof.up_kills --kills 100 --seed 7`.

Its cameras draw the number of each picture into it, its model reads that, and its results go into a file: so
each is held against the picture that it is of. Who is killed, and after which time, comes from a seed.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final, Self

import psutil
import typer
from tests.pipe.proof.remains import Machine, descriptors_of, own_bytes
from tests.proof.marks import mark_of
from tests.proof.runs import settings_of
from tools.services.waiting import wait_for

from sightline.packet import Identity
from sightline.result import Result
from sightline.wire import result_from_json

ROOT: Final = Path(__file__).resolve().parents[3]
FPS: Final = 10
CAMERAS: Final = {
    f"cam{n}": {"url": f"synthetic://street?seed={n}&size=320x180&fps={FPS}&gop={FPS}&camera={n}"}
    for n in (1, 2)
}
WORKERS: Final = ("first", "second")
PAUSE_S: Final = 0.3
GOES_ON_S: Final = 60.0
MOST_LINE_BYTES: Final = 1 << 16
MIB: Final = 1 << 20
MOST_GROWN_BYTES: Final = 32 * MIB
STOPS_S: Final = 30.0
MOST_BEGIN_S: Final = 8.0
MOST_AWAY_S: Final = 10
"""Until a worker that was killed reads again: until then, nobody takes what is captured."""
MOST_GAPS: Final = 2
"""For each death and camera: where it died, and where others dropped pictures up to a keyframe for it."""
MOST_IN_LINE: Final = 16
"""Results that a sink has still to write."""


class Up:
    """A running `sightline up`, and what it tells."""

    def __init__(self, folder: Path) -> None:
        workers: dict[str, Any] = {name: {} for name in WORKERS}
        (folder / "site.yaml").write_text(json.dumps(settings_of(CAMERAS, folder, **workers)))
        self._out, self.err = folder / "up.out", folder / "up.err"
        with self._out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sightline", "up", "site.yaml", "--json"],
                stdout=out,
                stderr=err,
                cwd=folder,
                env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def told(self) -> dict[str, Any]:
        """The last whole line of JSON."""
        lines = self._out.read_bytes()[-MOST_LINE_BYTES:].splitlines(keepends=True)
        whole = [line for line in lines[1:] if line.endswith(b"}\n")]
        found: dict[str, Any] = json.loads(whole[-1]) if whole else {"processes": {}, "sinks": []}
        return found

    @property
    def pids(self) -> dict[str, int]:
        """Its processes, by name, that are at work."""
        return {
            name: one["pid"] for name, one in self.told()["processes"].items() if one["state"] == "running"
        }


class Written:
    """What a worker has written so far."""

    def __init__(self, path: Path) -> None:
        self.results: list[Result] = []
        self._path = path
        self._read = 0

    def look(self) -> list[Result]:
        """All of it; the last line may just be written. Raises where another is not whole."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                new = file.read()  # at once: a line that is being written would come in two
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            self.results += map(result_from_json, whole.splitlines())
        return self.results


class Rounds:
    """`play` until there were enough. Raises where something is wrong."""

    def __init__(self, up: Up, folder: Path, dice: Random, say: Callable[[str], object]) -> None:
        self._up = up
        self.written = {name: Written(folder / f"{name}.jsonl") for name in WORKERS}
        self._dice = dice
        self._say = say
        self._first: tuple[int, int] | None = None
        self.pids: set[int] = set()
        self.killed: Counter[str] = Counter()

    def play(self, kills: int) -> None:
        least = 1 + 1 + len(WORKERS)
        wait_for(lambda: len(self._up.pids) >= least, GOES_ON_S, "a hub, a capture and workers")
        self._go_on()
        victims = self._all_in_turn()
        for number in range(1, kills + 1):
            time.sleep(min(self._dice.expovariate(1 / PAUSE_S), 4 * PAUSE_S))
            self._kill(next(victims))
            self._go_on()
            self._check_parent()
            self._say(f"{number} kills; {self._shown()}")

    def _all_in_turn(self) -> Iterator[str]:
        names = sorted(self._up.told()["processes"])
        while True:
            yield from self._dice.sample(names, len(names))

    def _kill(self, name: str) -> None:
        pid = wait_for(lambda: self._up.pids.get(name, 0), GOES_ON_S, f"a process of {name}")
        os.kill(pid, signal.SIGKILL)
        self.killed[name] += 1
        wait_for(lambda: self._up.pids.get(name, pid) != pid, GOES_ON_S, f"another process of {name}")

    def _go_on(self) -> None:
        """All work, and each worker has written of each camera after this."""
        before = {name: len(of.look()) for name, of in self.written.items()}

        def lags() -> list[str]:
            new = {name: of.look()[before[name] + 5 :] for name, of in self.written.items()}
            return [name for name, some in new.items() if {one.camera_id for one in some} != set(CAMERAS)]

        try:
            wait_for(lambda: not lags(), GOES_ON_S, "all to go on")
        except TimeoutError:
            told = json.dumps(self._up.told(), indent=1)
            raise AssertionError(f"{lags()} write nothing: {told}{self._up.err.read_text()}") from None
        self.pids |= set(self._up.pids.values())

    def _check_parent(self) -> None:
        """What it has open is as much as ever, and its memory does not grow."""
        pid = self._up.process.pid
        now = len(descriptors_of(pid)), own_bytes(pid)
        self._first = self._first or now
        assert now[0] <= self._first[0], f"{now[0]} descriptors after {self._first[0]}: {descriptors_of(pid)}"
        assert now[1] - self._first[1] < MOST_GROWN_BYTES, f"{now[1] // MIB} MiB after {self._first}"

    def _shown(self) -> str:
        who = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        return f"{who}: {sum(len(of.results) for of in self.written.values())} results in their files"


def wrong_in(results: Iterable[Result]) -> Iterator[str]:
    """What is out of order, twice, or not of the picture that it says."""
    last: dict[str, Identity] = {}
    begins: dict[tuple[str, int], int] = {}
    for result in results:
        before = last.get(result.camera_id)
        if before is not None and result.identity <= before:
            yield f"{result.identity} after {before}"
        last[result.camera_id] = result.identity
        mark = mark_of(result)
        if mark is None or f"cam{mark.camera}" != result.camera_id:
            yield f"{result.identity} reads {mark}"
            continue
        begin = begins.setdefault((result.camera_id, result.epoch), mark.frame - result.index)
        if mark.frame - result.index != begin:
            yield f"{result.identity} is of picture {mark.frame}, where 0 is of {begin}"


def gaps_in(results: Iterable[Result]) -> int:
    """How often pictures are missing between two of one epoch."""
    gaps, last = 0, dict[tuple[str, int], int]()
    for result in results:
        stretch = result.camera_id, result.epoch
        gaps += result.index != last.get(stretch, result.index - 1) + 1
        last[stretch] = result.index
    return gaps


def check_sum(name: str, camera: dict[str, Any], kills: int) -> None:
    """All that was captured is a result or is told, once for each worker, whatever died.

    What a worker counts twice would hide nothing of what another lost: of each, what is `lost` is never less
    than none.
    """
    published = camera["packets"] - sum(camera["unsent"].values())
    came_to = camera["results"] + camera["unwanted"] + sum(camera["dropped"].values())
    assert came_to == len(WORKERS) * published, (name, camera)
    lost = camera["dropped"].get("lost", 0)
    assert lost <= (kills + 1) * len(WORKERS) * MOST_AWAY_S * FPS, (name, camera)


def killing(folder: Path, kills: int, seed: int, say: Callable[[str], object]) -> Rounds:
    """So many kills; raises where something is wrong, at the end too."""
    machine = Machine.now()
    with Up(folder) as up:
        rounds = Rounds(up, folder, Random(seed), say)
        rounds.play(kills)
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(STOPS_S) == 0, up.err.read_text()
    machine.wait_until_back(rounds.pids)
    told = up.told()
    for name, camera in told["cameras"].items():
        check_sum(name, camera, kills)
    dropped = sum(sum(camera["dropped"].values()) for camera in told["cameras"].values())
    for worker, lines in rounds.written.items():
        results = lines.look()
        assert list(wrong_in(results)) == []
        # What is missing between two pictures went with a process, or is counted.
        gaps = gaps_in(results)
        assert gaps <= MOST_GAPS * len(CAMERAS) * kills + dropped, (worker, gaps, told)
        (sink,) = (one for one in told["sinks"] if one["sink"].startswith(worker))
        # All that a process wrote is told, but for one that it died with before it could count it.
        deaths = sum(count for name, count in rounds.killed.items() if name.endswith(worker))
        assert 0 <= len(results) - sink["written"] <= deaths, (worker, len(results), sink)
    deaths = sum(count for name, count in rounds.killed.items() if name.startswith("worker-"))
    seen = sum(camera["results"] for camera in told["cameras"].values())
    in_files = sum(len(lines.look()) for lines in rounds.written.values())
    assert 0 <= seen - in_files <= deaths * MOST_IN_LINE, (seen, in_files, deaths)
    return rounds


def kill_up(folder: Path, after_s: float | None) -> int:
    """Kill `up` so long after its begin; None: once it works. How many processes went with it."""
    machine = Machine.now()
    with Up(folder) as up:
        if after_s is None:
            Rounds(up, folder, Random(), print).play(0)
        else:
            time.sleep(after_s)
        pids = [child.pid for child in psutil.Process(up.process.pid).children(recursive=True)]
        up.process.kill()
    machine.wait_until_back(pids)
    return len(pids)


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many are killed.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Who is killed; drawn and printed if not given.")] = None,
) -> None:
    seed = secrets.randbelow(2**32) if seed is None else seed
    typer.echo(f"{kills} kills of processes of a site, --seed {seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        killing(Path(folder), kills, seed, typer.echo)
    dice = Random(seed)
    for number in range(kills // 10):
        after_s = dice.uniform(0.0, MOST_BEGIN_S) if number % 2 else None
        with tempfile.TemporaryDirectory() as folder:
            went = kill_up(Path(folder), after_s)
        when = "while it worked" if after_s is None else f"after {after_s:.2f} s"
        typer.echo(f"killed itself, {when}: {went} processes went with it")
    typer.echo(f"all adds up, and nothing is left; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
