"""Twelve cameras, one of which goes wrong every few seconds: none of the others notices, and nothing is lost.

`SIGHTLINE_SOAK_S` is how many seconds it takes (120), `SIGHTLINE_SOAK_SEED` what goes wrong with whom.
"""

import json
import os
import random
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from time import monotonic, time_ns
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.proof.again import Held
from tests.proof.runs import results_in, settings_of

from sightline.clock import NS_PER_S, ns
from sightline.fakecam import (
    FakeCamera,
    FakeCameras,
    Fault,
    HalfOpen,
    LongGop,
    Loss,
    PtsJump,
    Reorder,
    Reset,
    Resize,
    SlowStart,
    Stall,
    WrongClock,
    WrongPassword,
)
from sightline.frame import Size

SOAK_S = float(os.environ.get("SIGHTLINE_SOAK_S", "120"))
SEED = int(os.environ.get("SIGHTLINE_SOAK_SEED") or random.SystemRandom().getrandbits(32))
CAMERAS, FPS, RATE = 12, 10, 2
USER, PASSWORD = "viewer", "r1ght-Tulip"
IMPATIENT = {"open_timeout_s": 3, "read_timeout_s": 2, "stall_after_s": 3}
PAUSE_S, FAULT_S = (3.0, 6.0), (2.0, 6.0)
# After a fault is over: 3 s until the last call that it spoilt is given up, 3 s at most until the next
# attempt, 2 s to connect, 1 s to the keyframe, and as much again as half of that for a machine that is busy.
RECOVERY_S = 14.0
# So long a camera must have been well for its next fault: a connection that was live for 10 s forgets the
# failures before it.
WELL_S = 12.0
# Who was refused asks again after 120 to 135 s where, as here, a reset is the failure before.
REFUSED_S = 135.0
# What was taken so shortly before a fault may be lost with it: it is in the camera, on its way, or held for
# the order of B-frames.
ON_ITS_WAY_S = 1.0
# Connections, decoders and sinks have then been made and given back several times over.
WARM_UP_S = SOAK_S / 4
# By the slope, from then to the end: the middle one of all pairs of samples (Theil and Sen), which a single
# step, of what is made but once, does not move. It wanders by 1 MB with the connections that are open,
# however long it takes; what is lost adds up: 200 bytes a packet, or 80 KB a fault, are more than this in two
# minutes.
GROWTH_MB = 2.0
REPOSITORY = Path(__file__).resolve().parents[2]

Make = Callable[[random.Random, float], tuple[Fault, ...]]
FAULTS: dict[str, Make] = {
    "stall": lambda _, s: (Stall(seconds=s),),
    "loss": lambda chance, s: (Loss(share=chance.uniform(0.02, 0.3), seconds=s),),
    "reorder": lambda chance, s: (Reorder(share=chance.uniform(0.02, 0.3), seconds=s),),
    "pts jump": lambda chance, _: (PtsJump(by_s=chance.choice((-60, -5, 5, 60))),),
    "wrong clock": lambda chance, s: (WrongClock(by_s=chance.choice((-3600, 3600)), seconds=s),),
    "long gop": lambda _, s: (LongGop(gop_s=8, seconds=s),),
    "resize": lambda _, s: (Resize(size=Size(480, 270), seconds=s),),
    "wrong password": lambda _, s: (WrongPassword(seconds=s), Reset()),
    "slow start": lambda _, s: (SlowStart(by_s=2, seconds=s), Reset()),
    "reset": lambda _chance, _: (Reset(),),
    "half open": lambda _, s: (HalfOpen(seconds=s), Reset()),
}


@pytest.mark.alone
@pytest.mark.timeout(SOAK_S + 180)
def test_a_camera_that_goes_wrong_every_few_seconds_costs_only_its_own_pictures(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor
) -> None:
    """The site is a process of its own, so that what it holds is not that of the fake cameras."""
    print("SIGHTLINE_SOAK_SEED", SEED)
    cameras = {
        f"gate-{number}": FakeCamera(url=_street(number), username=USER, password=PASSWORD)
        for number in range(CAMERAS)
    }
    with FakeCameras(cameras, seed=SEED) as server, _soak(_site(server, tmp_path), wait_for) as process:
        trouble = Trouble(list(cameras), server)
        trouble.make(process)
        process.communicate(timeout=60)
    said = [json.loads(line) for line in (tmp_path / "out.txt").read_bytes().splitlines()]
    assert process.returncode == 0
    assert "Traceback" not in (tmp_path / "err.txt").read_text()
    *samples, ends, first, second = said
    print(first, second, sep="\n")
    _check_accounts(tmp_path / "w.jsonl", (first, second))
    _check_health(tmp_path / "w.jsonl", trouble.stretches())
    _check_held(ends, samples)


