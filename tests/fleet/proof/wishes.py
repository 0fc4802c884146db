"""What the fleet of the proof is asked for: instances of DeepStream, workers, and their cameras."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
from tests.fleet.agent.desk import DEEPSTREAM
from tests.fleet.proof.comparing import LABEL, Comparing
from tests.fleet.proof.machines import Machines
from tools.services.light_images import WORKER

RUN = {"ready_s": 120.0, "settle_s": 0.3}
MODELS = {name: part for name, part in DEEPSTREAM.items() if name != "appconfig"}
STEP_S = 240.0
_LOOK_S = 0.1
NO_BROKER = "127.0.0.1;9"
USER, PASSWORD = "viewer", "pl4nted-geheim"


def instance_name(number: int) -> str:
    return f"ds-{number:02}"


def deepstream(number: int, kafka: str, **more: Any) -> dict[str, Any]:
    """Of one camera that stands in for a real one. The first one sends to that broker; of the others, which
    would send sixty messages a second each, nobody reads any.
    """
    return {
        "instance_name": instance_name(number),
        "kafka_connection_str": kafka if number == 0 else NO_BROKER,
        "config": MODELS,
        "debug": True,
        "run": RUN,
        **more,
    }


def camera(number: int) -> dict[str, Any]:
    return {
        "camera_id": f"cam-{number:02}",
        "address": f"rtsp://127.0.0.1:9/street/{number}",
        "username": USER,
        "password": PASSWORD,
        "instance_name": instance_name(number),
    }


def worker(name: str, bus: str, **more: Any) -> dict[str, Any]:
    """A model of motion; its results go onto the bus, with their terms."""
    sinks = [{"kind": "bus", "url": bus}]
    look = {"model": {"kind": "motion"}, "rate": 4, "size": "160x90", "sinks": sinks}
    return {
        "instance_name": name,
        "kind": "worker",
        "config": {"workers": {"w": look}},
        "run": {**RUN, "runtime": "process", **more.pop("run", {})},
        **more,
    }


def workers_and_cameras(
    bus: str, urls: Mapping[str, str], clip: Path
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Three: of a camera with a login as a process, of a file as a process, and of one in a container."""
    login = {"username": USER, "password": PASSWORD}
    played = {"address": str(clip), "settings": {"loop": True, "realtime": True}}
    yield worker("eyes-1", bus), {"camera_id": "door", "address": urls["door"], **login}
    yield worker("eyes-2", bus), {"camera_id": "road", **played}
    in_container = {"runtime": "docker", "image": WORKER}
    yield worker("eyes-3", bus, run=in_container), {"camera_id": "yard", "address": urls["yard"], **login}


def ask_for(machines: Machines, instance: dict[str, Any], camera: dict[str, Any] | None = None) -> None:
    """In the draft."""
    machines.api.post("/api/v1/instances", instance)
    if camera is not None:
        put_on = {"instance_name": instance["instance_name"]}
        machines.api.post("/api/v1/cameras", {**camera, **put_on})


def change(machines: Machines, kind: str, name: str, **values: Any) -> None:
    """In the draft."""
    machines.api.ask("PATCH", f"/api/v1/{kind}/{name}", json=values)


def apply(machines: Machines) -> int:
    """The revision that holds now."""
    return int(machines.api.post("/api/v1/update-config")["revision"])


def settle(
    machines: Machines, timeout_s: float = STEP_S, *, until: Callable[[Comparing], bool] | None = None
) -> Comparing:
    """What is there is what is desired, and `until` holds too; else TimeoutError says what is not so."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = not_yet(machines)
            if not found:
                now = Comparing(machines)
                found = now.differences()
                if not found and (until is None or until(now)):
                    return now
        except (
            OSError,
            docker.errors.DockerException,
        ) as error:  # files and containers go while they are looked at
            found = [str(error)]
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s; still different: {found}\n{machines.said()[-4000:]}")
        time.sleep(_LOOK_S)


def not_yet(machines: Machines) -> list[str]:
    """What the API itself says is not as desired: the rest is not looked at while it is so, as that takes
    time from those that are looked at.
    """
    status = machines.api.get("/api/v1/status")
    return [] if status["as_desired"] else [f"the API says: {status}"]


def settle_at(machines: Machines, name: str, host: str, timeout_s: float = STEP_S) -> Comparing:
    """All is as desired, with this instance on that machine."""
    return settle(
        machines, timeout_s, until=lambda now: now.names[now.instances[name]["placed_node"]] == host
    )


def events_of(machines: Machines, name: str, since_s: float) -> list[tuple[str, float]]:
    """What became of its containers, with seconds since 1970."""
    filters = {"label": f"{LABEL}instance={name}", "type": "container"}
    told = machines.docker.events(since=since_s, until=time.time(), filters=filters, decode=True)
    return [(one["Action"], one["timeNano"] / 1e9) for one in told]
