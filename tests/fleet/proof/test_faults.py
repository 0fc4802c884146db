"""Faults on the real thing: afterwards what runs is what is desired, without hands.

Two of the four containers, and the worker, may run twice for a moment; the other two must not.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cable import Cable
from tests.conftest import WaitFor, missing
from tests.fleet.proof.comparing import Comparing, by_instance, container_of, containers, label
from tests.fleet.proof.machines import Machines, in_container
from tests.fleet.proof.wishes import (
    apply,
    ask_for,
    camera,
    change,
    deepstream,
    events_of,
    settle,
    settle_at,
    worker,
)
from tools.services import Docker, KafkaBroker
from tools.services.light_images import STANDIN
from tools.services.ports import free_port

from sightline.errors import FleetError
from sightline.fleet.agent.disk import Stages
from sightline.fleet.api.client import Refused
from sightline.fleet.store.copying import copy_database

pytestmark = [
    pytest.mark.needs("docker", "kafka"),
    pytest.mark.waits,
    pytest.mark.xdist_group("fleet"),
    pytest.mark.timeout(900),
]

TIMING = {"lease_s": 7.0, "margin_s": 3.0, "ack_s": 0.5, "move_after_s": 2.0, "send_again_s": 3.0}
LEASE_S = TIMING["lease_s"]
FREE, ALONE = ("ds-00", "ds-01"), ("ds-02", "ds-03")
HOSTS = {"ds-00": "north", "ds-01": "east", "ds-02": "north", "ds-03": "east"}


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of a few MiB, for the database."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "sightline-test", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        missing("a file system of our own: not mounted; to add it: run as root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def cable() -> Iterator[Cable]:
    """Between one machine and the broker."""
    with Cable(free_port()) as cable:
        yield cable


@pytest.fixture(scope="module")
def broker(cable: Cable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One that is met at its own port, and by the cable."""
    port, controller = free_port(), free_port()
    listeners = {"CLIENTS": port, "CONTROLLER": controller, "CABLE": cable.target}
    told = {"CLIENTS": port, "CABLE": cable.port}
    settings = {
        "listeners": ",".join(f"{name}://127.0.0.1:{at}" for name, at in listeners.items()),
        "advertised.listeners": ",".join(f"{name}://127.0.0.1:{at}" for name, at in told.items()),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
    }
    with KafkaBroker(tmp_path_factory.mktemp("kafka"), port, settings=settings) as broker:
        yield broker


@pytest.fixture(scope="module")
def machines(
    engine: Docker,
    broker: KafkaBroker,
    cable: Cable,
    small_disk: Path,
    clips: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Machines]:
    """Three machines, north at the end of a cable, as desired."""
    bus = f"kafka://{broker.address}"
    with Machines(
        tmp_path_factory.mktemp("fleet"),
        engine,
        bus,
        image=STANDIN,
        timing=TIMING,
        buses={"north": f"kafka://127.0.0.1:{cable.port}"},
        disk=small_disk,
    ) as machines:
        for number, (name, host) in enumerate(HOSTS.items()):
            wish = deepstream(number, broker.address.replace(":", ";"), agent_name=host)
            ask_for(machines, {**wish, "exclusive": name in ALONE}, camera(number))
        played = {"address": str(clips / "car-detection.mp4"), "settings": {"loop": True, "realtime": True}}
        ask_for(machines, worker("eyes", bus, agent_name="south"), {"camera_id": "road", **played})
        apply(machines)
        settle(machines)
        for name in (*HOSTS, "eyes"):  # where they are they stay, and may be moved
            change(machines, "instances", name, agent_name=None)
        apply(machines)
        settle(machines)
        yield machines
    left = [each for each in machines.processes() if not in_container(each)]
    assert left == [], "left behind"


@pytest.fixture
def before(machines: Machines) -> Comparing:
    """All is as desired, with each instance where it was at first."""
    now = settle(machines)
    for name, host in HOSTS.items():
        if now.names[now.instances[name]["placed_node"]] != host:
            change(machines, "instances", name, agent_name=host)
            apply(machines)
            settle_at(machines, name, host)
            change(machines, "instances", name, agent_name=None)
            apply(machines)
    return settle(machines)


def test_a_coordinator_that_is_killed_in_the_middle_goes_on(machines: Machines, before: Comparing) -> None:
    ids = by_instance(machines)
    change(machines, "instances", "ds-00", mot_confidence_threshold=0.375)
    apply(machines)
    machines.coordinator.end(signal.SIGKILL)
    machines.coordinator.start()
    settle(machines, until=lambda _: by_instance(machines)["ds-00"] != ids["ds-00"])
    assert by_instance(machines)["ds-01"] == ids["ds-01"], "it was begun anew for no reason"


