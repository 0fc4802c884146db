"""What tests of Celery share: a store, a sender, workers in processes of their own, and what they told."""

from __future__ import annotations

import json
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from tools.services.celery import CeleryProgram
from tools.services.waiting import wait_for

from sightline.frame import Size
from sightline.framequeue.image import encode
from sightline.framequeue.key import FrameKey
from sightline.framequeue.opening import open_store
from sightline.framequeue.queue import DeadKey
from sightline.framequeue.store import CameraUsage
from sightline.framequeue.tasks.configured import configuration
from sightline.framequeue.tasks.queue import CeleryQueue
from sightline.framequeue.tasks.settings import PREFIX, Settings
from sightline.scene import Scene

T = TypeVar("T")
TIMEOUT_S = 60.0
ROOT = Path(__file__).resolve().parents[2]
SIZE = Size(320, 180)
_epochs = count(1_789_041_600_000)
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
    """A picture that says which it is, or whatever bytes. Each call gives another key."""
    data = picture(camera, index) if data is None else data
    epoch = next(_epochs)
    key = FrameKey(
        camera_id=camera_id,
        epoch=epoch,
        index=index,
        captured_at_ms=epoch + index * 1000,
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

    Its queues are its own: crews may share a virtual host, so that Celery's queues for delays, which take a
    second to be made, are there.

    Args:
        folder: for logs and events.
        broker, redis: their URLs.
        settings: by their names without the prefix, in small letters; `{name}` stands for the crew's.
    """

    def __init__(self, folder: Path, broker: str, redis: str, **settings: object) -> None:
        self.folder, self.broker = folder, broker
        happened = folder / "hand"
        happened.mkdir()
        self.happened = happened / "happened.jsonl"
        self.name = f"crew-{secrets.token_hex(6)}"
        told = {
            "store": _with(redis, f"name={self.name}"),
            "broker": broker,
            "results": redis,
            "handler": HAND,
            "queue_name": self.name,
            "lease_s": 2,
            "retry_s": 0.1,
            "sweep_s": 0,
            **settings,
        }
        self.environment = {
            **self._settings(told),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "FRAMES_HAPPENED": str(self.happened),
        }
        self._open = ExitStack()
        self._names = 0
        self._before = CameraUsage(), 0

    def __enter__(self) -> Self:
        settings = Settings.of(self.environment)
        self.store = self._open.enter_context(open_store(settings.store))
        self.queue = self._open.enter_context(CeleryQueue(settings.queue_url, settings.queue_limits))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        if error is not None and not isinstance(error, KeyboardInterrupt):
            for log in self.folder.glob("*.log"):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}")

    def anew(self) -> Self:
        """For the next test: what happened before is forgotten."""
        for file in self.happened.parent.iterdir():
            file.unlink()
        self._before = self.store.usage().total, self.queue.depth().dead
        return self

    def program(
        self, program: str = "worker", *options: str, concurrency: int = 1, **settings: object
    ) -> CeleryProgram:
        self._names += 1
        name = f"{program}{self._names}-{self.name}"
        if program == "worker":
            options = ("--concurrency", str(concurrency), *options)
        environment = self.environment | self._settings(settings) | {"FRAMES_WORKER": name}
        made = CeleryProgram(self.folder, program, *options, name=name, environment=environment)
        self._open.callback(made.kill)
        return made

    def worker(
        self, *options: str, of: Iterable[str] = ("",), concurrency: int = 1, **settings: object
    ) -> CeleryProgram:
        """One that is ready, with queues by what their names have behind the crew's."""
        queues = ",".join(f"{self.name}{each}" for each in of)
        made = self.program("worker", "-Q", queues, *options, concurrency=concurrency, **settings)
        made.start()
        return made

    @contextmanager
    def also_taking(self, worker: CeleryProgram, queue: str) -> Iterator[None]:
        """Meanwhile that worker takes from one more queue."""
        told = {"queue": f"{self.name}{queue}", "destination": [f"{worker.name}@{socket.gethostname()}"]}
        assert self._app.control.add_consumer(**told, reply=True, timeout=TIMEOUT_S, limit=1)
        yield
        assert self._app.control.cancel_consumer(**told, reply=True, timeout=TIMEOUT_S, limit=1)

    def put(self, *frames: tuple[FrameKey, bytes]) -> list[FrameKey]:
        assert all(put.stored for put in self.store.put(frames, None))
        return [key for key, _ in frames]

    def send(self, keys: Iterable[FrameKey]) -> None:
        assert all(sent.accepted for sent in self.queue.send([str(key) for key in keys]))

    def hand_over(self, *frames: tuple[FrameKey, bytes], times: int = 1) -> list[FrameKey]:
        keys = self.put(*frames)
        for _ in range(times):
            self.send(keys)
        return keys

    def go(self) -> None:
        """Those that wait need no longer."""
        (self.happened.parent / "go").touch()

    def events(self, *what: str, of: FrameKey | None = None) -> list[Event]:
        if not self.happened.exists():
            return []
        lines = self.happened.read_text().splitlines(keepends=True)
        found = [Event(**json.loads(line)) for line in lines if line.endswith("\n")]
        return [
            each
            for each in found
            if (not what or each.what in what)
            and (of is None or (each.camera, each.frame) == (of.camera_id, of.index))
        ]

    def begun(self, of: FrameKey | None = None) -> list[tuple[int, bool]]:
        """At which attempt, and whether marked as redelivered."""
        return [(each.attempt, each.redelivered) for each in self.events("begun", of=of)]

    def wait_for(self, condition: Callable[[], T], what: str) -> T:
        return wait_for(condition, TIMEOUT_S, f"{what}; so far {self.events()[-10:]}")

    def wait_until_done(self, keys: Iterable[FrameKey]) -> None:
        """Until each is done, and nothing waits or is held."""
        wanted = {(key.camera_id, key.index) for key in keys}
        self.wait_for(lambda: wanted <= self.done().keys(), f"{len(wanted)} frames to be done")
        self.wait_for(lambda: self.store.usage().claimed == 0, "nothing to be claimed")

    def wait_until_ended(self, worker: CeleryProgram) -> None:
        self.wait_for(lambda: worker.pid is None, "it to have ended")

    def done(self) -> Counter[tuple[str, int]]:
        """How often each frame was."""
        return Counter((each.camera, each.frame) for each in self.events("done"))

    @property
    def finished(self) -> int:
        return self.store.usage().total.finished - self._before[0].finished

    @property
    def kept(self) -> int:
        """Pictures that are there still."""
        return self.store.usage().total.frames - self._before[0].frames

    @property
    def died(self) -> int:
        return self.queue.depth().dead - self._before[1]

    def letters(self, key: object) -> list[DeadKey]:
        """The dead letters of a key, of which there should be one at most."""
        return [dead for dead in self.queue.dead_letters() if dead.text == str(key)]

    def result(self, key: FrameKey) -> Any:
        """What Celery has as the result of a key's task: its state and its value."""
        from celery.result import AsyncResult  # noqa: PLC0415

        found = AsyncResult(str(key), app=self._app)
        return found.state, found.result

    @cached_property
    def _app(self) -> Any:
        from celery import Celery  # noqa: PLC0415

        app = Celery(set_as_current=False)
        app.conf.update(configuration(Settings.of(self.environment)))
        self._open.callback(app.close)
        self._open.callback(app.backend.client.close)
        return app

    def _settings(self, told: Mapping[str, object]) -> dict[str, str]:
        return {
            f"{PREFIX}{name.upper()}": str(value).replace("{name}", self.name) for name, value in told.items()
        }
