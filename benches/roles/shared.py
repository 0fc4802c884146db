"""Ours, without a hub: `place` makes each message where it is read, `copied` copies it in, `batches` is
`place` that sends half of its slots at once, and waits until they come back."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np

from benches.board import SHAPES, SMALL_BYTES, Feed, Tally
from benches.roles.job import Job
from sightline.shm.direct import SharedReceiver, SharedSender
from sightline.shm.settings import Sharing

_SLOTS = 8
_MANY_SLOTS = 64


def write(job: Job, feed: Feed) -> None:
    slots = _MANY_SLOTS if job.variant == "batches" else _SLOTS
    with SharedSender(Sharing(slots=slots, above_bytes=1)) as sender:
        _meet(job, sender)
        job.board.wait_for_go()
        shape = SHAPES.get(job.size, (SMALL_BYTES,))
        at_once = slots // 2 if job.variant == "batches" else 1

        def made() -> Any:
            if job.variant == "copied":
                return feed.next()
            message = sender.new_array(shape, np.uint8)
            feed.stamp(message)
            return message

        while True:
            feed.wait()
            many = 1 if job.board.gap_ns else at_once
            sender.wait_for_room(values=many)
            sender.send_many([(made(), b"") for _ in range(many)])


def _meet(job: Job, sender: SharedSender) -> None:
    """Hands the reader its end, by a socket that it finds in the turn's folder."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(job.path()))
        listening.listen()
        job.ready()
        come, _ = listening.accept()
    with come, sender.connect() as end:
        socket.send_fds(come, [b"."], [end.fileno()])


def read(job: Job, tally: Tally) -> None:
    with socket.socket(socket.AF_UNIX) as out:
        out.connect(str(job.path()))
        _, (end,), _, _ = socket.recv_fds(out, 1, 1)
    receiver = SharedReceiver(socket.socket(fileno=end))
    job.ready()
    while (came := receiver.receive()) is not None:
        tally.hit(came.value)
