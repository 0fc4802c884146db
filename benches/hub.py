"""The hub beside what else carries messages between programs: small ones, pictures, calls.

Every contender is processes of its own: a server where it has one, a writer, its readers. `contest` starts
and watches them, `roles` is what they do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.services import SERVICES

from benches.bench import Bench, Missing
from benches.board import PICTURE, SMALL
from benches.contest import CALLS, LOST, MB, P99_HALF, PACE, RATE, Contender, calls, stream
from benches.pairing import Aim
from benches.peers import Peer

STREAM_SERVICE: Final = Peer(
    name="stream-service", packages=("stream-service==0.1.0",), dependencies=("numpy==2.0.2",), version="3.9"
)
OTHERS: Final = Peer(
    name="messaging",
    packages=("imagezmq==1.2.0", "vidgear==0.3.6"),  # they ask for other OpenCVs
    dependencies=(
        "Pyro5==5.17",
        "colorlog",
        "nats-py==2.16.0",
        "numpy==2.4.6",
        "opencv-python-headless<5",
        "packaging",
        "pyzmq==27.3.0",
        "requests",
        "simplejpeg",
        "tqdm",
        "zerorpc==0.6.3",
    ),
)


def _ours() -> Path:
    return Path(sys.executable)


def _nats_server() -> str:
    service = SERVICES["nats"]
    place = service.find()
    if place is None:
        raise Missing(f"the program nats-server; to add it: {service.how_to_add()}")
    return place


def _zmq(variant: str) -> Contender:
    return Contender(module="zeromq", variant=variant, python=OTHERS.python, server=variant != "direct")


def _pictures(variant: str) -> Contender:
    return Contender(module="pictures", variant=variant, python=OTHERS.python, server=False)


_SEED: Final = Contender(module="stream_service", python=STREAM_SERVICE.python)
_NATS: Final = Contender(module="nats", python=OTHERS.python, program=_nats_server)
_RELAY: Final = Contender(module="relay", python=_ours)
SEED: Final = "stream-service"
PUSHPULL: Final = "pyzmq PUSH, proxy, PULL"

_BOTH: Final = {
    SEED: _SEED,
    "pyzmq PUB, proxy, SUB": _zmq("pubsub"),
    PUSHPULL: _zmq("pushpull"),
    "pyzmq direct": _zmq("direct"),
    "relay of sockets": _RELAY,
}
_SMALL: Final = {**_BOTH, "nats": _NATS}
_PICTURES: Final = {
    **_BOTH,
    "imagezmq REQ/REP": _pictures("reqrep"),
    "imagezmq PUB/SUB": _pictures("pubsub"),
    "NetGear": _pictures("netgear"),
}
_ONE_READER: Final = (PUSHPULL, "imagezmq REQ/REP", "NetGear")
_CALLS: Final = {
    SEED: _SEED,
    "nats": _NATS,
    "relay of sockets": _RELAY,
    "pyzmq direct": Contender(module="zeromq", python=OTHERS.python, server=False),
    "Pyro5": Contender(module="objects", variant="pyro", python=OTHERS.python, server=False),
    "zerorpc": Contender(module="objects", variant="zerorpc", python=OTHERS.python, server=False),
}


def _sightline(variant: str) -> Contender:
    return Contender(module="sightline_hub", variant=variant, python=_ours)


SINGLY, MANY = "put_data, get_data", "put_many, get_many"
TCP, UNIX = "sightline over TCP", "sightline over a Unix socket"
ASYNC, ASYNC_UNIX = "AsyncStreamClient over TCP", "AsyncStreamClient over a Unix socket"
THREADED = "StreamClient over TCP"
SHARED = "sightline, memory shared"
_OUR_SMALL: Final = {SINGLY: _sightline("singly"), MANY: _sightline("many")}
_OUR_PICTURES: Final = {
    SHARED: _sightline("unix"),
    TCP: _sightline("apart singly"),
    UNIX: _sightline("apart unix"),
}
_OUR_CALLS: Final = {
    ASYNC_UNIX: _sightline("unix"),
    ASYNC: _sightline("async"),
    THREADED: _sightline("threaded"),
}

_WHAT: Final = {SMALL: "Messages of 100 B", PICTURE: "Pictures of 1920x1080 BGR, 6.2 MB"}
PLAIN, TLS = "TCP", "TLS"
_TLS_WAYS: Final = {SMALL: "many", PICTURE: "singly"}

_WAYS: Final = (
    "Three processes or more for each, all on this machine: server, writer, readers; TCP unless said.",
    "First paced, then as fast as it goes; rates are counted at the readers, per reader.",
    "CPU is of all processes, the server's too. `lost` is of all that the writer offered.",
    "pyzmq and nats drop what does not fit (PUB, slow consumers); PUSH/PULL, the relay and sightline wait.",
    "nats-py, Pyro5, zerorpc, imagezmq, NetGear as documented, without settings of their own.",
)


def _streams(
    size: str,
    readers: int,
    ours: Mapping[str, Contender],
    theirs: Mapping[str, Contender],
    aims: tuple[Aim, ...],
) -> Bench:
    what = _WHAT[size]
    some = {name: one for name, one in {**ours, **theirs}.items() if readers == 1 or name not in _ONE_READER}
    return Bench(
        name=f"hub-{size}-{readers}",
        title=f"{what}, one writer, {readers} reader{'s' * (readers > 1)}",
        contenders={name: stream(one, size, readers) for name, one in some.items()},
        peers={name: one.needs for name, one in some.items()},
        aims=aims,
        notes=(*_WAYS, f"The pace: {PACE[size]} a second."),
        rounds=3,
        warm_up=False,
    )


def _tls(size: str) -> Bench:
    way = _TLS_WAYS[size]
    some = {PLAIN: _sightline(f"apart {way}"), TLS: _sightline(f"tls {way}")}
    return Bench(
        name=f"hub-tls-{size}",
        title=f"{_WHAT[size]} through the hub, with TLS and without",
        contenders={name: stream(one, size, 1) for name, one in some.items()},
        peers={},
        aims=(Aim(TLS, RATE, against=PLAIN), Aim(TLS, LOST, 0)),
        notes=(
            "Three processes on this machine, over TCP on its loopback, no memory shared: as between hosts",
            "with a network that is never in the way. All is enciphered and deciphered twice, in and out of",
            "the hub, which does both in one thread. EC P-256, certificates on both sides.",
            f"The pace: {PACE[size]} a second.",
        ),
        rounds=3,
        warm_up=False,
    )


BENCHES: Final = (
    _streams(
        SMALL,
        1,
        _OUR_SMALL,
        _SMALL,
        (
            Aim(SINGLY, RATE, against=SEED, least=200),
            Aim(MANY, RATE, against=PUSHPULL, least=1),
            Aim(MANY, LOST, 0),
            Aim(SINGLY, LOST, 0),
        ),
    ),
    _streams(SMALL, 4, _OUR_SMALL, _SMALL, (Aim(MANY, LOST, 0),)),
    _streams(
        PICTURE,
        1,
        _OUR_PICTURES,
        _PICTURES,
        (
            Aim(
                UNIX,
                MB,
                least=2000,
                limit="each picture is copied six times (twice by the writer, into and out of two sockets), "
                "by three processes on the cores that there are: see `cores`",
            ),
            Aim(UNIX, LOST, 0),
            Aim(SHARED, MB, against=UNIX),
            Aim(SHARED, LOST, 0),
        ),
    ),
    _streams(PICTURE, 4, _OUR_PICTURES, _PICTURES, (Aim(UNIX, LOST, 0), Aim(SHARED, LOST, 0))),
    _tls(SMALL),
    _tls(PICTURE),
    Bench(
        name="hub-calls",
        title="Calls that echo 100 B, one at a time",
        contenders={name: calls(one) for name, one in {**_OUR_CALLS, **_CALLS}.items()},
        peers={name: one.needs for name, one in {**_OUR_CALLS, **_CALLS}.items()},
        aims=(
            Aim(ASYNC_UNIX, CALLS, least=10_000),
            Aim(ASYNC_UNIX, P99_HALF, 1),
            Aim(
                ASYNC,
                CALLS,
                least=10_000,
                limit="four sockets of TCP one after the other take what `relay of sockets` takes, "
                "and three programs in Python, which two cores run in turn, the rest",
            ),
            Aim(ASYNC, P99_HALF, 1),
            Aim(THREADED, CALLS),
        ),
        notes=(
            "Caller and answerer are processes of their own; a server stands between them with",
            "stream-service, nats and sightline. Half load: calls begin at half of the rate just reached;",
            "one that is late because of the one before is timed from when it was due.",
        ),
        rounds=3,
        warm_up=False,
    ),
)
