"""A sampler that is killed (SIGKILL) and begun again, as an operator types it.

No slot of the camera is taken twice, nothing that was stored is lost, and what runs twice says so. The next
sampler goes on under an epoch of its own. Slots are of five seconds here: it is there before one is over.
"""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.cli.conftest import COMMAND
from tests.conftest import WaitFor
from tools.services import RtspServer

from sightline.framequeue import FrameKey, open_queue, open_store

WAIT_S = 60.0
RUNS, SLOT_S = 3, 5
SAMPLE = ("sample", "--camera", "gate", "--keyframes", "never", "--rate", str(1 / SLOT_S))

HANDLER = """
import json

def look(frame):
    with open("seen.jsonl", "a") as file:
        file.write(json.dumps([str(frame.key), frame.redelivered]) + "\\n")
"""


class Places(NamedTuple):
    """Where pictures and keys are."""

    store: str
    queue: str

    @property
    def words(self) -> list[str]:
        return ["--store", self.store, "--queue", self.queue]


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.needs("redis", "rabbitmq"))])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    if request.param == "embedded":
        return Places(f"folder:{tmp_path / 'frames'}", f"sqlite:{tmp_path / 'keys.db'}")
    redis, rabbitmq = request.getfixturevalue("redis_url"), request.getfixturevalue("rabbitmq_url")
    return Places(f"{redis}?name={tmp_path.name}", f"{rabbitmq}?queue=frames")


@pytest.fixture
def begun() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Commands that run; those that are left are killed at the end."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.needs("rtsp")
@pytest.mark.timeout(300)
def test_a_sampler_that_is_killed_and_begun_again_takes_no_slot_twice(
    person_and_car: RtspServer,
    places: Places,
    tmp_path: Path,
    wait_for: WaitFor,
    begun: list["subprocess.Popen[bytes]"],
) -> None:
    (tmp_path / "looks.py").write_text(HANDLER)

    def begin(*words: str) -> "subprocess.Popen[bytes]":
        begun.append(subprocess.Popen([*COMMAND, "framequeue", *words, *places.words], cwd=tmp_path))
        return begun[-1]

    def epochs() -> list[int]:
        return sorted({key.epoch for key, _ in _seen(tmp_path)})

    worker = begin("work", "--handler", "looks:look")
    samplers: list[subprocess.Popen[bytes]] = []
    while len(samplers) < RUNS:
        for killed in samplers[-1:]:
            killed.kill()
            killed.wait(WAIT_S)
        samplers.append(begin(*SAMPLE, person_and_car.url("person")))
        wait_for(lambda: len(epochs()) == len(samplers), WAIT_S, f"pictures of sampler {len(samplers)}")
    _ended(samplers[-1])
    with open_store(places.store) as store, open_queue(places.queue) as queue:
        # What lies there and was not sent, where a sampler died between the two.
        swept = begin("sweep", "--overdue-s", "0.1")
        assert swept.wait(WAIT_S) == 0
        wait_for(lambda: not store.usage().total.frames, WAIT_S, "all pictures to be done")
        wait_for(lambda: not queue.depth().ready, WAIT_S, "all keys to be taken")
        _ended(worker)
        total, depth = store.usage().total, queue.depth()

    seen = _seen(tmp_path)
    assert total.finished == total.stored == len({str(key) for key, _ in seen})
    assert depth.dead == 0
    assert max(Counter(str(key) for key, again in seen if not again).values()) == 1
    keys = sorted({key for key, _ in seen}, key=lambda key: (key.epoch, key.index))
    assert len({key.epoch for key in keys}) == RUNS
    slots = [key.captured_at_ms // (SLOT_S * 1000) for key in keys]
    assert slots == sorted(set(slots))


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0


def _seen(folder: Path) -> list[tuple[FrameKey, bool]]:
    """The keys that the worker's handler had, and whether they were marked as redelivered."""
    path = folder / "seen.jsonl"
    lines: list[Any] = path.read_text().splitlines(True) if path.exists() else []
    told = (json.loads(line) for line in lines if line.endswith("\n"))
    return [(FrameKey.parse(text), again) for text, again in told]
