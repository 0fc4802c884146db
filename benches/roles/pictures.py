"""Senders of pictures that have no server: imagezmq (`reqrep` waits for each to be answered, `pubsub` loses)
and vidgear's NetGear (`netgear`, uncompressed, one reader)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benches.board import Feed, Tally
from benches.roles.job import Job, module


def write(job: Job, feed: Feed) -> None:
    send = _sender(job)
    job.wait_for_go()
    while True:
        feed.wait()
        send(feed.next())


def _sender(job: Job) -> Callable[[Any], object]:
    if job.variant == "netgear":
        return _netgear(job, receive=False).send  # type: ignore[no-any-return]
    waits = job.variant == "reqrep"
    sender = module("imagezmq").ImageSender(job.url(), REQ_REP=waits)
    # Where it does not wait it keeps a thousand arrays, uncopied.
    return lambda picture: sender.send_image("", picture if waits else picture.copy())


def read(job: Job, tally: Tally) -> None:
    if job.variant == "netgear":
        gear = _netgear(job, receive=True)
        job.ready()
        while True:
            tally.hit(gear.recv())
    answers = job.variant == "reqrep"
    hub = module("imagezmq").ImageHub(job.url(), REQ_REP=answers)
    job.ready()
    while True:
        _, picture = hub.recv_image()
        if answers:
            hub.send_reply(b"OK")
        tally.hit(picture)


def _netgear(job: Job, *, receive: bool) -> Any:
    return module("vidgear.gears").NetGear(
        address="127.0.0.1",
        port=str(job.port),
        protocol="tcp",
        pattern=0,
        receive_mode=receive,
        logging=False,
        jpeg_compression=False,
    )
