"""How the data of a message gets to another flow, beside what always holds.

Whatever the transmitter, arrays and bytes of a certain size lie in shared memory where there is a slot, and
the rest goes through the socket. A transmitter of one's own has two methods; what the one gives for data, the
other makes data of again in the flow that receives it. It travels there once, by cloudpickle.
"""

from __future__ import annotations

import itertools
import os
import pickle
import secrets
import shutil
import tempfile
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
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

    The files are in a folder of their own, which goes with this object. What nobody received, as it was
    dropped on its way or a flow died, is removed after `keep_s`; and folders of processes that are gone, when
    the next is made.

    Args:
        folder: where that folder is made; the system's for temporary files if none is named.
        data_size_threshold: data of which as many bytes are to be written goes into a file.
        keep_s: seconds.
    """

    def __init__(
        self, folder: str | Path | None = None, data_size_threshold: int = 5000, keep_s: float = 600.0
    ) -> None:
        where = Path(folder or tempfile.gettempdir())
        sweep(where)
        pid = os.getpid()
        self._folder = where / f"{_PREFIX}{pid}-{started(pid) or 0}-{secrets.token_hex(4)}"
        self._folder.mkdir(0o700)
        self._threshold, self._keep_s = data_size_threshold, keep_s
        self._names = _names()
        self._ended: Callable[[], object] = weakref.finalize(
            self, shutil.rmtree, self._folder, ignore_errors=True
        )

    def __reduce__(self) -> Any:
        return _elsewhere, (self._folder, self._threshold, self._keep_s)

    def transmit(self) -> Change:
        return self._write

    def receive(self) -> Change:
        return _read

    def close(self) -> None:
        """Remove the folder, with all that is in it."""
        self._ended()

    def _write(self, data: Any) -> Any:
        pickled = cloudpickle.dumps(data)
        if len(pickled) < self._threshold:
            return data
        number, name = next(self._names)
        if number % _SWEEP_EVERY == 0:
            self._sweep()
        path = self._folder / name
        path.write_bytes(pickled)
        return InFile(str(path))

    def _sweep(self) -> None:
        before = time.time() - self._keep_s
        for path in self._folder.iterdir():
            try:
                if path.stat().st_mtime < before:
                    path.unlink()
            except FileNotFoundError:  # it was received meanwhile
                continue


def sweep(where: Path) -> None:
    """Remove the folders that processes which are gone left here."""
    for path in where.glob(f"{_PREFIX}*"):
        pid, _, rest = path.name.removeprefix(_PREFIX).partition("-")
        begun = rest.partition("-")[0]
        if pid.isdecimal() and begun.isdecimal() and started(int(pid)) != int(begun):
            shutil.rmtree(path, ignore_errors=True)


def _names() -> Iterator[tuple[int, str]]:
    """Names that no other transmitter uses: a process may have several that write to one folder."""
    own = secrets.token_hex(8)
    return ((number, f"{own}-{number}") for number in itertools.count())


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


def _elsewhere(folder: Path, threshold: int, keep_s: float) -> FileTransmitter:
    """The same transmitter in another process, whose end is not the folder's."""
    transmitter = object.__new__(FileTransmitter)
    transmitter.__dict__.update(_folder=folder, _threshold=threshold, _keep_s=keep_s, _names=_names())
    transmitter._ended = dict  # there is nothing to do
    return transmitter


_PREFIX: Final = "sightline-files-"
_SWEEP_EVERY: Final = 256
