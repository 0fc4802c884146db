"""Shared memory that nobody but its writer can change, and of which a killed process leaves nothing."""

import ctypes
import errno
import fcntl
import gc
import mmap
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import WaitFor

from sightline.errors import Closed, SharingError
from sightline.shm.segment import PIECE_BYTES, SEALS, Mapping, Segment, can_seal, can_share

if sys.platform != "linux":
    pytest.skip("sealed memory is Linux's", allow_module_level=True)

SIZE = 1 << 20
SHRINK, GROW, SEAL, FUTURE_WRITE = fcntl.F_SEAL_SHRINK, fcntl.F_SEAL_GROW, fcntl.F_SEAL_SEAL, 0x10
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def segment() -> Iterator[Segment]:
    made = Segment.create(SIZE)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(wait_for: WaitFor) -> Iterator[None]:
    before = descriptors(), mapped()
    yield
    gc.collect()
    wait_for(lambda: (descriptors(), mapped()) == before, 10, "nothing to be left")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def mapped() -> int:
    """Blocks that this process has mapped."""
    return Path("/proc/self/maps").read_text().count("memfd:sightline")


def shmem_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Shmem:"))


def mapping_of(segment: Segment, *, keep_fd: bool = False) -> Mapping:
    return Mapping(os.dup(segment.fd), segment.size, sealed=segment.sealed, keep_fd=keep_fd)


def memfd(size: int, seals: int, *, filled: bool = True) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if filled:
        os.pwrite(fd, bytes(size), 0)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def called(answer: int) -> None:
    """What a function of the C library says, as an error where it is one."""
    if answer:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def test_what_the_writer_writes_is_seen_in_place(segment: Segment) -> None:
    seen = mapping_of(segment)
    segment.memory[:5] = b"first"
    assert bytes(seen.memory[:6]) == b"first\0"
    segment.memory[:5] = b"later"
    assert ctypes.string_at(seen.address, 5) == b"later"
    assert len(seen.memory) == len(segment.memory) == seen.size == segment.size == SIZE
    seen.close()


def test_all_of_it_is_there_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mmap, "MAP_POPULATE")  # which allocates too, and tells nobody where it cannot
    segment = Segment.create(SIZE)
    assert os.fstat(segment.fd).st_blocks * 512 >= SIZE
    segment.close()


def test_it_is_set_aside_in_pieces_that_signals_leave_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[tuple[int, int]] = []
    set_aside = os.posix_fallocate

    def noted(fd: int, start: int, size: int) -> None:
        pieces.append((start, size))
        set_aside(fd, start, size)

    monkeypatch.setattr(os, "posix_fallocate", noted)
    Segment.create(2 * PIECE_BYTES + 5).close()
    assert pieces == [(0, PIECE_BYTES), (PIECE_BYTES, PIECE_BYTES), (2 * PIECE_BYTES, 5)]


def punch(fd: int) -> None:
    keep_size_and_punch = 1 | 2
    called(
        LIBC.fallocate(fd, keep_size_and_punch, ctypes.c_long(0), ctypes.c_long(mmap.PAGESIZE)),
    )


@pytest.mark.parametrize(
    "misuse",
    [
        lambda fd: os.ftruncate(fd, 0),
        lambda fd: os.ftruncate(fd, SIZE - 1),
        lambda fd: os.ftruncate(fd, SIZE + 1),
        lambda fd: os.posix_fallocate(fd, SIZE, 1),
        lambda fd: os.pwrite(fd, b"x", 0),
        lambda fd: mmap.mmap(fd, SIZE),
        punch,
        lambda fd: fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
    ],
    ids=["empty", "shrink", "grow", "allocate", "write", "map to write", "punch a hole", "seal further"],
)
@pytest.mark.parametrize("opened_anew", [False, True], ids=["the descriptor", "opened anew"])
def test_seals_refuse_whatever_would_change_it(
    segment: Segment, misuse: Callable[[int], object], opened_anew: bool
) -> None:
    fd = os.open(f"/proc/self/fd/{segment.fd}", os.O_RDWR) if opened_anew else os.dup(segment.fd)
    segment.memory[:1] = b"w"
    try:
        with pytest.raises(PermissionError) as refused:
            misuse(fd)
        assert refused.value.errno == errno.EPERM
    finally:
        os.close(fd)
    assert segment.memory[0] == ord("w")


def test_not_even_the_writer_can_take_a_page_out_of_it(segment: Segment) -> None:
    mapped_by_writer = segment.memory.obj
    assert isinstance(mapped_by_writer, mmap.mmap)
    with pytest.raises(PermissionError):
        mapped_by_writer.madvise(mmap.MADV_REMOVE)