class Trouble:
    """What goes wrong, with whom and when."""

    def __init__(self, names: Sequence[str], server: FakeCameras) -> None:
        self._server = server
        self._chance = random.Random(SEED)
        self._kinds: deque[str] = deque()
        self._began_ns = time_ns()
        self._ended_ns = self._began_ns
        # All were live before it began.
        self._unwell: dict[str, list[tuple[int, int]]] = {name: [(0, self._began_ns)] for name in names}

    def make(self, process: subprocess.Popen[bytes]) -> None:
        """A fault after a pause, again and again, of each kind as often, while the process runs."""
        end_s = monotonic() + SOAK_S
        while monotonic() < end_s:
            _run_on(process, self._chance.uniform(*PAUSE_S))
            self._let_one_go_wrong()
        self._ended_ns = time_ns()

    def stretches(self) -> dict[str, list[tuple[int, int]]]:
        """When each camera was well, in UTC ns; what was on its way when a fault came is the fault's."""
        return {
            name: [
                (a[1], b[0] - ns(ON_ITS_WAY_S))
                for a, b in pairwise((*unwell, (self._ended_ns, self._ended_ns)))
                if a[1] < b[0] - ns(ON_ITS_WAY_S)
            ]
            for name, unwell in self._unwell.items()
        }

    def _let_one_go_wrong(self) -> None:
        now_ns = time_ns()
        well = [name for name, unwell in self._unwell.items() if unwell[-1][1] + ns(WELL_S) < now_ns]
        if not well:
            return
        if not self._kinds:
            self._kinds.extend(self._chance.sample(list(FAULTS), len(FAULTS)))
        name, kind, lasts_s = self._chance.choice(well), self._kinds.popleft(), self._chance.uniform(*FAULT_S)
        print(f"{(now_ns - self._began_ns) / NS_PER_S:6.1f} s {name}: {kind}, {lasts_s:.1f} s")
        for fault in FAULTS[kind](self._chance, lasts_s):
            self._server.misbehave(name, fault)
        away_s = REFUSED_S if kind == "wrong password" else lasts_s
        self._unwell[name].append((now_ns, time_ns() + ns(away_s + RECOVERY_S)))


def _street(number: int) -> str:
    codec = "hevc" if number % 3 == 2 else "h264"
    b_frames = 2 if number % 4 < 2 else 0
    return (
        f"synthetic://street?size=320x180&fps={FPS}&gop={FPS}&camera={number}&seed={number}"
        f"&codec={codec}&b_frames={b_frames}"
    )


def _site(server: FakeCameras, folder: Path) -> Path:
    cameras = {
        f"gate-{number}": {
            "url": server.url(f"gate-{number}"),
            "username": USER,
            "password": PASSWORD,
            "transport": "udp" if number % 2 else "tcp",
            **IMPATIENT,
        }
        for number in range(CAMERAS)
    }
    worker = {"model": {"kind": "motion", "width": 160}, "rate": RATE, "size": "160x90"}
    site = folder / "site.yaml"
    site.write_text(json.dumps(settings_of(cameras, folder, w=worker)))
    return site


@contextmanager
def _soak(site: Path, wait_for: WaitFor) -> Iterator[subprocess.Popen[bytes]]:
    """`tests.proof.soak` at work; its end is asked for by `communicate`."""
    out, err = site.with_name("out.txt"), site.with_name("err.txt")
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.proof.soak", str(site)],
            cwd=REPOSITORY,
            env={**os.environ, "MALLOC_ARENA_MAX": "1"},  # several grow by chance, and hide what is lost
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        wait_for(lambda: out.stat().st_size or process.poll() is not None, 100, "the cameras to be live")
        yield process
    finally:
        process.kill()
        process.communicate()
        print(err.read_text()[-4000:])


def _run_on(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    pytest.fail(f"the site ended by itself, with {process.returncode}")


def _check_accounts(path: Path, runs: Sequence[dict[str, Any]]) -> None:
    """All that entered is a result or counted as lost, camera by camera; what was written is in the file."""
    for run in runs:
        for name, counts in run["cameras"].items():
            assert counts["taken"], name
            assert counts["passed_on"], name
            assert counts["balanced"], name
        assert run["sink_balanced"]
        assert run["given"] == sum(counts["results"] for counts in run["cameras"].values())
        assert run["written"] == run["given"] - run["lost"]
    assert path.read_bytes().endswith(b"\n")
    results = results_in(path)
    assert len(results) == sum(run["written"] for run in runs)
    assert len({result.identity for result in results}) == len(results)


def _check_health(path: Path, stretches: dict[str, list[tuple[int, int]]]) -> None:
    """By the pictures' own times each camera has, while it is well, the results that were asked for."""
    all_ns = [(result.camera_id, result.captured_at_ns) for result in results_in(path)]
    wanted, found = dict.fromkeys(stretches, 0), dict.fromkeys(stretches, 0)
    for name, mine in stretches.items():
        times_ns = [at_ns for camera_id, at_ns in all_ns if camera_id == name]
        for begin_ns, end_ns in mine:
            due = (end_ns - begin_ns) * RATE // NS_PER_S  # a window of so many periods has at least so many
            wanted[name] += due
            found[name] += min(due, sum(begin_ns <= at_ns < end_ns for at_ns in times_ns))
    print("found of wanted:", {name: f"{found[name]}/{wanted[name]}" for name in stretches})
    assert sum(wanted.values()) >= 0.2 * CAMERAS * RATE * SOAK_S
    for name in stretches:
        assert found[name] >= 0.99 * wanted[name], name


def _check_held(ends: dict[str, Any], samples: Sequence[Sequence[float]]) -> None:
    start, end = Held(*ends["start"]), Held(*ends["end"])
    warm = [(at_s, memory_mb) for at_s, memory_mb in samples if at_s > WARM_UP_S]
    slope = median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(warm, 2))
    growth_mb = slope * (warm[-1][0] - warm[0][0])
    print(start, end, f"{slope * 60:+.2f} MB/min", [round(memory_mb, 1) for _, memory_mb in samples])
    assert ends["faults"] == []
    assert end.threads <= start.threads
    assert end.descriptors <= start.descriptors
    assert growth_mb < GROWTH_MB
