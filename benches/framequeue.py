"""The frame queue beside the document that it grew out of, written plainly: to sample, to hand over, to work.

Every turn has a Redis and a RabbitMQ of its own; keys are kept on disk, pictures are not. The CPU of both
counts: what a client does not spend it may make a server spend.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Final

import psutil

from benches.bench import CPU, FRAMES, OURS, WALL, Bench, Missing, Scale, Work, WrongWork
from benches.clips import DESCRIPTION, clip
from benches.contest import COST, RATE
from benches.framequeues import servers as serving
from benches.framequeues.pictures import QUALITY, Pictures, pictures
from benches.framequeues.stage import Window, play
from benches.measuring import MB, spent
from benches.pairing import Aim, Figures
from sightline.frame import Size

DOCUMENT: Final = "as documented"
KEPT: Final = "as documented, connection kept"
ONE_BY_ONE: Final = f"{OURS}, one by one"
SERVERS: Final = "of which servers"
PUT: Final = "MB put"
HELD: Final = "MB of pictures in the end"
USED: Final = "MB that Redis used, at most"
RSS: Final = "RSS MB of Redis"
OVERHEAD: Final = "MB used a MB of budget"
UNCOUNTED: Final = "pictures not accounted for"
BUSY: Final = "share of the workers' time on tasks"

_FULL_HD: Final = Size(1920, 1080)
_SMALL: Final = Size(640, 360)
_AHEAD: Final = 64
_WINDOWS: Final = 3
"""Windows of `Scale` that are one here: a confirmed batch is no small message."""
_TASK_S: Final = 0.02
_BUDGET: Final = 32 * MB
"""A second of `Scale.window_s`."""
_TIMES: Final = 4
_CAMERAS: Final = ("gate", "door", "yard", "yard")  # one that sends as much as two others


def _needs(*names: str) -> Callable[[Scale], None]:
    def needs(scale: Scale) -> None:
        serving.needs(*names)
        for name in ("pika", "redis"):
            if find_spec(name) is None:
                raise Missing(f"{name}; pip install 'sightline[framequeue]'")
        clip(scale.clip_s)
        for size in (_FULL_HD, _SMALL):
            pictures(scale.clip_s, size)

    return needs


def _way(name: str) -> ModuleType:
    """Imported where it is wanted: pika and redis are an extra's."""
    return importlib.import_module(f"benches.framequeues.{name}")


def _sampled(name: str) -> Work:
    """From the file to pictures in Redis and keys on RabbitMQ."""

    def work(scale: Scale) -> Figures:
        way, path = _way(name), clip(scale.clip_s)
        with TemporaryDirectory() as folder, serving.servers(Path(folder)) as at:
            urls = at.redis.url(), at.rabbit.address.url()
            begin, servers_s = spent(), at.cpu_s()
            sent: int = way.sample(path, *urls)
            cost, servers_s = spent().since(begin), at.cpu_s() - servers_s
            kept = way.kept(*urls)
        if abs(sent - scale.clip_s) > 1 or kept != (sent, sent):
            raise WrongWork(f"expected {scale.clip_s} pictures and keys, got {sent}, and {kept} are there")
        return {
            CPU: (cost.cpu_s + servers_s) * 60 / scale.clip_s,
            SERVERS: servers_s * 60 / scale.clip_s,
            WALL: cost.wall_s,
            FRAMES: sent,
        }

    return work


def _handed_over(name: str, variant: str = "") -> Work:
    """JPEGs of 1080p from one process to another."""

    def work(scale: Scale) -> Figures:
        made = pictures(scale.clip_s, _FULL_HD)
        window = play(name, "read", 1, made, scale.window_s * _WINDOWS, ahead=_AHEAD, variant=variant)
        return _rates(window) | {"KB a JPEG": Pictures.read(made).mean_bytes / 1e3}

    return work


def _worked_on(workers: int) -> Work:
    """By so many workers, each of which needs `_TASK_S` for a picture and no processor for that."""

    def work(scale: Scale) -> Figures:
        made = pictures(scale.clip_s, _SMALL)
        seconds = scale.window_s * _WINDOWS
        window = play("sightline", "work", workers, made, seconds, ahead=_AHEAD, task_s=_TASK_S)
        return _rates(window) | {BUSY: window.arrived * _TASK_S / window.wall_s / workers}

    return work


def _rates(window: Window) -> dict[str, float]:
    total_s = sum(window.cpu_s.values())
    cores = {f"cores: {role}": cpu_s / window.wall_s for role, cpu_s in window.cpu_s.items()}
    return {RATE: window.arrived / window.wall_s, COST: 1000 * total_s / window.arrived, **cores}


def _capped(scale: Scale) -> Figures:
    """Four times its budget put into our store, at a Redis that is set as `check` advises."""
    from sightline.framequeue.stores.redis import RedisStore  # noqa: PLC0415
    from sightline.framequeue.stores.redis_check import ROOM  # noqa: PLC0415

    budget = int(scale.window_s * _BUDGET)
    settings = {"maxmemory": str(int(budget * ROOM)), "maxmemory-policy": "noeviction"}
    put = tried = refused = 0
    with (
        TemporaryDirectory() as folder,
        serving.redis_of_its_own(Path(folder), settings) as server,
        RedisStore(server.url(), limit_bytes=budget) as store,
    ):
        for frame in _frames(scale, _TIMES * budget):
            (answer,) = store.put([frame], ttl_s=600)
            put, tried, refused = put + frame[0].size, tried + 1, refused + (not answer.stored)
        total = store.usage().total
        used = _memory(server.url(), server.pid)
    return {
        PUT: put / MB,
        HELD: total.bytes / MB,
        **used,
        OVERHEAD: used[USED] * MB / budget,
        "evicted": total.evicted,
        "refused": refused,
        UNCOUNTED: tried - refused - total.frames - total.evicted,
    }


