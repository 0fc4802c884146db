"""The proof, step by step: what three machines run is what was asked for by the API, after each step.

Each test asks for something, and waits until containers, processes, files and the API say the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fleet.proof.comparing import Comparing, by_instance, containers, workers
from tests.fleet.proof.conftest import TIMING
from tests.fleet.proof.machines import Machines, in_container
from tests.fleet.proof.wishes import (
    apply,
    ask_for,
    camera,
    deepstream,
    instance_name,
    settle,
    workers_and_cameras,
)
from tools.services import Docker, KafkaBroker
from tools.services.light_images import STANDIN

pytestmark = [pytest.mark.needs("docker", "kafka", "rtsp"), pytest.mark.waits, pytest.mark.timeout(300)]

INSTANCES = 12


@pytest.fixture(scope="module")
def machines(
    engine: Docker,
    broker: KafkaBroker,
    cameras: dict[str, str],
    clips: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Machines]:
    """Three machines with all that the proof asks for, as desired."""
    bus = f"kafka://{broker.address}"
    folder = tmp_path_factory.mktemp("fleet")
    with Machines(folder, engine, bus, image=STANDIN, timing=TIMING, shares=[clips]) as machines:
        for number in range(INSTANCES):
            ask_for(machines, deepstream(number, broker.address.replace(":", ";")), camera(number))
        for wish in workers_and_cameras(bus, cameras, clips / "car-detection.mp4"):
            ask_for(machines, *wish)
        apply(machines)
        settle(machines)
        yield machines
    left = [each for each in machines.processes() if not in_container(each)]
    assert left == [], "left behind"


@pytest.fixture
def before(machines: Machines) -> Comparing:
    """All is as desired when a test begins."""
    return settle(machines)


def test_what_is_asked_for_runs_spread_over_the_machines(machines: Machines, before: Comparing) -> None:
    assert len(before.wanted("docker")) == INSTANCES + 1
    assert len(workers(machines)) == 2
    nodes = [row["placed_node"] for row in before.instances.values()]
    assert {nodes.count(machines.node_id(name)) for name in machines.names} == {5}
    assert len(by_instance(machines)) == INSTANCES + 1
    assert before.status["totals"]["instances"] == {"running": INSTANCES + 3}
    images = {one["Config"]["Image"] for one in containers(machines)}
    assert len(images) == 2
    assert json.dumps(before.status).count("unplaced") == 2
    assert instance_name(0) in before.instances