def test_a_reader_s_numpy_array_cannot_be_made_writable(segment: Segment) -> None:
    seen = mapping_of(segment)
    for array in (np.asarray(seen.memory), np.frombuffer(seen.memory, np.float32)):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.base.setflags(write=True) if isinstance(array.base, np.ndarray) else array.setflags(
                write=True
            )
    with pytest.raises(TypeError, match="read-only"):
        seen.memory[0] = 1
    seen.close()


def test_a_reader_cannot_make_its_pages_writable(segment: Segment) -> None:
    seen = mapping_of(segment)
    with pytest.raises(PermissionError) as refused:
        called(
            LIBC.mprotect(
                ctypes.c_void_p(seen.address),
                ctypes.c_size_t(mmap.PAGESIZE),
                mmap.PROT_READ | mmap.PROT_WRITE,
            )
        )
    assert refused.value.errno == errno.EACCES
    seen.close()


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 1, 2**40])
def test_another_size_than_was_said_is_refused(segment: Segment, size: int) -> None:
    fd = os.dup(segment.fd)
    with pytest.raises(SharingError, match=f"expected {size} bytes of shared memory, got {SIZE}"):
        Mapping(fd, size, sealed=True)
    assert not is_open(fd)


@pytest.mark.parametrize("missing", [SHRINK, GROW, SEAL, FUTURE_WRITE])
def test_memory_that_lacks_a_seal_is_refused(missing: int) -> None:
    fd = memfd(SIZE, SEALS & ~missing)
    with pytest.raises(SharingError, match=f"expected memory with the seals 0x17, got {SEALS & ~missing:#x}"):
        Mapping(fd, SIZE, sealed=True)
    assert not is_open(fd)


def test_memory_with_more_seals_is_taken() -> None:
    no_execution = 0x20
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | 0x8)
    os.pwrite(fd, bytes(SIZE), 0)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == SEALS | no_execution
    Mapping(fd, SIZE, sealed=True).close()


def test_memory_with_holes_is_refused() -> None:
    fd = memfd(SIZE, SEALS, filled=False)
    with pytest.raises(SharingError, match=f"expected {SIZE} bytes that are there, got 0"):
        Mapping(fd, SIZE, sealed=True)
    assert not is_open(fd)


def test_memory_behind_its_end_hides_no_hole() -> None:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, SIZE)
    keep_size = 1
    called(LIBC.fallocate(fd, keep_size, ctypes.c_long(SIZE), ctypes.c_long(SIZE)))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    assert os.fstat(fd).st_blocks * 512 >= SIZE
    with pytest.raises(SharingError, match=f"expected {SIZE} bytes that are there, got 0"):
        Mapping(fd, SIZE, sealed=True)
    assert not is_open(fd)


def a_file(folder: Path) -> int:
    (folder / "file").write_bytes(bytes(SIZE))
    return os.open(folder / "file", os.O_RDWR)


def a_file_in_memory(folder: Path) -> int:
    fd = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR)
    os.posix_fallocate(fd, 0, SIZE)
    return fd


def a_pipe(folder: Path) -> int:
    reading, writing = os.pipe()
    os.close(writing)
    return reading


@pytest.mark.parametrize("made", [a_file, a_file_in_memory, a_pipe])
@pytest.mark.parametrize("sealed", [True, False])
def test_what_is_no_sealed_memory_is_refused(
    made: Callable[[Path], int], sealed: bool, tmp_path: Path, wait_for: WaitFor
) -> None:
    fd = made(tmp_path)
    with pytest.raises(SharingError, match="expected sealed memory|expected memory with the seals"):
        Mapping(fd, SIZE, sealed=sealed)
    wait_for(lambda: not is_open(fd), 10, "the descriptor to be closed")