def test_containers_outlive_their_agent_and_the_next_one_takes_them(
    machines: Machines, before: Comparing
) -> None:
    ids = by_instance(machines)
    machines.kill("east")
    assert by_instance(machines) == ids
    machines.begin("east")
    now = settle(
        machines, until=lambda now: now.agents["east"]["last_seen"] > before.agents["east"]["last_seen"]
    )
    assert by_instance(machines) == ids, "they were begun anew"
    assert {row["status"] for row in now.instances.values()} == {"running"}


def test_an_agent_that_stays_away_loses_what_must_not_run_twice(
    machines: Machines, before: Comparing
) -> None:
    since = time.time()
    machines.kill("east")
    now = settle_away(machines, "ds-03", "east")
    assert_never_twice(machines, "ds-03", since)
    assert now.instances["ds-03"]["status"] == "running"
    machines.begin("east")
    settle(machines)


def test_a_container_that_is_killed_comes_back(machines: Machines, before: Comparing) -> None:
    ids = by_instance(machines)
    for name in ("ds-01", "ds-03"):
        machines.engine.ask("kill", ids[name])

    def runs(_: Comparing) -> bool:
        found = [container_of(machines, name) for name in ("ds-01", "ds-03")]
        return all(one is not None and one["State"]["Running"] for one in found)

    settle(machines, until=runs)


def test_a_broker_that_is_killed_is_got_over(
    machines: Machines, broker: KafkaBroker, before: Comparing
) -> None:
    ids = by_instance(machines)
    broker.kill()
    broker.start()
    change(machines, "instances", "ds-01", face_confidence_threshold=0.375)
    apply(machines)
    settle(machines, until=lambda _: by_instance(machines)["ds-01"] != ids["ds-01"])
    assert by_instance(machines)["ds-00"] == ids["ds-00"], "it was begun anew for no reason"


def test_an_engine_that_is_killed_in_a_deployment_is_got_over(
    machines: Machines, engine: Docker, before: Comparing
) -> None:
    ids = by_instance(machines)
    engine.crash()
    change(machines, "instances", "ds-00", mot_confidence_threshold=0.125)
    apply(machines)
    engine.begin_again()
    settle(machines, until=lambda _: by_instance(machines)["ds-00"] != ids["ds-00"])


def test_a_full_disk_refuses_changes_and_stops_nothing(
    machines: Machines, small_disk: Path, before: Comparing
) -> None:
    ids = by_instance(machines)
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
    with pytest.raises(Refused, match="full|room"):
        write_until_refused(machines)
    until_s = time.monotonic() + 2 * LEASE_S
    while time.monotonic() < until_s:  # leases are kept up all the while
        assert by_instance(machines) == ids
        time.sleep(0.5)
    ballast.unlink()
    for row in [*machines.api.all_of("/api/v1/agents", text="more-")]:
        machines.api.ask("DELETE", f"/api/v1/agents/{row['agent_name']}")
    change(machines, "instances", "ds-00", mot_confidence_threshold=0.25)
    apply(machines)
    settle(machines, until=lambda _: by_instance(machines)["ds-00"] != ids["ds-00"])
    assert by_instance(machines)["ds-02"] == ids["ds-02"]


def test_a_database_of_before_raises_its_numbers_past_those_of_the_agents(
    machines: Machines, tmp_path: Path, before: Comparing
) -> None:
    database = machines.coordinator.database
    copy_database(database, tmp_path / "backup.db")
    change(machines, "instances", "ds-00", agent_name="south", mot_confidence_threshold=0.75)
    change(machines, "instances", "ds-02", agent_name="south")
    apply(machines)
    settle_at(machines, "ds-00", "south")
    lost = settle_at(machines, "ds-02", "south")
    machines.coordinator.end(signal.SIGKILL)
    for left in database.parent.glob("fleet.db-*"):
        left.unlink()
    database.write_bytes((tmp_path / "backup.db").read_bytes())
    since = time.time()
    machines.coordinator.start()
    now = settle(machines, until=lambda now: is_as(now, before))
    for name, row in now.agents.items():
        assert row["config_generation"] > lost.agents[name]["config_generation"] or name == "east"
    for name in ("cam-00", "cam-02"):
        assert now.cameras[name]["term"] > lost.cameras[name]["term"]
    assert_never_twice(machines, "ds-02", since)


