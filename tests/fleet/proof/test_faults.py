"""Faults on the real thing: afterwards what runs is what is desired, without hands.

Two of the four containers, and the worker, may run twice for a moment; the other two must not.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from tests.cable import Cable
from tests.conftest import WaitFor, missing
from tests.fleet.proof.afterwards import (
    another,
    assert_never_twice,
    begun,
    changed,
    digests_of,
    heard_again,
    host_of,
    is_as,
    lease_left_s,
    let_go,
    runs_on,
    settle_away,
    where,
    write_until_refused,
)
from tests.fleet.proof.comparing import Comparing, by_instance, identity_of, workers
from tests.fleet.proof.machines import Machines, in_container
from tests.fleet.proof.wishes import (
    apply,
    ask_for,
    camera,
    change,
    deepstream,
    events_of,
    settle,
    worker,
)
from tools.services import Docker, KafkaBroker
from tools.services.light_images import STANDIN
from tools.services.ports import free_port

from sightline.bus import open_log
from sightline.fleet.agent.disk import Stages
from sightline.fleet.api.client import Refused
from sightline.fleet.deciding.agent.desired import Desired
from sightline.fleet.documents.opening import open_config
from sightline.fleet.messages.topics import AgentConfig
from sightline.fleet.store.copying import copy_database
from sightline.fleet.timing import Timing

pytestmark = [
    pytest.mark.needs("docker", "kafka"),
    pytest.mark.alone,
    pytest.mark.timeout(900),
]

TIMING = {"lease_s": 10.0, "margin_s": 3.0, "ack_s": 0.5, "move_after_s": 2.0, "send_again_s": 3.0}
LEASE_S = TIMING["lease_s"]
_TOGETHER = ("lease_s", "margin_s", "move_after_s")
CUT_S = 60 * sum(TIMING[name] for name in _TOGETHER) / sum(getattr(Timing(), name) for name in _TOGETHER)
"""A minute, where these are not shorter than they are by default."""
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
        killed=["east"],
    ) as machines:
        for number, (name, host) in enumerate(HOSTS.items()):
            wish = deepstream(number, broker.address.replace(":", ";"), agent_name=host)
            ask_for(machines, {**wish, "exclusive": name in ALONE}, camera(number))
        played = {"address": str(clips / "car-detection.mp4"), "settings": {"loop": True, "realtime": True}}
        ask_for(machines, worker("eyes", bus, agent_name="south"), {"camera_id": "road", **played})
        apply(machines)
        settle(machines)
        let_go(machines, *HOSTS, "eyes")
        yield machines
    left = [each for each in machines.processes() if not in_container(each)]
    assert left == [], "left behind"


@pytest.fixture
def before(machines: Machines) -> Comparing:
    """All is as desired, with each instance where it was at first."""
    now = settle(machines)
    away = [name for name, host in HOSTS.items() if now.names[now.instances[name]["placed_node"]] != host]
    if not away:
        return now
    for name in away:
        change(machines, "instances", name, agent_name=HOSTS[name])
    apply(machines)
    settle(machines, until=lambda now: {name: where(now, name) for name in HOSTS} == HOSTS)
    return let_go(machines, *away)


def test_a_coordinator_that_is_killed_in_the_middle_goes_on(machines: Machines, before: Comparing) -> None:
    ids = by_instance(machines)
    change(machines, "instances", "ds-00", mot_confidence_threshold=another(before, "ds-00"))
    apply(machines)
    machines.coordinator.end(signal.SIGKILL)
    machines.coordinator.start()
    settle(machines, until=lambda _: by_instance(machines)["ds-00"] != ids["ds-00"])
    assert by_instance(machines)["ds-01"] == ids["ds-01"], "it was begun anew for no reason"


def test_containers_outlive_their_agent_and_the_next_one_takes_them(
    machines: Machines, before: Comparing, wait_for: WaitFor
) -> None:
    """Within its lease, of which the next agent has as much as there is."""
    ids = by_instance(machines)
    # One that began a moment ago lets nobody in who may have what must not run twice.
    sure_s = LEASE_S + TIMING["margin_s"] + 1
    wait_for(
        lambda: machines.coordinator.age_s > sure_s, 2 * sure_s, "a coordinator that knows who runs what"
    )
    wait_for(lambda: lease_left_s(machines, "east") > LEASE_S - 1, 10, "a lease that was just renewed")
    machines.kill("east")
    assert by_instance(machines) == ids
    heard = heard_again(machines, "east")
    machines.begin("east")
    now = settle(machines, until=heard)
    assert by_instance(machines) == ids, "they were begun anew"
    assert {row["status"] for row in now.instances.values()} == {"running"}


def test_a_process_ends_with_its_agent_and_the_next_one_begins_it(
    machines: Machines, before: Comparing, wait_for: WaitFor
) -> None:
    host = where(before, "eyes")
    machines.kill(host)
    wait_for(lambda: workers(machines) == {}, 20, "the worker to end with its agent")
    heard = heard_again(machines, host)
    machines.begin(host)
    now = settle(machines, until=heard)
    assert where(now, "eyes") == host


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


def test_what_is_killed_comes_back(machines: Machines, before: Comparing) -> None:
    alive = begun(machines)
    for name in ("ds-01", "ds-03", "eyes"):
        os.kill(alive[name], signal.SIGKILL)
    settle(machines, until=lambda _: changed(alive, begun(machines)) == {"ds-01", "ds-03", "eyes"})


def test_a_broker_that_is_killed_is_got_over(
    machines: Machines, broker: KafkaBroker, before: Comparing
) -> None:
    ids = by_instance(machines)
    broker.kill()
    change(machines, "instances", "ds-01", face_confidence_threshold=another(before, "ds-01", "face"))
    apply(machines)
    broker.start()
    settle(machines, until=lambda _: by_instance(machines)["ds-01"] != ids["ds-01"])
    assert by_instance(machines)["ds-00"] == ids["ds-00"], "it was begun anew for no reason"


def test_an_engine_that_is_killed_in_a_deployment_is_got_over(
    machines: Machines, engine: Docker, before: Comparing
) -> None:
    ids = by_instance(machines)
    engine.crash()
    change(machines, "instances", "ds-00", mot_confidence_threshold=another(before, "ds-00"))
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
    until_s = time.monotonic() + LEASE_S + 2
    while time.monotonic() < until_s:  # leases are kept up all the while
        assert by_instance(machines) == ids
        time.sleep(0.5)
    ballast.unlink()
    for row in [*machines.api.all_of("/api/v1/agents", text="more-")]:
        machines.api.ask("DELETE", f"/api/v1/agents/{row['agent_name']}")
    change(machines, "instances", "ds-00", mot_confidence_threshold=another(before, "ds-00"))
    apply(machines)
    settle(machines, until=lambda _: by_instance(machines)["ds-00"] != ids["ds-00"])
    assert by_instance(machines)["ds-02"] == ids["ds-02"]


def test_a_database_of_before_raises_its_numbers_past_those_of_the_agents(
    machines: Machines, tmp_path: Path, before: Comparing
) -> None:
    database = machines.coordinator.database
    copy_database(database, tmp_path / "backup.db")
    change(
        machines, "instances", "ds-00", agent_name="south", mot_confidence_threshold=another(before, "ds-00")
    )
    change(machines, "instances", "ds-02", agent_name="south")
    apply(machines)
    lost = settle(machines, until=lambda now: {where(now, name) for name in ("ds-00", "ds-02")} == {"south"})
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
        wait_for(lambda: time.time() > since + CUT_S, CUT_S, "a minute to be over")
    finally:
        cable.plug()
    hosts = {name: host_of(machines, name) for name in HOSTS}
    now = settle(machines, until=lambda now: now.agents["north"]["state"] == "connected")
    assert {name: where(now, name) for name in HOSTS} == hosts, "it flapped"
    assert_never_twice(machines, "ds-02", since)
    created = [what for what, _ in events_of(machines, "ds-02", since) if what == "create"]
    assert len(created) == 1, "it was begun more often than once"


STEPS = {
    "before:pending.json": False,
    "after:pending.json": False,
    "removed": False,
    "made": False,
    "begun": False,
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
    killed = machines.kill_at("east", when)
    change(machines, "instances", "ds-01", mot_confidence_threshold=another(before, "ds-01"))
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
    heard = heard_again(machines, "east")
    machines.begin("east")
    settle(machines, until=heard)


def test_no_number_was_given_twice_whatever_happened(
    machines: Machines, broker: KafkaBroker, before: Comparing, wait_for: WaitFor
) -> None:
    """All that was ever sent above, in its order: numbers rise, and each has one meaning."""
    newest = {row["node_id"]: row["config_generation"] for row in before.agents.values()}
    opened: dict[str, list[Desired]] = {node: [] for node in newest}
    identities = {machines.node_id(name): identity_of(machines, name) for name in machines.names}
    with open_log(f"kafka://{broker.address}") as log:
        reader = log.consume(f"{machines.prefix}{AgentConfig.topic}", start="earliest")

        def all_read() -> bool:
            for one in reader.poll(1000, 0.5):
                config, node = AgentConfig.from_json(one.value), (one.key or b"").decode()
                opened[node].append(open_config(config, identities[node], UUID(node)))
            return {node: all_of[-1].generation for node, all_of in opened.items() if all_of} == newest

        wait_for(all_read, 30, "the newest of each machine")
    for all_of in opened.values():
        for older, newer in pairwise(all_of):
            assert older.generation <= newer.generation
            same = digests_of(older) == digests_of(newer)
            assert same or older.generation < newer.generation, f"two meanings of {newer.generation}"
