"""Ours, the hub in a process of its own. Nothing is lost: readers ask for a buffer that makes writers wait.

Streams with the threaded client: `singly` (put_data, get_data), `many` (put_many, get_many), `unix` as
`singly` over a Unix socket, `place` as `unix` with pictures made where they are read. `apart singly`, `apart
many` and `apart unix` share no memory, as between hosts; `tls singly` and `tls many` are these over TLS, with
certificates on both sides. Calls: `async` and `threaded`, by the client of the caller, `unix` as `async`.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import numpy as np
import uvloop

from benches.board import PICTURE_4K, SHAPES, Calls, Feed, Tally
from benches.roles.job import Job
from sightline.hub import AsyncStreamClient, Limits, StreamClient, StreamServer
from sightline.hub.certificates import Authority

_CHANNEL = "bench"
_BATCH = 500
_LARGE = Limits(window_bytes=128 << 20)  # more than one picture of 4K on its way
_HELD = 4  # fewer than a writer's slots: with as many, the hub copies pictures out to keep slots free
_HELLO = b"x" * 100


class Echo(StreamClient):
    def rpc_echo(self, said: bytes) -> bytes:
        return said


class AsyncEcho(AsyncStreamClient):
    async def rpc_echo(self, said: bytes) -> bytes:
        return said


def server(job: Job) -> None:
    limits = _LARGE if job.size == PICTURE_4K else Limits()
    with StreamServer("127.0.0.1", job.port, unix_path=_socket(job), limits=limits, **_papers(job)) as hub:
        job.ready()
        hub.join()


def _socket(job: Job) -> str | None:
    return str(job.folder / "hub") if job.variant in ("unix", "apart unix", "place") else None


def _papers(job: Job) -> dict[str, Any]:
    if not _is_tls(job):
        return {}
    authority = Authority(job.folder)
    authority.client("bench")
    hub, ca = authority.hub(["127.0.0.1"]), authority.certificate
    return {"tls_certificate": str(hub.file), "tls_key": str(hub.key), "tls_client_ca": str(ca.file)}


def _is_tls(job: Job) -> bool:
    return job.variant.startswith("tls")


def _tls(job: Job) -> ssl.SSLContext | None:
    if not _is_tls(job):
        return None
    context = ssl.create_default_context(cafile=job.folder / "ca.pem")
    context.load_cert_chain(job.folder / "client-bench.pem", job.folder / "client-bench.key")
    return context


def _client(job: Job, name: str, kind: type[StreamClient] = StreamClient) -> StreamClient:
    apart: dict[str, Any] = {"sharing": None} if job.variant.startswith(("apart", "tls")) else {}
    client = kind(name, "127.0.0.1", port=job.port, unix_path=_socket(job), tls=_tls(job), **apart)
    client.start()
    client.wait_until_alive(10)
    return client


def write(job: Job, feed: Feed) -> None:
    client = _client(job, "writer")
    client.create_new_channel(_CHANNEL)
    job.wait_for_go()
    client.wait_for_active(_CHANNEL)
    while True:
        feed.wait()
        if job.variant.endswith("many"):
            client.put_many(_CHANNEL, feed.many(_BATCH))
        elif job.variant == "place":
            picture = client.new_array(_CHANNEL, SHAPES[job.size], np.uint8)
            feed.stamp(picture)
            client.put_data(_CHANNEL, picture)
        else:
            client.put_data(_CHANNEL, feed.next())


def read(job: Job, tally: Tally) -> None:
    client = _client(job, f"reader{job.reader}")
    held = _HELD if job.pictures else 10_000
    client.subscribe_read_channel(_CHANNEL, server_buffer_size=held, server_full_behavior="block")
    job.ready()
    while True:
        if job.variant.endswith("many"):
            tally.many(client.get_many(_CHANNEL, _BATCH))
        else:
            tally.hit(client.get_data(_CHANNEL))


def answer(job: Job) -> None:
    if job.variant == "threaded":
        _client(job, "echo", Echo)
        job.ready()
        threading.Event().wait()
    uvloop.run(_answer(job))


async def _answer(job: Job) -> None:
    async with AsyncEcho("echo", "127.0.0.1", port=job.port, unix_path=_socket(job)):
        job.ready()
        await asyncio.Event().wait()


def call(job: Job, calls: Calls) -> None:
    if job.variant != "threaded":
        uvloop.run(_call(job, calls))
    echo = _client(job, "caller").create_rpc_client_service("echo")
    job.wait_for_go()
    while True:
        began_ns = calls.begin()
        if echo.echo(_HELLO) != _HELLO:
            raise ValueError("another answer than what was sent")
        calls.end(began_ns)


async def _call(job: Job, calls: Calls) -> None:
    async with AsyncStreamClient("caller", "127.0.0.1", port=job.port, unix_path=_socket(job)) as client:
        echo = await client.create_rpc_client_service("echo")
        job.wait_for_go()
        while True:
            began_ns = calls.begin()
            if await echo.echo(_HELLO) != _HELLO:
                raise ValueError("another answer than what was sent")
            calls.end(began_ns)
