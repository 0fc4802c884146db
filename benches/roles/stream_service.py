"""stream-service 0.1.0, as its examples use it. It runs on Python 3.9 alone."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from benches.board import Calls, Feed, Tally
from benches.roles.job import Job, module

_KEY = b"STRM_Client"
_CHANNEL = "bench"
_HELLO = b"x" * 100


def server(job: Job) -> None:
    hub = module("stream_service").StreamChannelServer_Process(
        ip_address="127.0.0.1", port=job.port, client_authenticate=_KEY, quiet=True
    )
    threading.Thread(target=_ready_once_it_answers, args=(job,), daemon=True).start()
    hub.run()


def _ready_once_it_answers(job: Job) -> None:
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", job.port)).close()
            return job.ready()
        time.sleep(0.05)


def _client(job: Job, name: str) -> Any:
    client = module("stream_service").StreamChannelClient_Thread(
        name, "127.0.0.1", port=job.port, server_authenticate=_KEY
    )
    client.daemon = True
    client.start()
    client.wait_until_alive()
    return client


def write(job: Job, feed: Feed) -> None:
    client = _client(job, "writer")
    client.create_new_channel(_CHANNEL)
    coding = (
        module("stream_service").CODE_PICKLE
        if job.pictures
        else module("stream_service.lib.frame").CODE_MARSHAL
    )
    header = client.start_data_transfer(_CHANNEL, coding)
    job.wait_for_go()
    while True:
        feed.wait()
        client.put_data(header, feed.next(), True)


def read(job: Job, tally: Tally) -> None:
    client = _client(job, f"reader{job.reader}")
    client.subscribe_read_from_channel(_CHANNEL, server_buffer_size=100)
    job.ready()
    while True:
        _, item = client.get_data(_CHANNEL)
        tally.hit(item)


def answer(job: Job) -> None:
    client = _client(job, "echo")
    job.ready()
    client.join()


def call(job: Job, calls: Calls) -> None:
    service = _client(job, "caller").create_rpc_client_service("echo")
    job.wait_for_go()
    while True:
        began_ns = calls.begin()
        service.echo(_HELLO)
        calls.end(began_ns)
