"""Memory of a system that has none without a name: weaker, and yet nothing of it is left."""

import itertools
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.conftest import WaitFor

from sightline.errors import SharingError
from sightline.shm import named
from sightline.shm.segment import Mapping, Segment, can_seal, can_share

SIZE = (1 << 20) + 5
NO_PROCESS = 2**22 + 1  # above the most that Linux gives (proc(5), pid_max)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wait_for: WaitFor) -> Iterator[Path]:
    """Where the files are made, on a system without memfd."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(named, "_MEMORY", tmp_path)
    before = psutil.Process().num_fds()
    yield tmp_path
    wait_for(lambda: psutil.Process().num_fds() == before, 10, "all descriptors to be closed")


def test_without_memfd_memory_is_shared_by_a_file_that_has_no_name(folder: Path) -> None:
    assert can_share()
    assert not can_seal()
    segment = Segment.create(SIZE)
    assert list(folder.iterdir()) == []
    assert not segment.sealed
    assert bytes(segment.memory) == bytes(SIZE)
    seen = Mapping(os.dup(segment.fd), SIZE, sealed=False)
    segment.memory[-4:] = b"seen"
    assert bytes(seen.memory[-4:]) == b"seen"
    assert seen.memory.readonly
    seen.close()
    segment.close()


def test_such_a_file_is_its_owner_s_alone_and_all_of_it_is_there() -> None:
    fd = named.create(SIZE)
    status = os.fstat(fd)
    os.close(fd)
    assert status.st_mode & 0o777 == 0o600
    assert status.st_nlink == 0
    assert status.st_size == SIZE
    assert status.st_blocks * 512 >= SIZE


def test_another_size_is_refused_here_too() -> None:
    with pytest.raises(SharingError, match=f"expected {SIZE + 1} bytes of shared memory, got {SIZE}"):
        Mapping(named.create(SIZE), SIZE + 1, sealed=False)


def test_a_descriptor_of_something_else_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(SharingError, match="expected memory, got a descriptor of mode"):
        Mapping(reading, SIZE, sealed=False)


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """The system refuses what is larger than SIZE: no broken check fills the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files_only")
def test_want_of_room_is_told_before_any_is_taken(folder: Path) -> None:
    with pytest.raises(SharingError, match=f"expected room for {2**60} bytes in {folder}, got"):
        named.create(2**60)
    assert list(folder.iterdir()) == []


def test_files_of_the_dead_are_swept_and_no_others(folder: Path) -> None:
    us = os.getpid()
    began = named.started(us)
    assert began is not None
    kept = {
        f"sightline-{us}-{began}-7",
        "sightline-camera.yaml",
        f"sightline-{NO_PROCESS}-7-7.log",
        f"other-{NO_PROCESS}-7-7",
    }
    # The last is of one that had our number before us.
    swept = {f"sightline-{NO_PROCESS}-{began}-7", f"sightline-{us}-{began - 1}-7"}
    for name in kept | swept:
        (folder / name).touch()
    assert named.sweep(folder) == len(swept)
    assert {path.name for path in folder.iterdir()} == kept


def test_a_process_s_beginning_is_the_system_s() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began = named.started(child.pid)
    assert began is not None
    assert began / ticks == pytest.approx(
        psutil.Process(child.pid).create_time() - psutil.boot_time(), abs=1.5
    )
    child.communicate(b"\n", timeout=60)
    assert named.started(child.pid) is None


KILLED = """
import os, pathlib, signal, sys
from sightline.shm import named
named._MEMORY = pathlib.Path(sys.argv[1])
pathlib.Path.unlink = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
named.create(4096)
"""


def test_what_a_process_left_that_was_killed_in_the_worst_moment_is_swept_by_the_next(folder: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], timeout=60, check=False)
    assert killed.returncode == -9
    assert len(list(folder.iterdir())) == 1
    os.close(named.create(SIZE))
    assert list(folder.iterdir()) == []


def test_a_name_that_is_taken_is_not_taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "_numbers", itertools.repeat(3))
    taken = folder / f"sightline-{os.getpid()}-{named.started(os.getpid())}-3"
    taken.write_bytes(b"theirs")
    with pytest.raises(SharingError, match="File exists"):
        Segment.create(SIZE)
    assert taken.read_bytes() == b"theirs"


def test_without_a_place_in_memory_the_temporary_folder_serves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(named, "_MEMORY", tmp_path / "missing")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert named.folder() == tmp_path
