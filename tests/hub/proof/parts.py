"""What the processes of the proof do: `python -m tests.hub.proof.parts TOLD`, until standard input ends.

Each writes down what it does as it does it, in files that outlive a kill: counters in `<name>.numbers`,
a reader's events in `<name>.events`, a line each. The places of the counters are here as well.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from tests.hub.proof.history import Event, Got, Missed
from tests.hub.proof.numbers import Numbers
from tests.hub.proof.pattern import Mark, made, read

from sightline.errors import SightlineError
from sightline.hub import StreamClient
from sightline.hub.client.positions import Gap
from sightline.hub.settings import ReaderBuffer

READY, DONE, PROGRESS, FAILED = 0, 1, 2, 3
CHANNELS: Final = 4  # from here on, two for each channel of a writer: offered, taken in
ALIVE_S: Final = 30.0
LINE_S: Final = 0.01
"""How long bytes are on a line, so that some are when it is cut."""


class Writer(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Puts messages into channels, singly and in batches, at about so many a second."""

    folder: str
    name: str
    port: int
    number: int
    channels: tuple[int, ...]
    sizes: tuple[int, ...]
    per_s: float


class Reader(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Reads channels; `pause_s` is how long it takes for each message, `prefetch` what may come ahead."""

    folder: str
    name: str
    port: int
    channels: tuple[int, ...]
    buffer: ReaderBuffer
    pause_s: float = 0.0
    prefetch: int | None = None


class Callee(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    folder: str
    name: str
    port: int


class Caller(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Calls `callee`, again and again."""

    folder: str
    name: str
    port: int
    callee: str


class Line(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What lies between a client and the hub: who connects to `listens` is connected to `port`."""

    folder: str
    name: str
    port: int
    listens: int


Part: TypeAlias = Writer | Reader | Callee | Caller | Line


def places(part: Part) -> int:
    """How many counters it has."""
    return CHANNELS + 2 * (len(part.channels) if isinstance(part, Writer) else 0)


def numbers_file(part: Part) -> Path:
    return Path(part.folder) / f"{part.name}.numbers"


def events_file(part: Part) -> Path:
    return Path(part.folder) / f"{part.name}.events"


def channel_name(channel: int) -> str:
    return f"channel{channel}"


class Serving(StreamClient):
    """A client that answers."""

    def rpc_double(self, number: int, text: str) -> tuple[int, str]:
        return 2 * number, text


@contextmanager
def _client(part: Part, kind: type[StreamClient] = StreamClient) -> Iterator[StreamClient]:
    client = kind(part.name, "127.0.0.1", port=part.port)
    client.start()
    try:
        client.wait_until_alive(ALIVE_S)
        yield client
    finally:
        client.stop_client()


def write(part: Writer, numbers: Numbers, stop: threading.Event) -> None:
    draw = random.Random(part.number)
    with _client(part) as client:
        for channel in part.channels:
            client.subscribe_write_to_channel(channel_name(channel))
            client.wait_for_active(channel_name(channel), ALIVE_S)
        numbers[READY] = 1
        while not stop.wait(draw.expovariate(part.per_s / 8)):
            place = draw.randrange(len(part.channels))
            _put(client, part, place, draw, numbers)
        _wait_until_taken_in(client, part, numbers)
        numbers[DONE] = 1


def _put(client: StreamClient, part: Writer, place: int, draw: random.Random, numbers: Numbers) -> None:
    """One message or a batch of small ones; numbers are used up only by what is sent."""
    channel, offered = part.channels[place], CHANNELS + 2 * place
    count = draw.choice((1, 4, 24))
    sizes = part.sizes if count == 1 else [size for size in part.sizes if size <= 4096]
    first = numbers[offered]
    batch = [made(Mark(part.number, channel, first + n, draw.choice(sizes))) for n in range(count)]
    numbers[offered] = first + count  # before it is sent, so that nobody gets what was not offered
    name = channel_name(channel)
    sent = client.put_data(name, batch[0]) if count == 1 else client.put_many(name, batch)
    numbers[offered] = first + int(sent)
    numbers[PROGRESS] += int(sent)


def _wait_until_taken_in(client: StreamClient, part: Writer, numbers: Numbers) -> None:
    while True:
        stats = [client.statistics().writers[channel_name(channel)] for channel in part.channels]
        for place, one in enumerate(stats):
            numbers[CHANNELS + 2 * place + 1] = one.acknowledged
        if not any(one.unacknowledged for one in stats):
            return
        time.sleep(0.02)


def listen(part: Reader, numbers: Numbers, stop: threading.Event) -> None:
    with _client(part) as client, events_file(part).open("ab", buffering=0) as log:
        names = [channel_name(channel) for channel in part.channels]
        reader = client.subscribe(names, buffer=part.buffer, prefetch=part.prefetch)
        numbers[READY] = 1
        while not stop.is_set():
            if items := reader.get(reader.messages_and_gaps, 256, 0.1):
                log.write(b"".join(map(_line, _joined(items))))
                numbers[PROGRESS] += len(items)
                time.sleep(part.pause_s * len(items))
        numbers[DONE] = 1


def _joined(items: list[Any]) -> Iterator[Event]:
    """Messages in a row as one event."""
    joined: Event | None = None
    for item in items:
        event = _event(item)
        if isinstance(joined, Got) and isinstance(event, Got) and _follows(joined, event):
            joined = msgspec.structs.replace(joined, messages=joined.messages + 1)
            continue
        if joined is not None:
            yield joined
        joined = event
    if joined is not None:
        yield joined


def _follows(joined: Got, event: Got) -> bool:
    end = (joined.channel, joined.writer, joined.first + joined.messages, joined.offset + joined.messages)
    return end == (event.channel, event.writer, event.first, event.offset)


def _event(item: Any) -> Event:
    channel = int(item.channel.removeprefix("channel"))
    if isinstance(item, Gap):
        return Missed(channel, item.first_offset, item.last_offset, item.messages, item.reason)
    mark = read(item.value)
    if mark.channel != channel:
        raise ValueError(f"a message of channel {mark.channel} came as one of {channel}")
    return Got(channel, mark.writer, mark.seq, item.offset)


def _line(event: Event) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def answer(part: Callee, numbers: Numbers, stop: threading.Event) -> None:
    with _client(part, Serving):
        numbers[READY] = 1
        stop.wait()
        numbers[DONE] = 1


def call(part: Caller, numbers: Numbers, stop: threading.Event) -> None:
    """Right answers are progress; an error is a failure that is allowed, a wrong answer ends it."""
    number = 0
    with _client(part) as client:
        numbers[READY] = 1
        while not stop.is_set():
            try:
                remote = client.create_rpc_client_service(part.callee)
                while not stop.is_set():
                    number += 1
                    if remote.double(number, part.name, tto=5) != (2 * number, part.name):
                        raise ValueError(f"a wrong answer to {number}")
                    numbers[PROGRESS] += 1
                    time.sleep(0.005)
            except (SightlineError, TimeoutError):
                numbers[FAILED] += 1
                time.sleep(0.05)
        numbers[DONE] = 1


def carry(part: Line, numbers: Numbers, stop: threading.Event) -> None:
    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            hub_reader, hub_writer = await asyncio.open_connection("127.0.0.1", part.port)
            await asyncio.gather(_pass_on(reader, hub_writer), _pass_on(hub_reader, writer))
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(through, "127.0.0.1", part.listens):
            numbers[READY] = 1
            await asyncio.to_thread(stop.wait)
            numbers[DONE] = 1

    asyncio.run(main())


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(65_536):
            await asyncio.sleep(LINE_S)
            writer.write(block)
            await writer.drain()
    writer.close()


def _when_input_ends(stop: threading.Event) -> None:
    os.read(0, 1)
    stop.set()


def main(told: str) -> None:
    part = msgspec.json.decode(told, type=Part)
    numbers, stop = Numbers(numbers_file(part)), threading.Event()
    threading.Thread(target=_when_input_ends, args=(stop,), daemon=True).start()
    match part:
        case Writer():
            write(part, numbers, stop)
        case Reader():
            listen(part, numbers, stop)
        case Callee():
            answer(part, numbers, stop)
        case Caller():
            call(part, numbers, stop)
        case Line():
            carry(part, numbers, stop)


if __name__ == "__main__":
    main(sys.argv[1])
