"""How data travels beside the socket: thresholds, files that are swept, and transmitters of one's own."""

import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from tests.pipe.trunkyard import LOSSLESS, Carrier, messages

from sightline.errors import ConfigError, WireError
from sightline.overflow import Overflow
from sightline.pipe import transmitters
from sightline.pipe.settings import WireSettings
from sightline.pipe.transmitters import BasicTransmitter, FileTransmitter, InFile, SharedMemoryTransmitter
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet


def test_the_threshold_is_that_of_shared_memory() -> None:
    assert SharedMemoryTransmitter().shared_from_bytes == 5000
    assert SharedMemoryTransmitter(data_size_threshold=7).shared_from_bytes == 7
    assert BasicTransmitter().transmit()(3) == 3
    with pytest.raises(ConfigError, match="at least 1 byte, got 0"):
        SharedMemoryTransmitter(0)


def test_a_file_is_read_once_and_gone(tmp_path: Path) -> None:
    transmitter = FileTransmitter(tmp_path, 100)
    sent = transmitter.transmit()({"text": "x" * 200})
    assert isinstance(sent, InFile)
    assert Path(sent.path).stat().st_size > 200
    assert transmitter.receive()(sent) == {"text": "x" * 200}
    with pytest.raises(WireError, match="expected data in"):
        transmitter.receive()(sent)
    assert transmitter.transmit()("small") == "small"
    assert transmitter.receive()("small") == "small"


def test_a_transmitter_in_another_process_uses_the_same_folder_and_leaves_it(tmp_path: Path) -> None:
    transmitter = FileTransmitter(tmp_path, 100)
    there = cloudpickle.loads(cloudpickle.dumps(transmitter))
    sent = there.transmit()("y" * 300)
    del there
    assert transmitter.receive()(sent) == "y" * 300


def test_two_copies_of_a_transmitter_write_no_file_of_each_other(tmp_path: Path) -> None:
    """A process has several of one where wires were changed."""
    transmitter = FileTransmitter(tmp_path, 1)
    copies = [pickle.loads(pickle.dumps(transmitter)) for _ in range(2)]
    sent = [copy.transmit()(f"by {number}") for number, copy in enumerate(copies)]
    assert [transmitter.receive()(one) for one in sent] == ["by 0", "by 1"]


def test_what_nobody_received_is_removed_after_a_while_if_that_is_said(tmp_path: Path) -> None:
    transmitter = FileTransmitter(tmp_path, 1, keep_s=60)
    write = transmitter.transmit()
    old = Path(write("old").path)
    young = Path(write("young").path)
    before = time.time() - 61
    os.utime(old, (before, before))
    for _ in range(300):
        transmitter.receive()(write("more"))
    assert (old.exists(), young.exists()) == (False, True)


def test_what_waits_in_a_wire_is_kept_however_long(tmp_path: Path) -> None:
    outlet, write = Outlet(LOSSLESS, Codec(), FileTransmitter(tmp_path, 1)), FileTransmitter(tmp_path, 1)
    Carrier(outlet, limit=1)
    assert outlet.put_many(messages(0)) == 1
    (old,) = files(tmp_path)
    os.utime(old, (0, 0))
    for _ in range(300):
        write.receive()(write.transmit()("more"))
    assert files(tmp_path) == [old]


@pytest.mark.parametrize("overflow", [Overflow.DROP_OLDEST, Overflow.DROP_NEWEST, Overflow.CLEAR])
def test_what_a_wire_drops_goes_with_its_file(tmp_path: Path, overflow: Overflow) -> None:
    outlet = Outlet(WireSettings(capacity=3, overflow=overflow), Codec(), FileTransmitter(tmp_path, 1))
    for number in range(9):
        outlet.put_many(messages(number))
        assert len(files(tmp_path)) == outlet.stats().held
    outlet.close()
    assert files(tmp_path) == []


def test_half_a_file_is_none(tmp_path: Path) -> None:
    write = FileTransmitter(tmp_path, 1).transmit()
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, most[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write(bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
        signal.signal(signal.SIGXFSZ, ignored)
    assert files(tmp_path) == []


def files(where: Path) -> list[Path]:
    return [path for path in where.rglob("*") if path.is_file()]


def test_the_folder_of_a_process_that_was_killed_goes_when_the_next_is_made(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from sightline.pipe.transmitters import FileTransmitter as F;"
        "f = F(sys.argv[1], 1); f.transmit()('left'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, env=environ, timeout=60)
    (left,) = tmp_path.iterdir()
    first = FileTransmitter(tmp_path)
    assert not left.exists()
    second = FileTransmitter(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2, "that of a process that lives stays"
    first.close()
    del second
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_process_that_cannot_be_seen_from_here_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another container its number is another's, or nobody's."""
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "another")
        there.setattr(transmitters, "started", lambda _pid: 7)  # as that process did
        left = FileTransmitter(tmp_path)
    here = FileTransmitter(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "another")
        FileTransmitter(tmp_path).close()
    assert len(list(tmp_path.iterdir())) == 1, "where it can be told, it is"
    left.close()
    here.close()


def test_a_note_of_a_file_is_small(tmp_path: Path) -> None:
    sent = FileTransmitter(tmp_path, 1).transmit()(bytes(10_000))
    assert len(pickle.dumps(sent)) < 500
