"""One block of shared memory: made by its writer, mapped by everybody else to look at only.

Linux gives it without a name (memfd), so nothing of it is left in any file system; it is freed when the last
process that has it mapped is gone, however that ended. All of it is there from the start: want of memory is
an error here, not a SIGBUS in the middle of a picture. The kernel's seals hold everybody to it (fcntl(2),
"File Sealing"): its size stays, no hole is punched into it, and only the mapping made before the seals, which
is the writer's, can write. Where there is no sealed memory, `sightline.shm.named` gives some that is weaker.

It does not say what lies where in a block, nor who looks at it, and it hands no descriptor on. A child made
by `fork` has its parent's mappings, and can write where that could.
"""

from __future__ import annotations

import mmap
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

import numpy as np

from sightline.errors import Closed, SharingError
from sightline.shm import named
from sightline.shm.foreign import close_foreign
from sightline.shm.room import need_memory

if sys.platform != "win32":
    import fcntl

# linux/fcntl.h and linux/memfd.h. Python 3.11 has no name for F_SEAL_FUTURE_WRITE (Linux 5.1), nor any for
# MFD_NOEXEC_SEAL (Linux 6.3), without which memory is refused where the sysctl vm.memfd_noexec is 2.
SEALS: Final = 0x1 | 0x2 | 0x4 | 0x10  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE
MFD_NOEXEC_SEAL: Final = 0x8

PIECE_BYTES: Final = 1024 * 1024
"""Set aside at once: less than comes between two signals of a timer."""
BLOCK_BYTES: Final = 512
"""What `st_blocks` counts (stat(2))."""


def can_share() -> bool:
    """Whether processes of this system can share pictures: it has side sockets, which carry descriptors."""
    try:
        for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET):
            end.close()
    except (AttributeError, OSError):
        return False
    return hasattr(socket, "send_fds")


def can_seal() -> bool:
    """Whether this system has memory that can be sealed (Linux 5.1 and later)."""
    with suppress(AttributeError, OSError):
        fd = _memfd()
        try:
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
        finally:
            os.close(fd)
        return True
    return False


