"""Sockets and threads, and no more: what the simplest relay in Python does, without a promise of any kind.

For calls it passes what comes from either side on to the other: what four sockets one after the other take.
"""

from __future__ import annotations

import socket
import threading

from benches.board import Calls, Feed, Tally, size_bytes
from benches.roles.job import Job

_BLOCK = 1 << 20
_HELLO = b"x" * 100


def server(job: Job) -> None:
    listening = socket.create_server(("127.0.0.1", job.port))
    readers: list[socket.socket] = []
    sides: list[socket.socket] = []
    job.ready()
    while True:
        one, _ = listening.accept()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        match one.recv(1):
            case b"r":
                readers.append(one)
            case b"w":
                threading.Thread(target=_pass_on, args=(one, readers), daemon=True).start()
            case _:
                sides.append(one)
        if len(sides) == 2:
            for here, there in (sides, sides[::-1]):
                threading.Thread(target=_pass_on, args=(here, [there]), daemon=True).start()


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
    size = size_bytes(job.size)
    message = memoryview(bytearray(size))
    while True:
        filled = 0
        while filled < size:
            filled += come.readinto(message[filled:]) or 0  # type: ignore[attr-defined]
        tally.hit(message)


def answer(job: Job) -> None:
    line = _connect(job, b"c")
    job.ready()
    while said := line.recv(_BLOCK):
        line.sendall(said)


def call(job: Job, calls: Calls) -> None:
    line = _connect(job, b"c")
    job.wait_for_go()
    while True:
        began_ns = calls.begin()
        line.sendall(_HELLO)
        if line.recv(_BLOCK) != _HELLO:
            raise ValueError("another answer than what was sent")
        calls.end(began_ns)


def _connect(job: Job, who: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", job.port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.sendall(who)
    return one
