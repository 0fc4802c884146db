"""How the data of a message gets to another flow, beside what always holds.

Whatever the transmitter, arrays and bytes of a certain size lie in shared memory where there is a slot, and
the rest goes through the socket. A transmitter of one's own has two methods; what the one gives for data, the
other makes data of again in the flow that receives it. It travels there once, by cloudpickle.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import pickle
import secrets
import shutil
import socket
import tempfile
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import cloudpickle

from sightline.errors import ConfigError, WireError
from sightline.shm.named import started

SHARED_FROM_BYTES: Final = 32 * 1024
"""From here on a copy into a slot is quicker than one through a socket."""

Change: TypeAlias = Callable[[Any], Any]


class DataTransmitter(ABC):
    """Changes data on its way to another flow. Its methods are called once for each wire.

    Attributes:
        shared_from_bytes: arrays and bytes of this size and above go into shared memory.
    """

    shared_from_bytes: int = SHARED_FROM_BYTES

    @abstractmethod
    def transmit(self) -> Change:
        """What is called with the data of each message, and gives what is sent in its place."""

    @abstractmethod
    def receive(self) -> Change:
        """What is called with that in the other flow, and gives the data."""

    def dropped(self, sent: Any) -> None:  # noqa: B027 - it need not be heeded
        """The wire dropped this, which `transmit` gave: nobody will receive it. It is to be quick."""


class BasicTransmitter(DataTransmitter):
    """Sends data as it is."""

    def transmit(self) -> Change:
        return as_it_is

    def receive(self) -> Change:
        return as_it_is


class SharedMemoryTransmitter(BasicTransmitter):
    """Sends data as it is, with smaller arrays and bytes through shared memory as well.

    Args:
        data_size_threshold: arrays and bytes of this many bytes and above are shared.
    """

    def __init__(self, data_size_threshold: int = 5000) -> None:
        if data_size_threshold < 1:
            raise ConfigError(f"expected a data_size_threshold of at least 1 byte, got {data_size_threshold}")
        self.shared_from_bytes = data_size_threshold


class InFile(NamedTuple):
    """What is sent in the place of data that was written to a file."""

    path: str


class FileTransmitter(DataTransmitter):
    """Writes large data to files, which whoever receives it removes.

    The files are in a folder of their own, which goes with this object, and with it what a flow had not
    received when it died. What a wire drops is removed at once; folders of processes that are gone, when the
    next is made in the same container.

    Args:
        folder: where that folder is made; the system's for temporary files if none is named.
        data_size_threshold: data of which as many bytes are to be written goes into a file.
        keep_s: seconds after which what nobody received is removed, though it may still wait in a wire. None:
            it is not.
    """

    def __init__(
        self, folder: str | Path | None = None, data_size_threshold: int = 5000, keep_s: float | None = None
    ) -> None:
        where = Path(folder or tempfile.gettempdir())
        sweep(where)
        self._folder = where / f"{_PREFIX}{_owner()}-{secrets.token_hex(4)}"
        self._folder.mkdir(0o700)
        self._threshold, self._keep_s = data_size_threshold, keep_s
        self._own, self._numbers = secrets.token_hex(8), itertools.count()
        self._ended: Callable[[], object] = weakref.finalize(
            self, shutil.rmtree, self._folder, ignore_errors=True
        )

    def __reduce__(self) -> Any:
        return _elsewhere, (self._folder, self._threshold, self._keep_s)

    def transmit(self) -> Change:
        return self._write

    def receive(self) -> Change:
        return _read

    def dropped(self, sent: Any) -> None:
        if isinstance(sent, InFile):
            Path(sent.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder, with all that is in it."""
        self._ended()

    def _write(self, data: Any) -> Any:
        pickled = cloudpickle.dumps(data)
        if len(pickled) < self._threshold:
            return data
        number = next(self._numbers)
        if number % _SWEEP_EVERY == 0 and self._keep_s is not None:
            self._sweep(time.time() - self._keep_s)
        path = self._folder / f"{self._own}-{number}"
        try:
            path.write_bytes(pickled)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return InFile(str(path))

    def _sweep(self, before: float) -> None:
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):  # it may be received meanwhile
                if path.stat().st_mtime < before:
                    path.unlink()


def sweep(where: Path) -> None:
    """Remove the folders that processes which are gone left here, if they can be seen from here."""
    seen_from = _seen_from()
    for path in where.glob(f"{_PREFIX}{seen_from}-*"):
        pid, begun, *_ = path.name.removeprefix(f"{_PREFIX}{seen_from}-").split("-")
        if pid.isdecimal() and (started(int(pid)) or 0) != int(begun):
            shutil.rmtree(path, ignore_errors=True)


def _owner() -> str:
    pid = os.getpid()
    return f"{_seen_from()}-{pid}-{started(pid) or 0}"


def _seen_from() -> str:
    """Where processes have these numbers: in another container, or machine, they are other processes'."""
    try:
        numbers = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        numbers = 0
    return hashlib.blake2s(f"{socket.gethostname()} {numbers}".encode(), digest_size=4).hexdigest()


def as_it_is(data: Any) -> Any:
    """The data."""
    return data


def _read(data: Any) -> Any:
    if not isinstance(data, InFile):
        return data
    path = Path(data.path)
    try:
        pickled = path.read_bytes()
        path.unlink()
    except OSError as error:
        raise WireError(f"expected data in {path}, got {error}") from error
    return pickle.loads(pickled)  # noqa: S301 - written by a flow of this pipe, in a folder of this user's


def _elsewhere(folder: Path, threshold: int, keep_s: float | None) -> FileTransmitter:
    """The same transmitter in another process, whose end is not the folder's; its files have other names."""
    transmitter = object.__new__(FileTransmitter)
    own, numbers = secrets.token_hex(8), itertools.count()
    transmitter.__dict__.update(
        _folder=folder, _threshold=threshold, _keep_s=keep_s, _own=own, _numbers=numbers
    )
    transmitter._ended = dict  # there is nothing to do
    return transmitter


_PREFIX: Final = "sightline-files-"
_SWEEP_EVERY: Final = 256
