"""Eight cameras through Redis and RabbitMQ to three workers on two queues, as an operator types it.

Which camera and frame a picture shows is read from the picture itself, by the worker that had it.
"""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import COMMAND
from tests.conftest import WaitFor

from sightline import Size
from sightline.framequeue import FrameKey, open_queue
from sightline.scene import Scene, write_clip

WAIT_S = 120.0
FPS, FRAMES = 25, 200
DRAWN = {f"drawn{number}": number for number in range(1, 7)}
REAL = {"person": "one-by-one-person-detection.mp4", "car": "car-detection.mp4"}
FAR = ("drawn4", "drawn5", "drawn6", "car")

HANDLER = """
import json, os
from sightline.scene import read_mark

def look(frame):
    mark = read_mark(frame.image)
    told = {"key": str(frame.key), "mark": mark, "redelivered": frame.redelivered, "attempt": frame.attempt}
    with open(f"seen-{os.getpid()}.jsonl", "a") as file:
        file.write(json.dumps(told) + "\\n")
"""


@pytest.mark.needs("redis", "rabbitmq")
@pytest.mark.timeout(400)
def test_each_second_of_each_camera_is_worked_on_once(
    clips: Path, tmp_path: Path, redis_url: str, rabbitmq_url: str, wait_for: WaitFor
) -> None:
    (tmp_path / "marks.py").write_text(HANDLER)
    site = {
        "cameras": {name: {"url": str(_drawn(tmp_path, number))} for name, number in DRAWN.items()}
        | {name: {"url": str(clips / clip)} for name, clip in REAL.items()},
        "frame_queue": {
            "store": f"{redis_url}?name={tmp_path.name}",
            "queue": f"{rabbitmq_url}?queue=near",
            "groups": {"far": list(FAR)},
        },
    }
    (tmp_path / "site.yaml").write_text(json.dumps(site))
    workers = [_begun(tmp_path, f"work{n}", "work", "--handler", "marks:look") for n in range(3)]
    try:
        sampler = _begun(tmp_path, "sample", "sample")
        sampler.wait(WAIT_S)
        sampled = _last(tmp_path, "sample")["cameras"]
        sent = {name: camera["feed"]["sent"] for name, camera in sampled.items()}
        wait_for(lambda: len(_seen(tmp_path)) >= sum(sent.values()), WAIT_S, "all pictures to be seen")
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGINT)
        for worker in workers:
            worker.wait(WAIT_S)
    counts = [_last(tmp_path, f"work{n}")["queues"] for n in range(3)]

    assert [process.returncode for process in (sampler, *workers)] == [0] * 4
    seen = _seen(tmp_path)
    assert not any(told["redelivered"] for told in seen)
    assert len(list(tmp_path.glob("seen-*.jsonl"))) == 3  # each worker had some
    for group in ("frames", "far"):
        assert all(of[group]["endings"].keys() <= {"processed"} for of in counts), counts
    keys = [FrameKey.parse(told["key"]) for told in seen]
    assert Counter(key.camera_id for key in keys) == sent
    for told, key in zip(seen, keys, strict=True):
        if key.camera_id in DRAWN:
            assert told["mark"] == [DRAWN[key.camera_id], key.index]
    for name, count in sent.items():
        seconds = sorted(key.captured_at_ms // 1000 for key in keys if key.camera_id == name)
        assert seconds == list(range(seconds[0], seconds[0] + count)), name
        assert count in ({8, 9} if name in DRAWN else {140, 141} if name == "person" else {31, 32})
    for queue in ("near", "near-far"):
        with open_queue(f"{rabbitmq_url}?queue={queue}") as of:
            depth = of.depth()
        assert (depth.ready, depth.dead) == (0, 0)


def _drawn(folder: Path, number: int) -> Path:
    path = folder / f"drawn{number}.mp4"
    return write_clip(Scene(seed=number, camera=number, size=Size(320, 180)), path, FRAMES, gop=FPS)


def _begun(folder: Path, name: str, command: str, *words: str) -> "subprocess.Popen[bytes]":
    with (folder / name).open("w") as said:
        return subprocess.Popen(
            [*COMMAND, "framequeue", command, "--site", "site.yaml", "--json", *words],
            cwd=folder,
            stdout=said,
        )


def _last(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text().splitlines()[-1])


def _seen(folder: Path) -> list[Any]:
    lines = (line for path in folder.glob("seen-*.jsonl") for line in path.read_text().splitlines(True))
    return [json.loads(line) for line in lines if line.endswith("\n")]
