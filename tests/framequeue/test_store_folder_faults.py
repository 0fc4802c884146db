"""The store in a folder beside processes that are killed, and on a disk that is full."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.conftest import missing
from tests.framequeue.store_folder_hand import FILL, picture_of
from tests.framequeue.store_killed import CALLS
from tools.services.waiting import wait_for

from sightline.framequeue.key import FrameKey
from sightline.framequeue.store import Claimed, Done
from sightline.framequeue.stores.folder import FolderStore

MEMORY = Path("/dev/shm")
HERE = Path(__file__).parent
HAND = str(HERE / "store_folder_hand.py")


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder where there is no disk to be waited for, if there is such."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_killed_at_any_line_happened_wholly_or_not_at_all(in_memory: Path, call: str) -> None:
    program = [sys.executable, str(HERE / "store_killed.py"), str(in_memory), call]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert int(ran.stdout) > 20


class Hand:
    """A process at a folder. `told`: what it said so far."""

    def __init__(self, folder: Path, role: str, argument: str) -> None:
        command = [sys.executable, HAND, role, str(folder), argument]
        self.role, self.argument = role, argument
        self.told: list[dict[str, Any]] = []
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        """At once (SIGKILL)."""
        assert self._program.poll() is None, "it ended by itself"
        self._program.kill()
        self._program.wait()
        self._reader.join()
        for pipe in (self._program.stdin, self._program.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._program.stdout is not None
        self.told += (json.loads(line) for line in self._program.stdout if line.endswith("\n"))


def test_processes_that_are_killed_again_and_again_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    folder, chance = tmp_path / "frames", random.Random(10)
    roles = [("put", "a"), ("put", "b"), ("work", "w1"), ("work", "w2"), ("work", "w3")]
    living = [Hand(folder, *role) for role in roles]
    told: list[dict[str, Any]] = []
    try:
        for _ in range(8):
            victim = chance.choice(living)
            more = len(victim.told) + chance.randrange(1, 10)
            wait_for(lambda: len(victim.told) >= more, 60, "a process at work")  # noqa: B023
            victim.kill()
            told += victim.told
            living[living.index(victim)] = Hand(folder, victim.role, victim.argument)
    finally:
        for hand in living:
            hand.kill()
            told += hand.told
    put = {each["put"] for each in told if "put" in each}
    finished = Counter(each["finished"] for each in told if "finished" in each)
    assert len(put) > 20
    assert len(finished) > 20
    assert set(finished.values()) == {1}
    with FolderStore(folder, limit_bytes=None) as store:
        left = _work_off(store)
        assert not left & set(finished)
        assert all(isinstance(store.claim(FrameKey.parse(text), "w", 1), Done) for text in put)
        usage = store.usage().total
        assert usage.balanced
        assert usage.stored == usage.finished >= len(put)
        store.sweep()
        assert not list((folder / "pictures").iterdir())
        assert not list((folder / "incoming").iterdir())


def _work_off(store: FolderStore) -> set[str]:
    """Finishes what is left; leases of the dead run out meanwhile."""
    finished: set[str] = set()

    def nothing_left() -> bool:
        for key in store.overdue(0.001, 1000):
            answer = store.claim(key, "w", 60)
            assert isinstance(answer, Claimed)
            assert answer.data == picture_of(key)
            assert store.finish(answer.claim)
            finished.add(str(key))
        return store.usage().total.frames == 0

    wait_for(nothing_left, 60, "no picture left")
    return finished


def test_a_disk_that_is_full_is_an_answer_and_room_can_be_made(tmp_path: Path) -> None:
    """On a small disk of its own, which only the program sees."""
    mount = 'mount -t tmpfs -o size=24m none "$1" && exec "$2" "$3" fill "$1/frames" "$1"'
    in_namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run(
        [*in_namespace, "mount -t tmpfs none /mnt"], capture_output=True, check=False
    ).returncode:
        missing("needs a kernel that lets users have mounts of their own (unshare --user --mount)")
    ran = subprocess.run(
        [*in_namespace, mount, "sh", str(tmp_path), sys.executable, HAND],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    first, then = map(json.loads, ran.stdout.splitlines())
    held, refused = first["full"]
    assert held > 100
    assert held + refused == FILL
    assert first["free"] > 3 * 2**20  # some is left for the table, whose log has grown
    assert first["usage"] == [held, refused, True]
    assert then["again"] == [10, 5]
    assert then["usage"] == [held - 5, refused, True]