def test_memory_that_is_said_to_be_unsealed_is_refused_where_it_could_be_sealed(segment: Segment) -> None:
    with pytest.raises(SharingError, match="expected sealed memory, as this system has it"):
        Mapping(os.dup(segment.fd), SIZE, sealed=False)


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """The system refuses what is larger than SIZE: no broken check takes all memory of the machine."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files_only")
def test_want_of_memory_is_told_before_the_system_is_asked() -> None:
    with pytest.raises(
        SharingError, match=r"expected room for \d+ bytes and \d+ to spare, got \d+ free: the mach"
    ):
        Segment.create(2**46)


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_makes_no_sense_is_refused(size: int) -> None:
    with pytest.raises(SharingError, match=f"expected a size of at least 1 byte, got {size}"):
        Segment.create(size)


@pytest.mark.usefixtures("small_files_only")
def test_what_the_system_refuses_is_told_and_leaves_no_descriptor() -> None:
    with pytest.raises(SharingError, match=f"no shared memory of {SIZE + 1} bytes: .*File too large"):
        Segment.create(SIZE + 1)


def test_views_outlive_close_and_the_last_one_frees_the_memory() -> None:
    nothing = mapped()
    segment = Segment.create(SIZE)
    seen = mapping_of(segment)
    segment.memory[-4:] = b"last"
    written = np.asarray(segment.memory)
    read = np.asarray(seen.memory)[-4:]
    segment.close()
    seen.close()
    written[-1] = ord("!")
    assert bytes(read) == b"las!"
    assert mapped() == nothing + 2
    del written
    assert mapped() == nothing + 1
    del read
    assert mapped() == nothing


def test_closed_memory_is_said_to_be_closed() -> None:
    segment = Segment.create(SIZE)
    seen = mapping_of(segment)
    for block in (segment, seen):
        block.close()
        block.close()
        assert block.fd == -1
        with pytest.raises(Closed):
            _ = block.memory


def test_what_is_forgotten_is_closed() -> None:
    before = descriptors()
    mapping_of(Segment.create(SIZE), keep_fd=True)
    assert descriptors() == before


def test_a_mapping_keeps_its_descriptor_only_where_it_is_to_hand_it_on(segment: Segment) -> None:
    keeping, other = mapping_of(segment, keep_fd=True), mapping_of(segment)
    assert os.fstat(keeping.fd).st_size == SIZE
    assert not os.get_inheritable(segment.fd)
    assert other.fd == -1
    again = Mapping(os.dup(keeping.fd), SIZE, sealed=True)
    keeping.close()
    assert again.memory[0] == 0
    again.close()
    other.close()


def test_without_side_sockets_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_share()
    monkeypatch.delattr(socket, "SOCK_SEQPACKET")
    assert not can_share()
    with pytest.raises(SharingError, match="no side sockets"):
        Segment.create(SIZE)


ELSEWHERE = """
import mmap, os, socket, sys, tempfile
import msgspec, numpy
sys.platform = sys.argv[1]
del os.memfd_create, os.MFD_CLOEXEC, os.MFD_ALLOW_SEALING, os.posix_fallocate, socket.SOCK_SEQPACKET
del mmap.MAP_POPULATE
if sys.platform == "win32":
    sys.modules["fcntl"] = None
    del socket.AF_UNIX, socket.send_fds, mmap.PROT_READ, mmap.PROT_WRITE, mmap.MAP_SHARED
from sightline.shm.segment import Segment, SharingError, can_seal, can_share
assert not can_share() and not can_seal()
try:
    Segment.create(4096)
except SharingError:
    print("refused")
"""


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_systems_without_all_this_import_it_and_share_nothing(platform: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, platform], capture_output=True, text=True, timeout=60, check=False
    )
    assert (told.stdout, told.stderr) == ("refused\n", "")


def test_sealing_is_not_claimed_where_the_kernel_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_seal()
    monkeypatch.setattr("sightline.shm.segment.SEALS", 0x400)  # what a kernel says of a seal it does not know
    assert not can_seal()


WRITER = """
import signal, socket, sys
from sightline.shm.segment import Segment
side = socket.socket(fileno=int(sys.argv[1]))
segment = Segment.create(int(sys.argv[2]))
segment.memory[-8:] = b"complete"
socket.send_fds(side, [b"here"], [segment.fd])
signal.pause()
"""


@pytest.mark.alone
def test_a_killed_writer_s_memory_stays_while_it_is_looked_at_and_goes_then(wait_for: WaitFor) -> None:
    size = 512 << 20
    names, before = set(Path("/dev/shm").iterdir()), shmem_bytes()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arguments = [sys.executable, "-c", WRITER, str(theirs.fileno()), str(size)]
    with ours, subprocess.Popen(arguments, pass_fds=[theirs.fileno()]) as writer:
        theirs.close()
        ours.settimeout(60)
        said, fds, _, _ = socket.recv_fds(ours, 16, 1)
        assert said == b"here"
        seen = Mapping(fds[0], size, sealed=True)
        writer.kill()
        writer.wait()
        assert ours.recv(16) == b""
    assert bytes(seen.memory[-8:]) == b"complete"
    assert shmem_bytes() > before + size // 2
    seen.close()
    wait_for(lambda: shmem_bytes() < before + size // 2, 30, "the memory to be the system's again")
    assert set(Path("/dev/shm").iterdir()) == names
