"""Eight cameras through Redis and RabbitMQ to three workers on two queues, as an operator types it.

The workers are ours, or Celery's. Which camera and frame a picture shows is read from the picture itself, by
the worker that had it.
"""

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import COMMAND
from tests.conftest import WaitFor
from tools.services.celery import CeleryProgram

from sightline import Size
from sightline.framequeue import FrameKey, open_queue, open_store
from sightline.framequeue.tasks.settings import PREFIX
from sightline.scene import Scene, write_clip

WAIT_S = 120.0
FPS, FRAMES = 25, 200
DRAWN = {f"drawn{number}": number for number in range(1, 7)}
REAL = {"person": "one-by-one-person-detection.mp4", "car": "car-detection.mp4"}
FAR = ("drawn4", "drawn5", "drawn6", "car")
QUEUES = ("near", "near-far")

HANDLER = """
import json, os
from sightline.scene import read_mark

def look(frame):
    mark = read_mark(frame.image)
    told = {"key": str(frame.key), "mark": mark, "redelivered": frame.redelivered, "attempt": frame.attempt}
    with open(f"seen-{os.environ['HAND']}.jsonl", "a") as file:
        file.write(json.dumps(told) + "\\n")
"""


@pytest.mark.needs("redis", "rabbitmq")
@pytest.mark.timeout(400)
@pytest.mark.parametrize("whose", ["ours", "celerys"])
def test_each_second_of_each_camera_is_worked_on_once(
    clips: Path, tmp_path: Path, redis_url: str, rabbitmq_url: str, wait_for: WaitFor, whose: str
) -> None:
    (tmp_path / "marks.py").write_text(HANDLER)
    store = f"{redis_url}?name={tmp_path.name}"
    crew, queue = (_ours, rabbitmq_url) if whose == "ours" else (_celerys, f"celery+{rabbitmq_url}")
    site = {
        "cameras": {name: {"url": str(_drawn(tmp_path, number))} for name, number in DRAWN.items()}
        | {name: {"url": str(clips / clip)} for name, clip in REAL.items()},
        "frame_queue": {"store": store, "queue": f"{queue}?queue=near", "groups": {"far": list(FAR)}},
    }
    (tmp_path / "site.yaml").write_text(json.dumps(site))
    with crew(tmp_path, store, rabbitmq_url) as workers:
        sampler = _begun(tmp_path, "sample", "sample")
        assert sampler.wait(WAIT_S) == 0
        sampled = _last(tmp_path, "sample")["cameras"]
        sent = {name: camera["feed"]["sent"] for name, camera in sampled.items()}
        wait_for(lambda: len(_seen(tmp_path)) >= sum(sent.values()), WAIT_S, "all pictures to be seen")

    assert all(_seen(tmp_path, worker) for worker in workers)
    seen = _seen(tmp_path)
    assert not any(told["redelivered"] for told in seen)
    keys = [FrameKey.parse(told["key"]) for told in seen]
    assert Counter(key.camera_id for key in keys) == sent
    for told, key in zip(seen, keys, strict=True):
        if key.camera_id in DRAWN:
            assert told["mark"] == [DRAWN[key.camera_id], key.index]
    for name, count in sent.items():
        seconds = sorted(key.captured_at_ms // 1000 for key in keys if key.camera_id == name)
        assert seconds == list(range(seconds[0], seconds[0] + count)), name
        assert count in ({8, 9} if name in DRAWN else {140, 141} if name == "person" else {31, 32})
    with open_store(store) as pictures:
        total = pictures.usage().total
    assert (total.stored, total.finished) == (len(seen), len(seen))
    for name in QUEUES:
        with open_queue(f"{queue}?queue={name}") as of:
            depth = of.depth()
        assert (depth.ready, depth.dead) == (0, 0)


@contextmanager
def _ours(folder: Path, store: str, broker: str) -> Iterator[list[str]]:
    """Three processes, each at both queues; their names."""
    workers = {f"work{n}": _begun(folder, f"work{n}", "work", "--handler", "marks:look") for n in range(3)}
    try:
        yield list(workers)
    finally:
        for worker in workers.values():
            worker.send_signal(signal.SIGINT)
        codes = [worker.wait(WAIT_S) for worker in workers.values()]
    assert codes == [0] * 3
    counts = [_last(folder, name)["queues"] for name in workers]
    for group in ("frames", "far"):
        assert all(of[group]["endings"].keys() <= {"processed"} for of in counts), counts


@contextmanager
def _celerys(folder: Path, store: str, broker: str) -> Iterator[list[str]]:
    """One at each queue, and one at both; their names."""
    settings = {
        "store": store,
        "broker": broker,
        "results": store.partition("?")[0],
        "handler": "marks:look",
        "queue_name": QUEUES[0],
        "routes": ",".join(f"{name}={QUEUES[1]}" for name in FAR),
    }
    told = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
    takes = {"celery-near": QUEUES[:1], "celery-far": QUEUES[1:], "celery-both": QUEUES}
    workers = [
        CeleryProgram(
            folder, "worker", "-c", "1", "-Q", ",".join(of), name=name, environment=told | {"HAND": name}
        )
        for name, of in takes.items()
    ]
    with ExitStack() as running:
        for worker in workers:
            running.enter_context(worker)
        yield list(takes)
    of = {name: {FrameKey.parse(told["key"]).camera_id for told in _seen(folder, name)} for name in takes}
    assert not of["celery-near"] & set(FAR)
    assert of["celery-far"] <= set(FAR)
    for worker in workers:
        said = worker.log.read_text()
        assert "Warm shutdown" in said
        assert not re.findall(r".*(?:\bERROR\b|\bCRITICAL\b|retry: | ignored).*", said)


def _drawn(folder: Path, number: int) -> Path:
    path = folder / f"drawn{number}.mp4"
    return write_clip(Scene(seed=number, camera=number, size=Size(320, 180)), path, FRAMES, gop=FPS)


def _begun(folder: Path, name: str, command: str, *words: str) -> "subprocess.Popen[bytes]":
    with (folder / name).open("w") as said:
        return subprocess.Popen(
            [*COMMAND, "framequeue", command, "--site", "site.yaml", "--json", *words],
            cwd=folder,
            env={**os.environ, "HAND": name},
            stdout=said,
        )


def _last(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text().splitlines()[-1])


def _seen(folder: Path, by: str = "*") -> list[Any]:
    lines = (line for path in folder.glob(f"seen-{by}.jsonl") for line in path.read_text().splitlines(True))
    return [json.loads(line) for line in lines if line.endswith("\n")]
