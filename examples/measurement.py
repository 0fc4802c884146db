"""A measuring system over the hub: an analogue input, a recorder, an analyser and a display.

Each is a program of its own, as on machines of their own; alone it runs all four against a hub of its own.

python examples/measurement.py 5
python examples/measurement.py record HOST PORT SECONDS
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sightline.hub import StreamClient, StreamServer

CHANNEL = "AnalogInput1"
RATE_HZ = 10_000
BLOCK = 100  # samples in one message

Block: TypeAlias = NDArray[np.float32]


def measure(client: StreamClient, seconds: float) -> str:
    """The input: blocks of samples, sent as they are taken; no reader can make it wait.

    The hub keeps ten seconds of them for those who come later, also when the input has ended.
    """
    client.create_new_channel(CHANNEL, may_block=False, history=10 * RATE_HZ // BLOCK, keep=True)
    begun, blocks = time.monotonic(), round(seconds * RATE_HZ / BLOCK)
    for number in range(blocks):
        at = np.arange(number * BLOCK, (number + 1) * BLOCK) / RATE_HZ
        client.put_data(CHANNEL, np.sin(2 * np.pi * 50 * at).astype(np.float32))
        time.sleep(max(0.0, begun + at[-1] - time.monotonic()))
    client.flush(CHANNEL, timeout_s=5)
    return f"{blocks} blocks sent"


def record(client: StreamClient, _seconds: float) -> str:
    """The recorder must not lose a sample: no bound on the hub, and what was kept comes first."""
    client.subscribe_read_channel(CHANNEL, server_buffer_size=None, start="history", wait=True)
    blocks = list(_blocks(client))
    np.save("recording.npy", np.concatenate(blocks))
    return f"{len(blocks)} blocks recorded, {len(client.get_read_channel_buffer(CHANNEL).gaps)} gaps"


def analyse(client: StreamClient, _seconds: float) -> str:
    """The analyser takes what comes in one piece; of a ring of 50 blocks it knows what it missed."""
    client.subscribe_read_channel(
        CHANNEL, server_buffer_size=50, server_full_behavior="drop_oldest", wait=True
    )
    means = [float(np.sqrt(np.mean(block**2))) for block in _blocks(client)]
    return f"{len(means)} blocks analysed, mean level {np.mean(means):.3f}"


def display(client: StreamClient, _seconds: float) -> str:
    """The display wants two values a second, and the newest: the hub sends no more than that."""
    client.subscribe_read_channel(CHANNEL, server_buffer_size=1, max_per_s=2, wait=True)
    shown = [f"{block[0]:+.2f}" for block in _blocks(client)]
    return f"{len(shown)} values shown"


def _blocks(client: StreamClient) -> Iterator[Block]:
    """The blocks of the channel, as they come, until none came for a while."""
    with suppress(TimeoutError):
        yield client.get_data(CHANNEL, 10)
        while True:
            yield client.get_data(CHANNEL, 1)


ROLES = {"record": record, "analyse": analyse, "display": display, "measure": measure}


def main(role: str, host: str, port: str, seconds: str) -> None:
    """One of the four, as a program."""
    with StreamClient(role, host, port=int(port)) as client:
        # In one piece, whatever Python's buffering: the others write to the same terminal.
        sys.stdout.write(f"{role}: {ROLES[role](client, float(seconds))}\n")
        sys.stdout.flush()


def all_four(seconds: str) -> None:
    """A hub, and each of the four as a process of its own."""
    with StreamServer(port=0) as hub:
        command = [sys.executable, __file__]
        running = [subprocess.Popen([*command, role, "127.0.0.1", str(hub.port), seconds]) for role in ROLES]
        for process in running:
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) > 2 else all_four(*sys.argv[1:])
