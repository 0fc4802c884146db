"""The real coordinator and agents, as pure machines in virtual time, with everything going wrong.

A seed that fails is said; `python -m tests.fleet.simulation --seed N` is that story again.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.fleet.simulation.faults import ALL, BIG, CALM, HANDOVERS, LOSSY, NETWORK, RESTORES
from tests.fleet.simulation.simulate import simulate

SEEDS = 40
TOGETHER = 5


@pytest.mark.parametrize("first", range(1, SEEDS + 1, TOGETHER))
def test_a_small_fleet_survives_all_faults_and_comes_to_what_is_desired(first: int) -> None:
    for seed in range(first, first + TOGETHER):
        outcome = simulate(agents=12, each=3, seed=seed, minutes=4, faults=ALL)
        assert outcome.overlap_ns == 0
        assert outcome.begun > 0


@pytest.mark.parametrize("seed", range(100, 105))
def test_a_fleet_survives_faults_of_the_network(seed: int) -> None:
    outcome = simulate(agents=12, each=3, seed=seed, minutes=5, faults=NETWORK)
    assert outcome.overlap_ns == 0


@pytest.mark.parametrize("seed", range(1, 5))
def test_configurations_that_are_lost_are_sent_again(seed: int) -> None:
    simulate(agents=12, each=3, seed=seed, minutes=2, faults=LOSSY)


@pytest.mark.parametrize("seed", range(18, 24))
def test_a_fleet_survives_backups_that_are_restored_again_and_again(seed: int) -> None:
    outcome = simulate(agents=12, each=3, seed=seed, minutes=5, faults=RESTORES)
    assert outcome.overlap_ns == 0
    assert outcome.restored > 5


@pytest.mark.parametrize("seed", range(1, 5))
def test_what_must_not_run_twice_is_handed_over_again_and_again(seed: int) -> None:
    outcome = simulate(agents=12, each=3, seed=seed, minutes=5, faults=HANDOVERS)
    assert outcome.overlap_ns == 0
    assert outcome.handed_over > 30


@pytest.mark.parametrize("seed", [200, 201])
def test_nothing_depends_on_messages_being_the_same_objects(seed: int) -> None:
    as_objects = simulate(agents=6, each=3, seed=seed, minutes=3, faults=ALL)
    as_bytes = simulate(agents=6, each=3, seed=seed, minutes=3, faults=ALL, as_json=True)
    assert as_bytes.digest == as_objects.digest


def test_a_fleet_without_faults_is_ready_at_once_and_quiet() -> None:
    outcome = simulate(agents=12, each=3, seed=300, minutes=1, faults=CALM)
    assert outcome.begun_s < 60
    assert outcome.settled_s < 2
    assert outcome.quiet_up <= 12 / 5 * 1.1


def test_a_seed_is_one_story_in_any_process() -> None:
    told = {_told_by_a_process(hash_seed) for hash_seed in ("1", "2")}
    assert len(told) == 1


def _told_by_a_process(hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.fleet.simulation", "--agents", "5", "--minutes", "2", "--story"]
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return done.stdout.partition("story:")[2]


@pytest.mark.alone
@pytest.mark.timeout(300)
def test_a_thousand_agents_with_ten_instances_each_survive_too() -> None:
    outcome = simulate(agents=1000, each=10, seed=7, minutes=1, faults=BIG)
    assert outcome.overlap_ns == 0
    assert outcome.quiet_up <= 1000 / 5 * 1.1
    assert outcome.most_up < 3000
