"""Pictures of one process, looked at in place by two others.

python examples/shared.py 500       so many pictures
"""

import multiprocessing
import socket
import sys

import numpy as np

from sightline.errors import Closed
from sightline.shm import SharedReceiver, SharedSender


def look(name: str, end: socket.socket) -> None:
    """In a process of its own."""
    seen, brightness = 0, 0.0
    with SharedReceiver(end) as pictures:
        while True:
            try:
                received = pictures.receive()
            except Closed:
                break
            if received is not None:
                brightness += float(received.value[0].mean())  # read-only, and not copied
                seen += 1
            del received  # its place is free again
    sys.stdout.write(
        f"{name}: {seen} pictures, brightness {brightness / seen:.1f}\n"
    )  # whole, beside the other


def main(pictures: int) -> None:
    spawn = multiprocessing.get_context("spawn")
    with SharedSender() as sender:
        for name in ("first", "second"):
            with sender.connect() as end:
                spawn.Process(target=look, args=(name, end)).start()
        for number in range(pictures):
            sender.wait_for_room(10)  # without this line, who is slow misses some
            picture = sender.new_array((1080, 1920, 3), np.uint8)
            picture[:] = number % 256
            sender.send(picture, note=str(number).encode())
        stats = sender.stats()
    for child in multiprocessing.active_children():
        child.join()
    print(f"sent {stats.sharing.shared}, missed {sum(stats.missed.values())}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