class _Block:
    """A descriptor, and a mapping of all that it stands for. Owns both.

    Attributes:
        address: where it begins in this process; good for as long as `memory` or a view of it lives.
    """

    fd: int = -1
    address: int
    _memory: memoryview | None = None

    def _own(self, fd: int, mapped: mmap.mmap) -> None:
        self.fd = fd
        self.size = len(mapped)
        self._memory = memoryview(mapped)
        self.address = np.frombuffer(mapped, np.uint8).__array_interface__["data"][0]

    @property
    def memory(self) -> memoryview:
        """All of it. Raises Closed after `close`."""
        if self._memory is None:
            raise Closed("this shared memory was closed")
        return self._memory

    def close(self) -> None:
        """Gives up descriptor and mapping; a view that was made of it keeps the memory while it lives."""
        self._memory = None
        self.close_fd()

    def close_fd(self) -> None:
        """Gives up the descriptor only, once all who need it have one of their own."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    __del__ = close


class Segment(_Block):
    """A writer's block.

    Attributes:
        fd: its descriptor, to be handed on; not inherited over `exec`. -1 once closed.
        size: in bytes, as it was asked for.
        sealed: False where it comes from `sightline.shm.named`.
    """

    sealed: bool

    @classmethod
    def create(cls, size: int) -> Self:
        """A new block of zeros; takes half a millisecond for each MiB.

        Raises:
            SharingError: there is not the memory, which is told before any of it is taken; or the system
                refuses.
        """
        if not can_share():
            raise SharingError("processes of this system cannot share memory: it has no side sockets")
        if size < 1:
            raise SharingError(f"expected a size of at least 1 byte, got {size}")
        need_memory(size)
        segment = cls()
        segment.sealed = can_seal()
        with _told(f"no shared memory of {size} bytes"):
            fd = _memfd() if segment.sealed else named.create(size)
            with _closed_on_error(fd, _close):
                if segment.sealed:
                    _set_aside(fd, size)
                mapped = _mapped(fd, size, mmap.PROT_READ | mmap.PROT_WRITE, at_once=True)
                if segment.sealed:
                    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)  # from now on none but this mapping writes
        segment._own(fd, mapped)
        return segment


class Mapping(_Block):
    """Another's block, to look at: `memory` is read-only.

    Args:
        fd: its descriptor, this object's own from now on, also where it raises.
        size: in bytes, as the writer said.
        sealed: as the writer said. Memory without seals is taken only where this system has no other.
        keep_fd: keep the descriptor as `fd`, to hand it on. Pages are mapped as they are looked at then, so
            ask `whole` first.

    Raises:
        SharingError: it is not what the writer said, or cannot be mapped.
    """

    def __init__(self, fd: int, size: int, *, sealed: bool, keep_fd: bool = False) -> None:
        with _closed_on_error(fd, close_foreign), _told(f"cannot map {size} bytes of shared memory"):
            _check(fd, size, sealed=sealed, thorough=not keep_fd)
            # Who hands it on looks at little of it, and has others to serve meanwhile.
            mapped = _mapped(fd, size, mmap.PROT_READ, at_once=not keep_fd)
        self._own(fd, mapped)
        self._sealed = sealed
        if not keep_fd:
            self.close_fd()

    def whole(self, start: int, size: int) -> bool:
        """Whether this part is there, to be read without taking memory. Only where the descriptor is kept."""
        return not self._sealed or os.lseek(self.fd, start, os.SEEK_HOLE) >= start + size


def _memfd() -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create("sightline", flags | MFD_NOEXEC_SEAL)
    except OSError:  # a kernel that does not know this flag
        return os.memfd_create("sightline", flags)


def _set_aside(fd: int, size: int) -> None:
    """In pieces: of many kernels a signal undoes what they have of one, and Python tries again."""
    for start in range(0, size, PIECE_BYTES):
        os.posix_fallocate(fd, start, min(PIECE_BYTES, size - start))


def _mapped(fd: int, size: int, protection: int, *, at_once: bool) -> mmap.mmap:
    """All pages `at_once`: page by page, the first picture in each slot takes many times the copying."""
    populate = getattr(mmap, "MAP_POPULATE", 0) if at_once else 0
    return mmap.mmap(fd, size, flags=mmap.MAP_SHARED | populate, prot=protection)


def _check(fd: int, size: int, *, sealed: bool, thorough: bool) -> None:
    """Seals first: what is true of a sealed block stays true."""
    if sealed:
        _check_seals(fd)
    elif can_seal():
        raise SharingError("expected sealed memory, as this system has it, got memory without seals")
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise SharingError(f"expected memory, got a descriptor of mode {status.st_mode:o}")
    if status.st_size != size:
        raise SharingError(f"expected {size} bytes of shared memory, got {status.st_size}")
    there = status.st_blocks * BLOCK_BYTES
    if sealed and thorough and there >= size:  # some may lie behind the end; to look takes 20 us for each MiB
        there = os.lseek(fd, 0, os.SEEK_HOLE)
    if sealed and there < size:
        # Whoever reads a hole allocates it, on the reader's account, and dies where there is no memory left.
        raise SharingError(f"expected {size} bytes that are there, got {there}")


def _check_seals(fd: int) -> None:
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except (AttributeError, OSError) as error:
        raise SharingError(f"expected sealed memory, got a descriptor that has no seals: {error}") from error
    if seals & SEALS != SEALS:
        raise SharingError(f"expected memory with the seals {SEALS:#x}, got {seals:#x}")


@contextmanager
def _told(what: str) -> Iterator[None]:
    """The system's errors as ours."""
    try:
        yield
    except SharingError:
        raise
    except OSError as error:
        raise SharingError(f"{what}: {error}") from error


@contextmanager
def _closed_on_error(fd: int, close: Callable[[list[int]], object]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        close([fd])
        raise


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