def _uncapped(scale: Scale) -> Figures:
    """The same pictures SET one after another, as the document has it."""
    import redis  # noqa: PLC0415

    budget, put = int(scale.window_s * _BUDGET), 0
    with TemporaryDirectory() as folder, serving.redis_of_its_own(Path(folder)) as server:
        client = redis.Redis.from_url(server.url())
        for key, data in _frames(scale, _TIMES * budget):
            client.set(str(key), data)
            put += len(data)
        client.close()
        used = _memory(server.url(), server.pid)
    return {PUT: put / MB, HELD: put / MB, **used, OVERHEAD: used[USED] * MB / budget}


def _frames(scale: Scale, size_bytes: int) -> Iterator[tuple[Any, bytes]]:
    """Of the cameras, in turn, until they are as large together."""
    make = _way("sightline").picture
    kept = Pictures.read(pictures(scale.clip_s, _FULL_HD))
    put = 0
    for number in count():
        key, data = make(kept, number, _CAMERAS[number % len(_CAMERAS)])
        yield key, data
        put += len(data)
        if put >= size_bytes:
            return


def _memory(url: str, pid: int | None) -> dict[str, float]:
    import redis  # noqa: PLC0415

    with redis.Redis.from_url(url) as client:
        peak: int = client.info("memory")["used_memory_peak"]
    return {USED: peak / MB, RSS: psutil.Process(pid or 0).memory_info().rss / MB}


_WAYS: Final = (
    f"{DOCUMENT}: `VideoCapture.read` of all, `imencode` of one a second, SET, a connection for each key, a",
    "durable queue, persistent messages; who works has a prefetch of 1, GETDEL, and acknowledges.",
    f"{OURS}: confirmed and mandatory; who works claims, finishes, acknowledges: no death loses a picture.",
)
_SERVED: Final = "CPU is of all processes, Redis and RabbitMQ among them. Redis keeps nothing on disk here."
_JPEGS: Final = (
    f"One a second of the clip as a JPEG of quality {QUALITY}, in the writer's memory before it begins"
)

BENCHES: Final = (
    Bench(
        name="framequeue-sample",
        title="A 1080p file at 25 pictures a second: a JPEG a second into Redis, its key onto RabbitMQ",
        contenders={OURS: _sampled("sightline"), DOCUMENT: _sampled("document")},
        aims=(Aim(OURS, CPU, 0.25, DOCUMENT),),
        notes=(
            f"The clip: {DESCRIPTION}.",
            *_WAYS,
            f"Both: JPEGs of quality 95, read as fast as it goes. {_SERVED}",
        ),
        rounds=3,
        needs=_needs("redis", "rabbitmq"),
    ),
    Bench(
        name="framequeue-hand-over",
        title="1080p JPEGs from one process through Redis, their keys through RabbitMQ, to another",
        contenders={
            OURS: _handed_over("sightline"),
            ONE_BY_ONE: _handed_over("sightline", "one by one"),
            DOCUMENT: _handed_over("document"),
            KEPT: _handed_over("document", "kept"),
        },
        aims=(
            Aim(OURS, RATE, None, DOCUMENT, least=4),
            Aim(OURS, COST, None, DOCUMENT),
            Aim(OURS, RATE, None, KEPT),
            Aim(OURS, COST, None, KEPT),
        ),
        notes=(
            f"{_JPEGS}; taken as bytes: nobody decodes. At most {_AHEAD} are on their way.",
            *_WAYS,
            "Who takes ours has 16 keys at a time and 4 threads; the document's has one, as that says.",
            f"{ONE_BY_ONE}: each is stored and confirmed before the next is offered.",
            f"{KEPT}: one connection, and nothing confirmed: what it sends as it ends may be lost.",
            _SERVED,
        ),
        rounds=3,
        needs=_needs("redis", "rabbitmq"),
    ),
    Bench(
        name="framequeue-memory",
        title=f"Pictures of {_TIMES} times a budget put into Redis, and nobody takes them",
        contenders={OURS: _capped, DOCUMENT: _uncapped},
        aims=(Aim(OURS, OVERHEAD, 1.5), Aim(OURS, UNCOUNTED, 0), Aim(OURS, "refused", 0)),
        notes=(
            f"{OURS}: Redis's maxmemory is one and a half times the budget, as `check` advises.",
            f"{DOCUMENT}: SET without a time or a limit; the budget is the same number, and nobody's.",
        ),
        rounds=3,
        warm_up=False,
        needs=_needs("redis"),
    ),
    Bench(
        name="framequeue-workers",
        title=f"Work of {_TASK_S * 1000:g} ms on each 360p JPEG, in one, two and four processes",
        contenders={
            "1 worker": _worked_on(1),
            "2 workers": _worked_on(2),
            "4 workers": _worked_on(4),
        },
        aims=(
            Aim("2 workers", RATE, None, "1 worker", least=1.8),
            Aim("4 workers", RATE, None, "1 worker", least=3.4),
        ),
        notes=(
            "The task waits and takes no processor, as one on a GPU. Pictures are claimed, decoded, finished",
            f"and acknowledged one by one. {_SERVED}",
        ),
        rounds=3,
        warm_up=False,
        needs=_needs("redis", "rabbitmq"),
    ),
)
