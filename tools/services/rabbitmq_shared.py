"""One RabbitMQ broker for all the processes of a test run: it starts with the first, and ends after the last.

A keeper of its own (this module as a program) starts it. Each user holds a lock, which the kernel lets go of
however the user ends; by that the keeper sees when there is none left. Then the broker is killed: its end in
good order would disturb for seconds whatever is measured next.
"""

import fcntl
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from tools.services.process import StartFailed
from tools.services.rabbitmq import RabbitMqBroker
from tools.services.rabbitmq_address import RabbitMqAddress

ROOT = Path(__file__).resolve().parents[2]
LOOK_EVERY_S = 0.2
SAYS_SO = "ready"


@contextmanager
def shared_rabbitmq(folder: Path) -> Iterator[RabbitMqAddress]:
    """The broker of all who name this folder.

    Raises:
        StartFailed: it could not be started; the message has its log.
    """
    with _opened(folder, "users") as users:
        with _opened(folder, "door") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            place = folder / "address.json"
            if not place.exists():
                _begin(folder)
            address = RabbitMqAddress(**json.loads(place.read_text()))
        yield address


def _opened(folder: Path, name: str) -> IO[bytes]:
    return (folder / f"rabbitmq-{name}.lock").open("ab")


def _begin(folder: Path) -> None:
    """It is nobody's child, so that it lives as long as any of them."""
    keeper = [sys.executable, "-m", __name__, str(folder)]
    with (folder / "rabbitmq-keeper.log").open("ab") as log:
        begun = subprocess.Popen(
            ["setsid", "--fork", *keeper],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert begun.stdout is not None
    with begun.stdout as said:
        ready = said.readline().decode().strip() == SAYS_SO
    begun.wait()
    if not ready:
        raise StartFailed((folder / "rabbitmq-keeper.log").read_text())


def _keep(folder: Path) -> None:
    """Has a broker until nobody uses it."""
    broker = RabbitMqBroker(Path(tempfile.mkdtemp(prefix="rabbitmq-", dir=folder)))
    place = folder / "address.json"
    broker.start()
    try:
        place.write_text(json.dumps(asdict(broker.address)))
        print(SAYS_SO, flush=True)
        with _opened(folder, "users") as users, _opened(folder, "door") as door:
            while broker.pid and not _nobody_left(door, users):
                time.sleep(LOOK_EVERY_S)
            place.unlink()
    finally:
        broker.kill()


def _nobody_left(door: IO[bytes], users: IO[bytes]) -> bool:
    """If so, the door stays closed: who comes now waits until this broker is out of the way."""
    with suppress(BlockingIOError):
        fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(door, fcntl.LOCK_UN)
            return False
        return True
    return False


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
