"""50 people who look at one camera and at the page: what the coordinator spends, and who reads the camera.

Hub, coordinator and an agent with one worker are processes by their commands; the viewers are one more. The
camera is an RTSP server in the turn's own process, which counts who reads it.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import psutil
from tools.cockpit_fleet import CockpitFleet
from tools.services.process import Process
from tools.services.waiting import wait_for

from benches.bench import Bench, Missing, Scale, WrongWork
from benches.clips import ROOT, clip
from benches.fleets.viewers import Came
from benches.measuring import MB
from benches.pairing import Aim, Figures
from sightline.fakecam import FakeCamera, FakeCameras

CPU: Final = "coordinator, % of a core"
WORKER: Final = "agent and worker, % of a core"
RSS: Final = "coordinator, RSS MB"
MORE: Final = "coordinator, MB more than before anybody looked"
SENT: Final = "MB/s to viewers"
SEGMENTS: Final = "segments/s of a viewer"
BOXES: Final = "boxes/s of a viewer"
READS: Final = "reads of the camera"
NOBODY, ONE, MANY = "nobody", "1 viewer", "50 viewers"
_CAMERA: Final = "gate"
_CLIP_S: Final = 10
_WORKER: Final = {"model": {"kind": "motion"}, "rate": 5}


def _needs(_scale: Scale) -> None:
    clip(_CLIP_S)
    for name in ("fastapi", "sqlalchemy", "httpx", "argon2"):
        if find_spec(name) is None:
            raise Missing(f"{name}; pip install 'sightline[fleet]'")


def _viewed(viewers: int) -> Callable[[Scale], Figures]:
    def turn(scale: Scale) -> Figures:
        with (
            TemporaryDirectory() as name,
            FakeCameras({_CAMERA: FakeCamera(url=str(clip(_CLIP_S)))}) as cameras,
            CockpitFleet(Path(name), ("hall",)) as fleet,
        ):
            _begin(fleet, cameras.url(_CAMERA))
            wait_for(lambda: fleet.camera_states().get(_CAMERA) == "live", 60, "the camera to be live")
            time.sleep(scale.paced_s / 8)  # what the beginning left behind
            return _measured(fleet, cameras, viewers, scale, Path(name))

    return turn


def _begin(fleet: CockpitFleet, address: str) -> None:
    instance = {"instance_name": "eyes", "kind": "worker", "config": {"workers": {"w": _WORKER}}}
    fleet.api.post("/api/v1/instances", {**instance, "run": {"runtime": "process"}})
    fleet.api.post("/api/v1/cameras", {"camera_id": _CAMERA, "address": address, "instance_name": "eyes"})
    fleet.api.post("/api/v1/update-config")


def _measured(fleet: CockpitFleet, cameras: FakeCameras, viewers: int, scale: Scale, folder: Path) -> Figures:
    coordinator = psutil.Process(fleet.coordinator.pid)
    before_mb = coordinator.memory_info().rss / MB
    token = fleet.database.with_name(f"{fleet.database.name}.token").read_text().strip()
    file = folder / f"came-{secrets.token_hex(2)}.json"
    command = [
        sys.executable,
        "-m",
        "benches.fleets.viewers",
        fleet.url,
        token,
        _CAMERA,
        str(viewers),
        str(file),
    ]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    looking = Process(
        "viewers", command, folder, ready=file.exists, ready_within_s=30, environment=environment
    )
    looking.start()
    try:
        wait_for(lambda: _came(file).live == viewers == _came(file).pages, 60, "all viewers to see something")
        time.sleep(scale.paced_s / 8)
        begin = [time.monotonic(), *_spent_s(fleet)]
        first = _came(file)
        time.sleep(scale.paced_s)
        now, last = [time.monotonic(), *_spent_s(fleet)], _came(file)
        reads = cameras.status(_CAMERA).viewers
        if last.ended or reads != 1:
            raise WrongWork(f"{last.ended} streams ended, and the camera is read {reads} times")
        wall_s, coordinator_s, worker_s = (one - other for one, other in zip(now, begin, strict=True))
        each = max(1, viewers) * wall_s
        return {
            CPU: 100 * coordinator_s / wall_s,
            WORKER: 100 * worker_s / wall_s,
            RSS: coordinator.memory_info().rss / MB,
            MORE: coordinator.memory_info().rss / MB - before_mb,
            SENT: (last.media_bytes - first.media_bytes) / MB / wall_s,
            SEGMENTS: (last.segments - first.segments) / each,
            BOXES: (last.boxes - first.boxes) / each,
            READS: reads,
        }
    finally:
        looking.kill()


def _came(file: Path) -> Came:
    return msgspec.json.decode(file.read_bytes(), type=Came)


def _spent_s(fleet: CockpitFleet) -> tuple[float, float]:
    """Of the coordinator, and of the agent with all that it began."""
    agent = psutil.Process(fleet.agents["hall"].pid)
    return _cpu_s([psutil.Process(fleet.coordinator.pid)]), _cpu_s([agent, *agent.children(recursive=True)])


def _cpu_s(processes: list[psutil.Process]) -> float:
    times = [one.cpu_times() for one in processes]
    return float(sum(one.user + one.system for one in times))


BENCHES: Final = (
    Bench(
        name="viewing",
        title="Viewers of one camera and of the page, 1080p at 25 pictures a second and 4 Mb/s",
        contenders={NOBODY: _viewed(0), ONE: _viewed(1), MANY: _viewed(50)},
        aims=(
            Aim(MANY, CPU, 60),
            Aim(MANY, MORE, 60),
            Aim(MANY, READS, 1),
            Aim(MANY, WORKER, 1.1, against=ONE),
            Aim(MANY, CPU, against=ONE),
        ),
        notes=(
            "There is no peer: others transcode, or read the camera once for each who looks. Each viewer has",
            "the camera's live stream and the page's news, as a browser has. The camera is read once, by the",
            "worker; a turn in which it is read more often, or a stream ends, is none. Hub, coordinator with",
            "its page, agent, worker (motion, 5 pictures a second), camera and viewers share the cores.",
        ),
        rounds=1,
        warm_up=False,
        needs=_needs,
    ),
)
