"""Sockets and threads, and no more: what the simplest relay in Python does, without a promise of any kind."""

from __future__ import annotations

import socket
import threading

from benches.board import PICTURE_BYTES, SMALL_BYTES, Feed, Tally
from benches.roles.job import Job

_BLOCK = 1 << 20


def server(job: Job) -> None:
    listening = socket.create_server(("127.0.0.1", job.port))
    readers: list[socket.socket] = []
    job.ready()
    while True:
        one, _ = listening.accept()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if one.recv(1) == b"r":
            readers.append(one)
        else:
            threading.Thread(target=_pass_on, args=(one, readers), daemon=True).start()


def _pass_on(writer: socket.socket, readers: list[socket.socket]) -> None:
    block = memoryview(bytearray(_BLOCK))
    while size := writer.recv_into(block):
        for reader in readers:
            reader.sendall(block[:size])


def write(job: Job, feed: Feed) -> None:
    out = _connect(job, b"w")
    job.wait_for_go()
    while True:
        feed.wait()
        out.sendall(feed.next())


def read(job: Job, tally: Tally) -> None:
    come = _connect(job, b"r").makefile("rb", buffering=0 if job.pictures else 1 << 16)
    job.ready()
    size = PICTURE_BYTES if job.pictures else SMALL_BYTES
    message = memoryview(bytearray(size))
    while True:
        filled = 0
        while filled < size:
            filled += come.readinto(message[filled:]) or 0  # type: ignore[attr-defined]
        tally.hit(message)


def _connect(job: Job, who: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", job.port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.sendall(who)
    return one