def test_a_machine_that_is_cut_off_gives_up_what_must_not_run_twice_and_comes_back(
    machines: Machines, cable: Cable, before: Comparing, wait_for: WaitFor
) -> None:
    since = time.time()
    cable.pull()
    try:
        wait_for(
            lambda: host_of(machines, "ds-00") != "north" and host_of(machines, "ds-02") != "north",
            90,
            "others to run what north ran",
        )
        wait_for(lambda: runs_on(machines, "ds-02") == [host_of(machines, "ds-02")], 60, "it to run there")
        wait_for(lambda: len(runs_on(machines, "ds-00")) == 2, 60, "what may run twice to do so")
    finally:
        cable.plug()
    hosts = {name: host_of(machines, name) for name in HOSTS}
    now = settle(machines, until=lambda now: now.agents["north"]["state"] == "connected")
    assert {name: now.names[now.instances[name]["placed_node"]] for name in HOSTS} == hosts, "it flapped"
    assert_never_twice(machines, "ds-02", since)
    created = [what for what, _ in events_of(machines, "ds-02", since) if what == "create"]
    assert len(created) == 1, "it was begun more often than once"


STEPS = {
    "after:pending.json": False,
    "begin": False,
    "before:verified.json": False,
    "after:verified.json": True,
    "after:previous.json": True,
    "after:current.json": True,
}
"""When the agent is killed, and whether the new one is known as good by then."""


@pytest.mark.parametrize(("when", "is_new"), STEPS.items())
def test_a_deployment_that_is_cut_short_is_no_known_good_one(
    machines: Machines, before: Comparing, tmp_path: Path, wait_for: WaitFor, when: str, is_new: bool
) -> None:
    good = before.agents["east"]["verified_generation"]
    machines.kill("east")
    killed = machines.begin("east", program=("tests.fleet.proof.killed_agent", when))
    settle(machines, until=heard_since(before, "east"))
    value = 0.5 if before.instances["ds-01"]["mot_confidence_threshold"] != 0.5 else 0.625
    change(machines, "instances", "ds-01", mot_confidence_threshold=value)
    apply(machines)
    wait_for(lambda: killed.process.poll() is not None, 90, "the agent to be killed at its step")
    assert killed.process.returncode == -signal.SIGKILL
    stages = tmp_path / "stages"
    stages.mkdir()
    for path in (machines.state("east") / "stages").glob("*.json"):
        (stages / path.name).write_bytes(path.read_bytes())
    stored = Stages(stages, print).load()
    assert stored is not None
    assert (stored.generation > good) == is_new
    machines.begin("east")
    settle(machines)


def write_until_refused(machines: Machines) -> None:
    """The log may have some pages left."""
    for number in range(1000):
        machines.api.post("/api/v1/agents", {"agent_name": f"more-{number}", "description": "x" * 2000})


def heard_since(before: Comparing, name: str) -> Callable[[Comparing], bool]:
    """That machine was heard after that moment."""
    return lambda now: now.agents[name]["last_seen"] > before.agents[name]["last_seen"]


def settle_away(machines: Machines, name: str, host: str) -> Comparing:
    """It runs elsewhere, whatever of that machine is still missing."""
    deadline = time.monotonic() + 120
    while True:
        with suppress(FleetError):
            now = Comparing(machines)
            row = now.instances[name]
            if row["status"] == "running" and now.names[row["placed_node"]] != host:
                return now
        assert time.monotonic() < deadline, f"{name} is not elsewhere: {row}"
        time.sleep(0.2)


def is_as(now: Comparing, before: Comparing) -> bool:
    """Every instance is where it was then, with the same settings."""
    return all(
        row["placed_node"] == before.instances[name]["placed_node"]
        and row["mot_confidence_threshold"] == before.instances[name]["mot_confidence_threshold"]
        for name, row in now.instances.items()
    )


def host_of(machines: Machines, name: str) -> str:
    """Where it is to run."""
    node = machines.api.get(f"/api/v1/instances/{name}")["placed_node"]
    return next((each for each in machines.names if machines.node_id(each) == node), "nowhere")


def runs_on(machines: Machines, name: str) -> list[str]:
    """Where it does run."""
    found = [
        one for one in containers(machines) if label(one, "instance") == name and one["State"]["Running"]
    ]
    nodes = {machines.node_id(each): each for each in machines.names}
    return [nodes[label(one, "node")] for one in found if one["State"]["Running"]]


def assert_never_twice(machines: Machines, name: str, since_s: float) -> None:
    """From then on, by what the engine noted: a start comes after the end of the one before."""
    running = 1
    for what, _ in events_of(machines, name, since_s):
        running += {"start": 1, "die": -1}.get(what, 0)
        assert 0 <= running <= 1, events_of(machines, name, since_s)
