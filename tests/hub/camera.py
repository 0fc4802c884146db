"""A camera as a process of its own: `python -m tests.hub.camera URL`, a picture for each line it is told.

A picture can be told from all others by each of its rows. `Camera` is the camera seen from the test.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from sightline.hub import StreamClient
from sightline.hub.address import HubAddress
from sightline.hub.settings import MIB, History

CHANNEL: Final = "camera"
SHAPE: Final = (1080, 1920, 3)
KEPT: Final = 5
"""Pictures in the channel's history."""


class Camera:
    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "tests.hub.camera", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.put = 0
        self._hear()

    def show(self, count: int = 1) -> None:
        """Put so many pictures, each when the one before was taken in."""
        for _ in range(count):
            self._say(b"\n")
            self._hear()
            self.put += 1

    def end(self) -> None:
        self._process.communicate(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.end()

    def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _hear(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"done\n"


def picture(number: int) -> NDArray[np.uint8]:
    return drawn(np.empty(SHAPE, np.uint8), number)


def drawn(into: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    into[:] = (number + np.arange(SHAPE[0], dtype=np.uint32)[:, None, None]) % 251
    return into


def main(url: str) -> None:
    with StreamClient("camera", **HubAddress.of(url).client_settings()) as client:
        client.create_new_channel(CHANNEL, history=History(messages=KEPT, bytes=64 * MIB))
        sys.stdout.write("done\n")
        sys.stdout.flush()
        for number, _ in enumerate(sys.stdin):
            client.put_data(CHANNEL, drawn(client.new_array(CHANNEL, SHAPE), number))
            while client.statistics().writers[CHANNEL].unacknowledged:
                pass
            sys.stdout.write("done\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
