"""What the processes of the soak do, until they are killed.

While there is a rest, writers put nothing and readers keep nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np
from tests.hub.killing.picture import SHAPES, Mark, Torn, draw, seen
from tests.hub.killing.slate import Column, Row, Slate

from sightline.errors import BusError
from sightline.hub import StreamClient
from sightline.hub.broker.loops import new_loop
from sightline.hub.broker.server import listening
from sightline.hub.client.runs import Message
from sightline.hub.settings import History, ReaderBuffer, ServerSettings
from sightline.shm.settings import KIB, MIB, Sharing

T = TypeVar("T")
ALIVE_S: Final = 60.0
PUT_S: Final = 0.2
CUT_SHARE: Final = 0.005
"""Of the turns of a writer or reader, which are a few ms each."""
LEASE_S: Final = 2.0
SHARING: Final = Sharing(above_bytes=128 * KIB, slots=6, pool_bytes=16 * MIB)
CHANNELS: Final = "camera"
_BUFFER: Final = ReaderBuffer(messages=16, bytes=16 * MIB)


class Where(NamedTuple):
    """How one gets to the hub: some over TCP, some over its Unix socket."""

    unix_path: str
    port: int

    def client(self, *, unix: bool) -> StreamClient:
        way: dict[str, Any] = {"unix_path": self.unix_path} if unix else {"port": self.port}
        return StreamClient(**way, sharing=SHARING)


class Told(NamedTuple):
    """What a process is given. `seed` is another for each process; a pid may come again."""

    slate: Slate
    row: Row
    where: Where
    seed: int

    def works(self) -> None:
        self.row[Column.WORKS] = os.getpid()

    def add(self, column: Column, more: int = 1) -> None:
        self.row[column] += more

    @property
    def rest(self) -> int:
        """Which rest there is now; 0: none."""
        return self.slate.resting[Column.RESTED]


class Role(Protocol):
    def __call__(self, told: Told) -> None: ...


def hub(told: Told) -> None:
    async def serve() -> None:
        settings = ServerSettings(port=told.where.port, unix_path=told.where.unix_path)
        async with listening(settings):
            told.works()
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve())


class Writer(NamedTuple):
    """Draws pictures in place, or elsewhere, or sends them as bytes; of another size now and then."""

    history: int | None = None

    def __call__(self, told: Told) -> None:
        dice, name = Random(told.seed), f"{CHANNELS}{told.seed}"
        with _client(told, dice) as client:
            history = self.history and History(messages=self.history)
            _done(client, lambda: client.create_new_channel(name, history=history))
            told.works()
            shape = dice.choice(SHAPES)
            shared = 0
            for number in count():
                _rest(told, client, name)
                _cut(dice)
                shape = dice.choice(SHAPES) if dice.random() < 0.03 else shape
                with contextlib.suppress(TimeoutError, BusError):  # the hub is away, or its memory is full
                    told.add(Column.PUT, _put(client, told.seed, shape, number, dice))
                now_shared = client.statistics().writers[name].shared
                told.add(Column.PUT_SHARED, now_shared - shared)
                shared = now_shared
                time.sleep(dice.random() * 0.01)


def _put(client: StreamClient, writer: int, shape: tuple[int, ...], number: int, dice: Random) -> bool:
    way, name = dice.random(), f"{CHANNELS}{writer}"
    made = client.new_array(name, shape) if way < 0.6 else np.empty(shape, np.uint8)
    draw(made, writer, number)
    return client.put_data(name, made.tobytes() if way > 0.9 else made, timeout_s=PUT_S)


def _rest(told: Told, client: StreamClient, name: str) -> None:
    while (rest := told.rest) and rest != told.row[Column.RESTED]:
        with contextlib.suppress(TimeoutError, BusError):
            client.flush(name, PUT_S)
            told.row[Column.RESTED] = rest
            stats = client.statistics().writers[name]
            assert (stats.put, stats.unacknowledged) == (stats.acknowledged + stats.unwanted, 0), stats
            assert stats.acknowledged <= stats.shared + sum(stats.not_shared.values()), stats
    while told.rest:
        time.sleep(0.01)


def _cut(dice: Random) -> None:
    """Now and then this process loses its connection. Not its side socket: that ends with a process alone."""
    if dice.random() > CUT_SHARE:
        return
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(entry.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(entry.name))) as sock:
                    if sock.type is socket.SOCK_STREAM:
                        sock.shutdown(socket.SHUT_RDWR)


class Kept(NamedTuple):
    """A picture, since when and until when (s)."""

    until: float
    order: int
    since: float
    value: Any
    mark: Mark


class Reader(NamedTuple):
    """Looks at all pictures, keeps a share of them for up to `keep_s`, and few for longer than a lease."""

    keep_s: float
    long_share: float = 0.0
    most: int = 16

    def __call__(self, told: Told) -> None:
        dice = Random(told.seed)
        with _client(told, dice) as client:
            reader = _done(client, lambda: client.subscribe(glob=f"{CHANNELS}*", buffer=_BUFFER))
            told.works()
            desk = Desk(told)
            while True:
                shared = reader.stats().shared
                for message in reader.get(reader.messages, 4, 0.01):
                    until = time.monotonic() + self._time_s(dice)
                    desk.look(message, until if len(desk) < self.most else 0.0)
                    del message
                told.add(Column.SEEN_SHARED, reader.stats().shared - shared)
                desk.let_go(everything=bool(told.rest))
                if not told.rest:
                    _cut(dice)
                told.row[Column.RESTED] = told.rest
                stats = reader.stats()
                assert stats.received == stats.taken + stats.held + sum(stats.dropped.values()), stats

    def _time_s(self, dice: Random) -> float:
        long = dice.random() < self.long_share
        return dice.uniform(LEASE_S, 2 * LEASE_S) if long else dice.uniform(-self.keep_s, self.keep_s)


class Desk:
    """What a reader has before it."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._kept: list[Kept] = []
        self._order = count()
        self._last: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def look(self, message: Message, until: float) -> None:
        mark = self._look(message.value)
        self._told.add(Column.SEEN)
        if mark.number <= self._last.get(mark.writer, -1):
            self._wrong(f"{mark} after {self._last[mark.writer]}")
        self._last[mark.writer] = mark.number
        now = time.monotonic()
        heappush(self._kept, Kept(until, next(self._order), now, message.value, mark))

    def let_go(self, *, everything: bool) -> None:
        now = time.monotonic()
        while self._kept and (everything or self._kept[0].until <= now):
            kept = heappop(self._kept)
            mark = self._look(kept.value)
            if mark != kept.mark:
                self._wrong(f"{mark} was {kept.mark} when it came")
            self._told.add(Column.AGAIN)
            self._told.add(Column.LATE, now - kept.since > LEASE_S)

    def _look(self, value: Any) -> Mark:
        try:
            return seen(value)
        except Torn as error:
            self._wrong(str(error))
            raise

    def _wrong(self, what: str) -> None:
        self._told.add(Column.WRONG)
        print(f"wrong: {what}", flush=True)


def _done(client: StreamClient, what: Callable[[], T]) -> T:
    """Again, where the hub was killed meanwhile."""
    while True:
        client.wait_until_alive(ALIVE_S)
        with contextlib.suppress(BusError):
            return what()


@contextlib.contextmanager
def _client(told: Told, dice: Random) -> Iterator[StreamClient]:
    client = told.where.client(unix=dice.random() < 0.7)
    client.start()
    yield client
