"""Instances for the tests of what runs them: of DeepStream's stand-in, of Sightline's own, and of neither."""

import sys
from pathlib import Path
from typing import Any

from tests.deepstream.generated import instance as ds_document

from sightline.fleet.deciding.agent.desired import DesiredInstance
from sightline.fleet.messages.parts import FleetDsInstance, RunOptions, WorkerInstance
from sightline.fleet.runtime.preparing import Programs

STANDIN = (sys.executable, "-m", "sightline.deepstream.standin")
PROGRAMS = Programs(deepstream=STANDIN)
GATE = {"camera_id": "gate", "address": "rtsp://admin:geheim%40@127.0.0.1:9/main"}
YARD = {"camera_id": "yard", "address": "rtsp://127.0.0.1:9/live"}


def deepstream(
    name: str = "west", *, digest: str = "d1", debug: bool = True, runtime: Any = "process", **run: Any
) -> DesiredInstance:
    """Of two cameras; with `debug` it says its rates every five seconds."""
    document = ds_document(GATE, YARD, app={"kafka_connection_str": "127.0.0.1:9"})
    payload = FleetDsInstance(
        name=name, config=document.config, run=RunOptions(runtime=runtime, **run), debug=debug
    )
    return DesiredInstance(
        name=name, digest=digest, payload=payload, generation=3, exclusive=payload.run.exclusive
    )


def worker(
    camera: Path | str, name: str = "eyes", *, digest: str = "w1", runtime: Any = "process", **run: Any
) -> DesiredInstance:
    """One camera that a model of motion looks at; results go to `seen.jsonl` in its working folder."""
    site: dict[str, Any] = {
        "cameras": {"door": {"url": str(camera)}},
        "workers": {
            "w": {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": "seen.jsonl"}]},
        },
    }
    payload = WorkerInstance(name=name, site=site, run=RunOptions(runtime=runtime, **run))
    return DesiredInstance(
        name=name, digest=digest, payload=payload, generation=5, exclusive=payload.run.exclusive
    )
