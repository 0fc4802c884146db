"""What runs in containers: `python -m tests.hub.contained write|read SOCKET`, until standard input ends.

Each says what it did and where it was as a line of JSON. A reader keeps its last picture, and looks at it
once more when it is told a line.
"""

from __future__ import annotations

import math
import os
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
from tests.hub.killing.picture import SHAPES, Mark, draw, seen

from sightline.hub import StreamClient
from sightline.hub.settings import ReaderBuffer

CHANNEL = "camera"
PICTURES = 40
SHAPE = SHAPES[-1]
SOON_S = 30.0
SHARED_MEMORY = Path("/dev/shm")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one says.

    Attributes:
        namespaces: that it was in.
        shared_memory_bytes, names: of its /dev/shm.
        interfaces: of networks.
        shared: pictures that came or went in shared memory.
        not_shared: those that went as bytes, by reason.
        shared_in, shared_out: as the hub tells it.
    """

    namespaces: list[str]
    shared_memory_bytes: int
    names: list[str]
    interfaces: list[str]
    shared: int
    not_shared: dict[str, int] = {}
    shared_in: int = 0
    shared_out: int = 0


def namespaces() -> list[str]:
    """Those of this process that a container has for itself."""
    return [str(Path(f"/proc/self/ns/{name}").readlink()) for name in ("mnt", "ipc", "net", "pid")]


def write(client: StreamClient) -> None:
    client.create_new_channel(CHANNEL)
    client.wait_for_active(CHANNEL, SOON_S)
    for number in range(PICTURES):
        client.put_data(CHANNEL, draw(client.new_array(CHANNEL, SHAPE), 1, number), timeout_s=SOON_S)
    client.flush(CHANNEL, SOON_S)
    figures = client.statistics().writers[CHANNEL]
    _say(figures.shared, not_shared=figures.not_shared)
    sys.stdin.readline()


def read(client: StreamClient) -> None:
    client.subscribe([CHANNEL], buffer=ReaderBuffer.endless())
    picture = b""
    for number in range(PICTURES):
        picture = client.get_data(CHANNEL, SOON_S)
        assert seen(picture) == Mark(1, number, math.prod(SHAPE))
    (channel,) = (one for one in client.server_statistics().channels if one.name == CHANNEL)
    shared = client.statistics().readers[CHANNEL].shared
    _say(shared, shared_in=channel.shared_in, shared_out=channel.shared_out)
    sys.stdin.readline()
    assert seen(picture).number == PICTURES - 1
    assert client.statistics().leases == bool(shared)
    sys.stdout.write("whole\n")


def _say(shared: int, **figures: Any) -> None:
    room = os.statvfs(SHARED_MEMORY)
    told = Told(
        namespaces=namespaces(),
        shared_memory_bytes=room.f_blocks * room.f_frsize,
        names=[entry.name for entry in SHARED_MEMORY.iterdir()],
        interfaces=[name for _, name in socket.if_nameindex()],
        shared=shared,
        **figures,
    )
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with StreamClient(sys.argv[1], unix_path=sys.argv[2], tto=SOON_S) as connected:
        {"write": write, "read": read}[sys.argv[1]](connected)
