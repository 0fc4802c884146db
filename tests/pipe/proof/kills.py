"""Kill the flows of a running pipe: `python -m tests.pipe.proof.kills --kills 100 --seed 7`.

Who is killed or stopped for a while, and after which time, comes from a seed; how far the others have come by
then does not. In between all come to rest, and everything is counted.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Final

import typer

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from tests.hub.proof.numbers import Numbers
from tests.pipe.proof.crowd import CAPACITY, GO_ON, MORTAL, REST, TRACKS, Count, Track, crowd
from tests.pipe.proof.remains import Machine, descriptors_of, own_bytes
from tools.services.waiting import wait_for

from sightline.log import configure
from sightline.pipe.counts.reports import RoutineStats
from sightline.pipe.counts.stats import PipeStats
from sightline.pipe.flow.work import HAND

PART: Final = 20
"""Kills between two rests."""
PAUSE_S: Final = 0.3
"""Between two kills, on the average."""
STOP_SHARE: Final = 0.15
GOES_ON_S: Final = 60.0
MIB: Final = 1 << 20
MOST_GROWN_BYTES: Final = 32 * MIB
MOST_LOST: Final = 2 * CAPACITY + HAND
"""With one end of a wire: what it holds at either end, and what the routine has in hand."""


class Rounds:
    """`play` until there were enough. Raises where something is wrong."""

    def __init__(self, folder: Path, dice: Random, say: Callable[[str], object]) -> None:
        self._folder = folder
        self._dice = dice
        self._say = say
        self._victims = self._all_in_turn()
        self._first: dict[str, tuple[int, int]] = {}
        self.pipe = crowd(folder)
        self.pids: set[int] = set()
        self.killed: Counter[str] = Counter()

    def play(self, kills: int) -> None:
        self.pipe.build()
        self.pipe.notify_event("start", wait=True)
        self._rest()
        for number in range(1, kills + 1):
            self._kill()
            if number % PART == 0 or number == kills:
                self._rest()
                self._say(f"{number} kills; {self._shown()}")

    def seen(self) -> int:
        return sum(self._count(track.looker, Count.SEEN) for track in TRACKS)

    def _kill(self) -> None:
        time.sleep(min(self._dice.expovariate(1 / PAUSE_S), 4 * PAUSE_S))
        flow = next(self._victims)
        pid = wait_for(lambda: self.pipe.pids.get(flow, 0), GOES_ON_S, f"a process of {flow}")
        if self._dice.random() < STOP_SHARE:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(self._dice.choice((0.05, 0.3)))
        os.kill(pid, signal.SIGKILL)
        self.pids.add(pid)
        self.killed[flow] += 1
        wait_for(lambda: self.pipe.pids.get(flow) != pid, GOES_ON_S, f"the end of {flow} to be seen")
        self._check_eyes()

    def _all_in_turn(self) -> Iterator[str]:
        while True:
            yield from self._dice.sample(MORTAL, len(MORTAL))

    # Rests.

    def _rest(self) -> None:
        self._all_go_on()
        self.pids |= set(self.pipe.pids.values())
        self._send(REST)
        stats: list[PipeStats] = []
        try:
            wait_for(lambda: self._at_rest(stats), GOES_ON_S, "all to come to rest")
        except TimeoutError as error:
            raise AssertionError(f"{error}: {stats[-1]}") from None
        self._check(stats[-1])
        self._check_eyes()
        self._check_processes()
        self._send(GO_ON)

    def _send(self, event: str) -> None:
        report = self.pipe.notify_event(event, wait=GOES_ON_S)
        assert report is not None
        assert report.ok, report

    def _all_go_on(self) -> None:
        """Each looker has seen more than before: the killing harmed none for good."""
        before = {track.looker: self._count(track.looker, Count.SEEN) for track in TRACKS}

        def lagging() -> list[str]:
            return [name for name, was in before.items() if self._count(name, Count.SEEN) <= was]

        try:
            wait_for(lambda: not lagging(), GOES_ON_S, "all to go on")
        except TimeoutError:
            raise AssertionError(f"{lagging()} see nothing: {self.pipe.stats()}") from None

    def _at_rest(self, found: list[PipeStats]) -> bool:
        found[:] = [stats := self.pipe.stats()]
        held = any(one.held or one.unsent for one in stats.routines.values())
        waits = held or any(wire.waiting for wire in stats.wires)
        return not waits and not stats.shared.held and not stats.shared.open

    def _check(self, stats: PipeStats) -> None:
        assert stats.balanced, stats
        assert stats.shared.peers == len(stats.flows), stats.shared
        for flow in stats.flows.values():
            assert flow.restarts == self.killed[flow.flow], flow
            for one in flow.routines.values():
                self._check_routine(one, stats, deaths=flow.restarts)
        for track in TRACKS:
            self._check_track(track, stats)

    def _check_routine(self, one: RoutineStats, stats: PipeStats, deaths: int) -> None:
        """What it did itself, and what was counted of that: one message may be between for each death."""
        name = one.routine
        begun, seen = self._count(name, Count.NEXT), self._count(name, Count.SEEN)
        wires = [wire for wire in stats.wires if wire.source == name]
        if one.wires_in:
            assert sum(wire.left for wire in one.wires_in.values()) == one.processed + _died_in_hand(one), one
        else:
            assert 0 <= begun - one.given <= deaths, (begun, one)
        if not wires:
            assert 0 <= seen - one.processed <= deaths, (seen, one)
            return
        missing = len(wires) * one.given - sum(wire.entered for wire in wires) - sum(one.lost.values())
        # A death between the two counts of what a wire took, or did not take yet, makes them one piece apart.
        assert abs(missing) <= len(wires) * deaths * HAND, (missing, one, wires)

    def _check_track(self, track: Track, stats: PipeStats) -> None:
        come, seen = self._count(track.looker, Count.NEXT), self._count(track.looker, Count.SEEN)
        assert seen + self._count(track.looker, Count.MISSED) == come, track
        if not track.lossless:
            return
        lost, deaths = (
            self._count(track.maker, Count.NEXT) - seen,
            sum(self.killed[flow] for flow in track.flows),
        )
        assert lost <= deaths * MOST_LOST * (len(track.flows) - 1), (track, lost, deaths)
        if len(track.flows) == 2:
            wire = stats.wire(track.maker, track.looker)
            assert wire.dropped.keys() <= ({"died", "lost", "incomplete"} if deaths else set()), wire

    def _check_eyes(self) -> None:
        for track in TRACKS:
            wrong = self._count(track.looker, Count.WRONG)
            assert not wrong, f"{track.looker} saw {wrong} that were wrong"

    def _check_processes(self) -> None:
        """What is not a pool of pictures is as much as ever, and memory does not grow."""
        now = {name: _size_of(pid) for name, pid in {**self.pipe.pids, "parent": os.getpid()}.items()}
        self._first = self._first or now
        for name, (descriptors, own) in now.items():
            first_descriptors, first_own = self._first[name]
            assert descriptors == first_descriptors, f"{name} has {descriptors} descriptors: {self._first}"
            assert own - first_own < MOST_GROWN_BYTES, f"{name} has {own // MIB} MiB: {self._first}"

    def _count(self, name: str, count: Count) -> int:
        return Numbers(self._folder / f"{name}.numbers")[count]

    def _shown(self) -> str:
        missed = sum(self._count(track.looker, Count.MISSED) for track in TRACKS if track.lossless)
        who = ", ".join(f"{flow} {count}" for flow, count in sorted(self.killed.items()))
        return f"{who}: {self.seen()} seen whole and in order, {missed} died with a flow"


def _died_in_hand(one: RoutineStats) -> int:
    dropped = sum(one.dropped.values())
    return dropped - sum(sum(wire.dropped.values()) for wire in one.wires_in.values())


def _size_of(pid: int) -> tuple[int, int]:
    own = [one for one in descriptors_of(pid) if "memfd:" not in one]
    return len(own), own_bytes(pid)


def killing(folder: Path, kills: int, seed: int, say: Callable[[str], object]) -> Rounds:
    """So many kills; raises where something is wrong, at the end too."""
    machine = Machine.now()
    rounds = Rounds(folder, Random(seed), say)
    with rounds.pipe:
        rounds.play(kills)
    machine.wait_until_back(rounds.pids)
    return rounds


def main(
    kills: Annotated[int, typer.Option(min=1, help="How many are killed.")] = 100,
    seed: Annotated[int | None, typer.Option(help="Who is killed; drawn and printed if not given.")] = None,
) -> None:
    configure("critical")  # that a flow was killed is no news
    seed = secrets.randbelow(2**32) if seed is None else seed
    typer.echo(f"{kills} kills of flows, --seed {seed}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        killing(Path(folder), kills, seed, typer.echo)
    typer.echo(f"all adds up, and nothing is left; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
