"""What the processes of `test_direct` do; each is killed at the end, if it has not ended by itself."""

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import Closed
from sightline.shm.direct import SharedReceiver, SharedSender
from sightline.shm.settings import Sharing

SHAPE = (270, 480, 3)


def picture(number: int) -> NDArray[np.uint8]:
    """Each byte is told by the number and its place."""
    size = int(np.prod(SHAPE))
    return (
        ((np.arange(size, dtype=np.uint32) * 2654435761 + number * 97) >> 8).astype(np.uint8).reshape(SHAPE)
    )


def read_all(end: socket.socket, tell: Any) -> None:
    """Tells the number of each picture that came whole, and how it ended."""
    with SharedReceiver(end) as receiver:
        try:
            while came := receiver.receive(30):
                number = int(came.note)
                tell.put(number if np.array_equal(came.value, picture(number)) else f"torn: {number}")
        except Closed as closed:
            tell.put(str(closed))


def hold(end: socket.socket, how_many: int) -> None:
    """Looks at so many, says so, and stays."""
    with SharedReceiver(end) as receiver:
        held = [receiver.receive(30) for _ in range(how_many)]
        print(len(held), flush=True)
        time.sleep(600)


def send(end: socket.socket, how_many: int) -> None:
    """Sends so many to who gave this end, says so, and stays, with a child that has all that it has."""
    with SharedSender(Sharing(above_bytes=1, slots=8)) as sender:
        with sender.connect() as theirs:
            socket.send_fds(end, [b"."], [theirs.fileno()])
        end.close()
        for number in range(how_many):
            sender.send(picture(number), b"%d" % number)
        child = os.fork()
        if child:
            print(child, flush=True)
        time.sleep(600)


ROLES: dict[str, Callable[[socket.socket, int], None]] = {"hold": hold, "send": send}

if __name__ == "__main__":
    ROLES[sys.argv[1]](socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))
