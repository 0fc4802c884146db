"""Turns in processes of their own: what one contender imports, caches or leaves behind is not another's.

The parent runs `python -m benches.turns BENCH CONTENDER SCALE` and reads one line of JSON; what else the
child says goes to its stderr, which is shown only where it fails.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from benches.bench import Bench, Missing, Scale
from benches.clips import ROOT
from benches.decode import BENCHES as DECODE
from benches.event import BENCHES as EVENT
from benches.fleet import BENCHES as FLEET
from benches.framequeue import BENCHES as FRAMEQUEUE
from benches.hub import BENCHES as HUB
from benches.inference import BENCHES as INFERENCE
from benches.logs import BENCHES as LOGS
from benches.many import BENCHES as MANY
from benches.mux import BENCHES as MUX
from benches.pairing import Figures, Turn, turns
from benches.passing import BENCHES as PASSING
from benches.pipe import BENCHES as PIPE
from benches.report import Report
from benches.shm import BENCHES as SHM
from benches.small import BENCHES as SMALL
from benches.track import BENCHES as TRACK
from benches.viewing import BENCHES as VIEWING
from sightline import log

BENCHES: Final[dict[str, Bench]] = {
    bench.name: bench
    for bench in (
        *DECODE,
        *EVENT,
        *PASSING,
        *MANY,
        *INFERENCE,
        *TRACK,
        *SMALL,
        *HUB,
        *SHM,
        *MUX,
        *PIPE,
        *LOGS,
        *FRAMEQUEUE,
        *FLEET,
        *VIEWING,
    )
}
_PATIENCE_S: Final = 1800.0


class Failed(Exception):
    """A contender's process failed; the message is what it said last."""


def run(bench: Bench, scale: Scale, rounds: int, *, say: Callable[[Turn], None]) -> Report:
    """Figures of each contender that can be had, round by round.

    Raises:
        Missing: what it needs is not here.
        Failed: a contender did not do its work.
    """
    bench.needs(scale)
    left_out = dict(_left_out(bench))
    taken: dict[str, list[Figures]] = {name: [] for name in bench.contenders if name not in left_out}
    for turn in turns(tuple(taken), rounds, warm_up=bench.warm_up):
        say(turn)
        figures = take(bench.name, turn.contender, scale)
        if turn.round:
            taken[turn.contender].append(figures)
    return Report(bench=bench, taken=taken, left_out=left_out)


def _left_out(bench: Bench) -> Iterator[tuple[str, str]]:
    for name, needs in bench.peers.items():
        try:
            needs()
        except Missing as missing:
            yield name, str(missing)


def take(bench: str, contender: str, scale: Scale) -> Figures:
    """One turn. Raises Failed."""
    command = [sys.executable, "-m", "benches.turns", bench, contender, msgspec.json.encode(scale).decode()]
    try:
        ended = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{bench}, {contender}: not done within {_PATIENCE_S:g} s") from None
    if ended.returncode != 0:
        raise Failed(f"{bench}, {contender}: ended with {ended.returncode}: {ended.stderr.strip()[-1000:]}")
    return msgspec.json.decode(ended.stdout, type=dict[str, float])


def _child(bench: str, contender: str, scale: str) -> None:
    log.configure("warning")
    figures = BENCHES[bench].contenders[contender](msgspec.json.decode(scale, type=Scale))
    print(msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    _child(*sys.argv[1:])
