"""What tests of Celery share: a store, a sender, workers in processes of their own, and what they told."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote

from tools.services.celery import CeleryProgram
from tools.services.waiting import wait_for

from sightline.frame import Size
from sightline.framequeue.image import encode
from sightline.framequeue.key import FrameKey
from sightline.framequeue.opening import open_store
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.tasks.configured import configuration
from sightline.framequeue.tasks.queue import CeleryQueue
from sightline.framequeue.tasks.settings import PREFIX, Settings
from sightline.scene import Scene

T = TypeVar("T")
TIMEOUT_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
SIZE = Size(320, 180)
EPOCH = 1_789_041_600_000
HAND = "tests.framequeue.celery_hand:work"


class Event(NamedTuple):
    """A line that a handler told."""

    what: str
    camera: str
    frame: int
    attempt: int
    redelivered: bool
    pid: int
    worker: str


@cache
def picture(camera: int, index: int) -> bytes:
    return encode(Scene(size=SIZE, camera=camera).frame(index))


def frame(
    camera_id: str, index: int = 0, camera: int = 1, data: bytes | None = None
) -> tuple[FrameKey, bytes]:
    """A picture that says which it is, or whatever bytes."""
    data = picture(camera, index) if data is None else data
    key = FrameKey(
        camera_id=camera_id,
        epoch=EPOCH,
        index=index,
        captured_at_ms=EPOCH + index * 1000,
        width=SIZE.width,
        height=SIZE.height,
        size=len(data),
        format="jpeg",
    )
    return key, data


def _with(url: str, option: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{option}"


class Crew:
    """Workers of Celery over one broker and one Redis, and what a feed has: the store and the queue.

    Args:
        folder: for logs and events.
        broker, redis: their URLs.
        settings: by their names without the prefix, in small letters.
    """

    def __init__(self, folder: Path, broker: str, redis: str, **settings: object) -> None:
        self.folder, self.broker, self.redis = folder, broker, redis
        happened = folder / "hand"
        happened.mkdir()
        self.happened = happened / "happened.jsonl"
        self.namespace = f"celery-{secrets.token_hex(6)}"
        told = {
            "store": _with(redis, f"name={self.namespace}"),
            "broker": broker,
            "results": redis,
            "handler": HAND,
            "lease_s": 2,
            "retry_s": 0.1,
            "sweep_s": 0,
            **settings,
        }
        self.environment = {
            **{f"{PREFIX}{name.upper()}": str(value) for name, value in told.items()},
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "FRAMES_HAPPENED": str(self.happened),
        }
        self._routes = f"&routes={quote(str(told['routes']))}" if "routes" in told else ""
        self._open = ExitStack()
        self._limits = QueueLimits(max_keys=int(str(told.get("max_keys", 10_000))))
        self._names = 0

    def __enter__(self) -> Self:
        self.store = self._open.enter_context(open_store(self.environment[f"{PREFIX}STORE"]))
        kind = self.environment.get(f"{PREFIX}QUEUE_TYPE", "quorum")
        url = f"celery+{_with(self.broker, f'type={kind}{self._routes}')}"
        self.queue = self._open.enter_context(CeleryQueue(url, self._limits))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if error is not None and not isinstance(error, KeyboardInterrupt):
            for log in self.folder.glob("*.log"):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}")

    def program(self, program: str = "worker", *options: str, concurrency: int = 1) -> CeleryProgram:
        self._names += 1
        name = f"{program}{self._names}"
        if program == "worker":
            options = ("--concurrency", str(concurrency), *options)
        made = CeleryProgram(
            self.folder, program, *options, name=name, environment=self.environment | {"FRAMES_WORKER": name}
        )
        self._open.callback(made.kill)
        return made

    def worker(self, *options: str, concurrency: int = 1) -> CeleryProgram:
        """One that is ready."""
        made = self.program("worker", *options, concurrency=concurrency)
        made.start()
        return made

    def hand_over(self, *frames: tuple[FrameKey, bytes], times: int = 1) -> list[FrameKey]:
        assert all(put.stored for put in self.store.put(frames, None))
        for _ in range(times):
            assert all(sent.accepted for sent in self.queue.send([str(key) for key, _ in frames]))
        return [key for key, _ in frames]

    def events(self, *what: str) -> list[Event]:
        if not self.happened.exists():
            return []
        found = [Event(**json.loads(line)) for line in self.happened.read_text().splitlines()]
        return [each for each in found if not what or each.what in what]

    def wait_for(self, condition: Callable[[], T], what: str) -> T:
        return wait_for(condition, TIMEOUT_S, f"{what}; so far {self.events()[-10:]}")

    def wait_until_done(self, keys: Iterable[FrameKey]) -> None:
        """Until each is done, and nothing waits or is held."""
        wanted = {(key.camera_id, key.index) for key in keys}
        self.wait_for(lambda: wanted <= self.done().keys(), f"{len(wanted)} frames to be done")
        self.wait_for(lambda: self.store.usage().claimed == 0, "nothing to be claimed")

    def done(self) -> Counter[tuple[str, int]]:
        """How often each frame was."""
        return Counter((each.camera, each.frame) for each in self.events("done"))

    def result(self, key: FrameKey) -> Any:
        """What Celery has as the result of a key's task: its state and its value."""
        from celery import Celery  # noqa: PLC0415
        from celery.result import AsyncResult  # noqa: PLC0415

        app = Celery(set_as_current=False)
        app.conf.update(configuration(Settings.of(self.environment)))
        try:
            found = AsyncResult(str(key), app=app)
            return found.state, found.result
        finally:
            app.backend.client.close()
            app.close()
