"""Shares and their sources for the tests of documents: anything that users may have said."""

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, NodeShare
from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.messages.parts import RunOptions

NODE = UUID("6b3b6a1e-6a0e-4a52-9a9f-6a1f0c9d7e11")
DEEPSTREAM: dict[str, Any] = {
    "appconfig": {"kafka_connection_str": "kafka:9092"},
    "mot_pgie": {"labelfile_path": "/models/mot.txt"},
    "face_pgie": {"labelfile_path": "/models/face.txt"},
}
WORKER: dict[str, Any] = {
    "bus": "memory://",
    "workers": {"look": {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": "out.jsonl"}]}},
}

# What a password may be made of: long enough that no other text has it by chance.
passwords = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=10, max_size=24
).map(lambda text: f"q7{text}Zx")
users = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)
names = st.text("abcdefghijkl.-", min_size=1, max_size=8).map(lambda text: f"c{text}")


@st.composite
def cameras(draw: st.DrawFn, camera_id: str) -> CameraSource:
    login = draw(st.none() | st.tuples(users, passwords))
    path = draw(st.sampled_from(["main", "live?channel=1&subtype=0", "a/b"]))
    said: list[dict[str, Any]] = [{}, {"transport": "udp"}, {"read_timeout_s": 2.5, "enabled": True}]
    return CameraSource(
        camera_id=camera_id,
        address=f"rtsp://10.0.0.{draw(st.integers(1, 250))}:554/{path}",
        username=login and login[0],
        password=login and login[1],
        settings=draw(st.sampled_from(said)),
    )


@st.composite
def instances(draw: st.DrawFn, name: str) -> InstanceSource:
    kind = draw(st.sampled_from(["deepstream", "worker"]))
    run = RunOptions(
        runtime=draw(st.sampled_from(["docker", "process"])),
        one_at_a_time=draw(st.booleans()),
        ready_s=draw(st.sampled_from([5.0, 60.0])),
    )
    config = DEEPSTREAM if kind == "deepstream" else WORKER
    return InstanceSource(name=name, kind=kind, config=config, run=run, debug=draw(st.booleans()))


@st.composite
def nodes(draw: st.DrawFn) -> tuple[NodeShare, Sources]:
    """What one agent is to run, and all that there is."""
    camera_ids = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    instance_names = draw(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=4, unique=True))
    sources = Sources(
        revision=draw(st.integers(0, 9)),
        cameras={name: draw(cameras(name)) for name in camera_ids},
        instances={name: draw(instances(name)) for name in instance_names},
    )
    on = {name: draw(st.sampled_from(instance_names)) for name in camera_ids}
    found = [
        InstanceShare(
            name,
            draw(st.integers(1, 99)),
            draw(st.booleans()),
            tuple(CameraShare(each, 1, draw(st.integers(1, 99))) for each in camera_ids if on[each] == name),
        )
        for name in instance_names
    ]
    running = tuple(each for each in found if each.cameras)
    return NodeShare(node_id=NODE, generation=draw(st.integers(1, 10**9)), instances=running), sources
