"""The proof, step by step: what three machines run is what was asked for by the API, after each step.

Each test asks for something, and waits until containers, processes, files and the API say the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import confluent_kafka
import psutil
import pytest
from tests.conftest import WaitFor
from tests.fleet.proof.comparing import (
    Comparing,
    by_instance,
    container_of,
    containers,
    files_of,
    files_seen,
    label,
    workers,
)
from tests.fleet.proof.conftest import TIMING
from tests.fleet.proof.machines import Machines, arguments_of, environment_of, files_below, in_container
from tests.fleet.proof.wishes import (
    PASSWORD,
    RUN,
    apply,
    ask_for,
    camera,
    change,
    deepstream,
    events_of,
    settle,
    settle_at,
    workers_and_cameras,
)
from tools.services import Docker, KafkaBroker
from tools.services.light_images import STANDIN, changes_of

from sightline import Fence, Result
from sightline.bus import open_log
from sightline.fleet.messages.topics import MESSAGES
from sightline.wire import result_from_json

pytestmark = [
    pytest.mark.needs("docker", "kafka", "rtsp"),
    pytest.mark.alone,
    pytest.mark.timeout(900),
]

INSTANCES = 12
PATHS = [f"/api/v1/{each}" for each in ("status", "cameras", "instances", "agents", "events", "plan")]


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
    assert len(before.wanted("docker")) == len(by_instance(machines)) == INSTANCES + 1
    assert len(workers(machines)) == 2
    nodes = [row["placed_node"] for row in before.instances.values()]
    assert {nodes.count(machines.node_id(name)) for name in machines.names} == {5}
    assert before.status["totals"]["instances"] == {"running": INSTANCES + 3}


def test_only_what_was_changed_is_made_anew(machines: Machines, engine: Docker, before: Comparing) -> None:
    engine.add("standin:second", *changes_of(STANDIN), "LABEL second=yes")
    ids = by_instance(machines)
    change(machines, "cameras", "cam-00", address="rtsp://127.0.0.1:9/other/0", password="new-" + PASSWORD)
    change(machines, "instances", "ds-01", mot_confidence_threshold=0.4375)
    change(machines, "instances", "ds-02", run={**RUN, "limits": {"cpus": 0.5, "memory_mib": 256}})
    change(machines, "instances", "ds-03", run={**RUN, "image": "standin:second"})
    apply(machines)
    settle(machines)
    now = by_instance(machines)
    changed = {"ds-00", "ds-01", "ds-02", "ds-03"}
    assert {name for name in ids if ids[name] != now[name]} == changed
    texts = {name: files_of(found_container(machines, name)) for name in changed}
    assert f"new-{PASSWORD}@127.0.0.1:9/other/0" in texts["ds-00"]
    assert f":{PASSWORD}@" not in texts["ds-00"]
    assert "0.4375" in texts["ds-01"]
    assert all("0.4375" not in texts[name] for name in changed - {"ds-01"})
    apply(machines)
    settle(machines)
    assert by_instance(machines) == now, "the same again changes nothing"


def test_one_at_a_time_is_one_after_the_other_on_a_machine(machines: Machines, before: Comparing) -> None:
    node = machines.node_id("east")
    rows = before.wanted("docker").items()
    names = [name for name, row in rows if row["placed_node"] == node and row["kind"] == "deepstream"]
    assert len(names) >= 3
    since = time.time()
    for name in names:
        change(
            machines, "instances", name, face_confidence_threshold=0.25, run={**RUN, "one_at_a_time": True}
        )
    apply(machines)
    settle(machines)
    spans = sorted(span_of_change(machines, name, since) for name in names)
    for (_, ready_s), (ended_s, _) in pairwise(spans):
        assert ready_s <= ended_s, f"one was ended before the other was ready: {spans}"


def test_what_is_put_elsewhere_moves_and_an_exclusive_one_never_runs_twice(
    machines: Machines, before: Comparing
) -> None:
    was = before.names[before.instances["ds-04"]["placed_node"]]
    others = [name for name in machines.names if name != was]
    change(machines, "instances", "ds-04", exclusive=True, agent_name=was)
    apply(machines)
    settle_at(machines, "ds-04", was)
    moved: list[tuple[float, float]] = []
    for host in others:
        since = time.time()
        term = machines.api.get("/api/v1/cameras/cam-04")["term"]
        change(machines, "instances", "ds-04", agent_name=host)
        apply(machines)
        settle_at(machines, "ds-04", host)
        assert machines.api.get("/api/v1/cameras/cam-04")["term"] > term
        told = events_of(machines, "ds-04", since)
        ended_s = max(at_s for what, at_s in told if what == "die")
        begun_s = min(at_s for what, at_s in told if what == "create")
        assert ended_s <= begun_s, f"it ran twice: {told}"
        moved.append((ended_s, begun_s))
    assert len(moved) == 2


def test_results_of_a_moved_worker_carry_a_higher_term(
    machines: Machines, broker: KafkaBroker, before: Comparing, wait_for: WaitFor
) -> None:
    was = before.names[before.instances["eyes-1"]["placed_node"]]
    host = next(name for name in machines.names if name != was)
    with open_log(f"kafka://{broker.address}") as log:
        reader = log.consume("results_door", start="earliest")
        results: list[Result] = []

        def latest() -> int:
            results.extend(result_from_json(one.value) for one in reader.poll(500, 0.5))
            return results[-1].term if results else 0

        first = before.cameras["door"]["term"]
        wait_for(lambda: latest() == first, 60, "results of the first term")
        change(machines, "instances", "eyes-1", agent_name=host)
        apply(machines)
        now = settle_at(machines, "eyes-1", host)
        second = now.cameras["door"]["term"]
        assert second > first
        wait_for(lambda: latest() == second, 60, "results of the second term")
        fence = Fence()
        terms = [result.term for result in results if fence.admits(result)]
    assert terms == sorted(terms), "a late one was admitted"
    assert set(terms) == {first, second}


def test_a_drained_machine_runs_nothing_and_others_run_it(machines: Machines, before: Comparing) -> None:
    for name in ("ds-04", "eyes-1"):  # put somewhere by hand before
        change(machines, "instances", name, agent_name=None)
    apply(machines)
    settle(machines)
    machines.api.post("/api/v1/agents/south/drain")
    node = machines.node_id("south")
    settle(machines, until=lambda now: all(row["placed_node"] != node for row in now.instances.values()))
    assert all(label(one, "node") != node for one in containers(machines))
    machines.api.post("/api/v1/agents/south/undrain")
    there = by_instance(machines)
    settle(machines, until=lambda now: now.agents["south"]["state"] == "connected")
    assert by_instance(machines) == there, "something went back by itself"
    machines.api.post("/api/v1/rebalance")
    settle(machines, until=lambda now: any(row["placed_node"] == node for row in now.instances.values()))


def test_what_is_removed_is_gone_with_its_files_and_comes_again(
    machines: Machines, broker: KafkaBroker, before: Comparing, wait_for: WaitFor
) -> None:
    host = before.names[before.instances["ds-10"]["placed_node"]]
    ids = by_instance(machines)
    machines.api.ask("DELETE", "/api/v1/cameras/cam-10")
    machines.api.ask("DELETE", "/api/v1/instances/ds-10")
    apply(machines)
    settle(machines)
    del ids["ds-10"]
    assert by_instance(machines) == ids
    files = machines.state(host) / "instances"
    wait_for(lambda: not [*files.glob("ds-10/*/set-*")], 10, "its files to go, which nothing waits for")
    ask_for(machines, deepstream(10, broker.address.replace(":", ";")), camera(10))
    apply(machines)
    settle(machines, until=lambda now: now.instances["ds-10"]["status"] == "running")


def test_what_was_changed_by_hand_is_put_right_and_told(
    machines: Machines, engine: Docker, before: Comparing
) -> None:
    ids = by_instance(machines)
    engine.ask("rm", "--force", ids["ds-05"])
    engine.ask("update", "--restart", "no", ids["ds-06"])
    edited = next(path for path in files_seen(found_container(machines, "ds-07")) if path.suffix == ".txt")
    text = edited.read_text()
    edited.write_text(f"{text}\n# somebody was here\n")
    told = {"ds-05": "it was gone", "ds-06": "restart policy", "ds-07": f"edited: {edited.name}"}
    now = settle(
        machines, until=lambda _: all(why in explained(machines, name) for name, why in told.items())
    )
    assert {name for name, row in now.instances.items() if row["status"] != "running"} == set()
    after = by_instance(machines)
    assert {name for name in ids if ids[name] != after[name]} == set(told)
    assert "somebody was here" not in files_of(found_container(machines, "ds-07"))


def test_logs_come_through_the_api_and_no_secret_with_them(machines: Machines, before: Comparing) -> None:
    logs = {name: machines.api.get(f"/api/v1/instances/{name}/logs")["log"] for name in before.instances}
    assert "Runtime commands" in logs["ds-08"]
    assert all(PASSWORD not in log for log in logs.values())


def test_a_planted_password_is_nowhere_but_in_files_of_their_owner(
    machines: Machines, broker: KafkaBroker, before: Comparing
) -> None:
    secret = PASSWORD.encode()
    said = {
        "docker inspect": json.dumps(containers(machines)).encode(),
        "answers": json.dumps([machines.api.get(path) for path in PATHS]).encode(),
        "logs": machines.said().encode(),
        "arguments": "".join(arguments_of(each) for each in psutil.process_iter()).encode(),
        "environments": "".join(environment_of(each) for each in machines.processes()).encode(),
        **{kind.topic: bytes_of(broker.address, machines.prefix + kind.topic) for kind in MESSAGES},
    }
    empty = {name for name, data in said.items() if not data}
    assert empty <= {"UpdateConfig", "Refresh"}, "nothing was looked at"
    assert [name for name, data in said.items() if secret in data] == []
    found = [path for path in files_below(machines.folder) if secret in path.read_bytes()]
    assert found
    assert {path.name for path in found if path.is_relative_to(machines.folder / "coordinator")} == set()
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    assert all("/instances/" in str(path) for path in found), "logins are in the clear for what runs alone"


def found_container(machines: Machines, name: str) -> dict[str, object]:
    found = container_of(machines, name)
    assert found is not None
    return found


def explained(machines: Machines, name: str) -> str:
    return json.dumps(machines.api.get(f"/api/v1/explain/instance/{name}"))


def span_of_change(machines: Machines, name: str, since_s: float) -> tuple[float, float]:
    """When the old one was ended, and when the new one said that it runs."""
    ended_s = min(at_s for what, at_s in events_of(machines, name, since_s) if what == "die")
    lines = machines.docker.logs(by_instance(machines)[name], timestamps=True).decode().splitlines()
    ready = next(line.partition(" ")[0] for line in lines if "Runtime commands" in line)
    return ended_s, datetime.fromisoformat(f"{ready[:26]}+00:00").timestamp()


def bytes_of(address: str, topic: str) -> bytes:
    """All that is on a topic of Kafka's, keys, values and headers."""
    settings = {"bootstrap.servers": address, "group.id": "proof", "enable.partition.eof": True}
    reader = confluent_kafka.Consumer({**settings, "auto.offset.reset": "earliest"})
    found = bytearray()
    try:
        if topic not in reader.list_topics(timeout=20).topics:
            return b""  # nobody sent any: to read it would wait until it is there
        reader.assign([confluent_kafka.TopicPartition(topic, 0, confluent_kafka.OFFSET_BEGINNING)])
        while (message := reader.poll(20)) is not None and message.error() is None:
            parts = [message.key(), message.value(), repr(message.headers())]
            found += "\n".join(part if isinstance(part, str) else repr(part) for part in parts).encode()
    finally:
        reader.close()
    return bytes(found)
