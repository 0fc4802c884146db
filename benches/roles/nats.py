"""nats-server with nats-py. It takes no message above 1 MB unless told to, so no pictures."""

from __future__ import annotations

import asyncio
import subprocess
from typing import Any

from benches.board import Calls, Feed, Tally
from benches.roles.job import Job, module

_FLUSHED_EVERY = 200
_HELLO = b"x" * 100
_FOREVER = 10**9


def server(job: Job) -> None:
    command = [job.program, "--addr", "127.0.0.1", "--port", str(job.port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
        asyncio.run(_until_it_answers(job))
        job.ready()
        program.wait()


async def _until_it_answers(job: Job) -> None:
    await (await _connect(job)).close()


async def _connect(job: Job) -> Any:
    return await module("nats").connect(
        f"nats://127.0.0.1:{job.port}", max_reconnect_attempts=100, reconnect_time_wait=0.05
    )


def write(job: Job, feed: Feed) -> None:
    async def main() -> None:
        client, sent = await _connect(job), 0
        job.wait_for_go()
        while True:
            if delay_s := feed.delay_s():
                await asyncio.sleep(delay_s)
            await client.publish("bench", feed.next())
            sent += 1
            if job.board.gap_ns or not sent % _FLUSHED_EVERY:
                await client.flush()

    asyncio.run(main())


def read(job: Job, tally: Tally) -> None:
    async def take(message: Any) -> None:
        tally.hit(message.data)

    async def main() -> None:
        client = await _connect(job)
        await client.subscribe("bench", cb=take)
        await client.flush()
        job.ready()
        await asyncio.sleep(_FOREVER)

    asyncio.run(main())


def answer(job: Job) -> None:
    async def main() -> None:
        client = await _connect(job)

        async def echo(message: Any) -> None:
            await client.publish(message.reply, message.data)

        await client.subscribe("echo", cb=echo)
        await client.flush()
        job.ready()
        await asyncio.sleep(_FOREVER)

    asyncio.run(main())


def call(job: Job, calls: Calls) -> None:
    async def main() -> None:
        client = await _connect(job)
        job.wait_for_go()
        while True:
            began_ns = calls.begin()
            if (await client.request("echo", _HELLO, timeout=5)).data != _HELLO:
                raise ValueError("another answer than what was sent")
            calls.end(began_ns)

    asyncio.run(main())
