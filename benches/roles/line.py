"""One Unix socket between two processes, and no more: the least that a copy through the kernel costs."""

from __future__ import annotations

import socket

from benches.board import Feed, Tally, size_bytes
from benches.roles.job import Job


def write(job: Job, feed: Feed) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(job.path()))
        listening.listen()
        job.ready()
        out, _ = listening.accept()
    job.board.wait_for_go()
    while True:
        feed.wait()
        out.sendall(feed.next())


def read(job: Job, tally: Tally) -> None:
    come = socket.socket(socket.AF_UNIX)
    come.connect(str(job.path()))
    job.ready()
    message = memoryview(bytearray(size_bytes(job.size)))
    while True:
        left = message
        while left:
            left = left[come.recv_into(left) :]
        tally.hit(message)
