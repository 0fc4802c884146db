"""`python -m tests.fleet.simulation --agents 1000 --instances 10 --seed 7 --minutes 10`: one seed, again.

The same seed and sizes are the same story, in any process. `--seeds 200` goes on from `--seed`.
"""

from __future__ import annotations

import argparse
import sys

from tests.fleet.simulation.checks import Broken
from tests.fleet.simulation.faults import ALL, BIG, CALM, HANDOVERS, LOSSY, NETWORK, RESTORES
from tests.fleet.simulation.simulate import Outcome, simulate

PRESETS = {
    "all": ALL,
    "big": BIG,
    "calm": CALM,
    "handovers": HANDOVERS,
    "lossy": LOSSY,
    "network": NETWORK,
    "restores": RESTORES,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fleet.simulation", description=__doc__)
    parser.add_argument("--agents", type=int, default=12)
    parser.add_argument("--instances", type=int, default=3, help="for each agent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5.0, help="of faults, in virtual time")
    parser.add_argument("--faults", choices=PRESETS, default="all")
    parser.add_argument("--hands", action="store_true", help="users ask to try again what failed")
    parser.add_argument("--json", action="store_true", help="all messages go through their bytes")
    parser.add_argument("--story", action="store_true", help="print the end of the story")
    chosen = parser.parse_args()
    broken = 0
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        try:
            outcome = simulate(
                agents=chosen.agents,
                each=chosen.instances,
                seed=seed,
                minutes=chosen.minutes,
                faults=PRESETS[chosen.faults],
                as_json=chosen.json,
                hands=chosen.hands,
            )
        except Broken as error:
            broken += 1
            print(f"seed {seed} is broken: {error}", *getattr(error, "__notes__", ()), sep="\n")
            continue
        show(outcome, story=chosen.story)
    return 1 if broken else 0


def show(outcome: Outcome, *, story: bool) -> None:
    print(outcome.text())
    if story:
        print(f"story: {outcome.digest:x}\n{outcome.story}")


sys.exit(main())
