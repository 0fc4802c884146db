"""pyzmq. Through its proxy: `pubsub` (loses what does not fit) and `pushpull` (loses nothing, one reader gets
each message). Without a server: `direct`, PUSH to a PULL of each reader. Calls: DEALER to ROUTER."""

from __future__ import annotations

from typing import Any

from benches.board import Calls, Feed, Tally
from benches.roles.job import Job, module

_PICTURES_HELD = 4
_MESSAGES_HELD = 1000
_TO, _FROM = {"pubsub": "PUB", "pushpull": "PUSH"}, {"pubsub": "SUB", "pushpull": "PULL"}
_ENTRY, _EXIT = {"pubsub": "XSUB", "pushpull": "PULL"}, {"pubsub": "XPUB", "pushpull": "PUSH"}
_HELLO = b"x" * 100


def _socket(job: Job, kind: str) -> Any:
    zmq = module("zmq")
    one = zmq.Context.instance().socket(getattr(zmq, kind))
    one.set_hwm(_PICTURES_HELD if job.pictures else _MESSAGES_HELD)
    return one


def server(job: Job) -> None:
    entry, leaving = _socket(job, _ENTRY[job.variant]), _socket(job, _EXIT[job.variant])
    entry.bind(job.url())
    leaving.bind(job.url(1))
    job.ready()
    module("zmq").proxy(entry, leaving)


def write(job: Job, feed: Feed) -> None:
    if job.variant == "direct":
        outs = [_socket(job, "PUSH") for _ in range(job.readers)]
        for number, out in enumerate(outs):
            out.connect(job.url(2 + number))
    else:
        outs = [_socket(job, _TO[job.variant])]
        outs[0].connect(job.url())
    copied = not job.pictures or job.variant == "pubsub"  # it drops, so a picture may be sent long after
    job.wait_for_go()
    while True:
        feed.wait()
        message = feed.next()
        for out in outs:
            out.send(message, copy=copied)


def read(job: Job, tally: Tally) -> None:
    if job.variant == "direct":
        come = _socket(job, "PULL")
        come.bind(job.url(2 + job.reader))
    else:
        come = _socket(job, _FROM[job.variant])
        come.connect(job.url(1))
    if job.variant == "pubsub":
        come.subscribe(b"")
    job.ready()
    while True:
        tally.hit(come.recv(copy=False).buffer if job.pictures else come.recv())


def answer(job: Job) -> None:
    router = _socket(job, "ROUTER")
    router.bind(job.url())
    job.ready()
    while True:
        router.send_multipart(router.recv_multipart())


def call(job: Job, calls: Calls) -> None:
    dealer = _socket(job, "DEALER")
    dealer.connect(job.url())
    job.wait_for_go()
    while True:
        began_ns = calls.begin()
        dealer.send(_HELLO)
        if dealer.recv() != _HELLO:
            raise ValueError("another answer than what was sent")
        calls.end(began_ns)
