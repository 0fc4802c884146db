"""The file of faults, whatever stands in its place."""

import os
from pathlib import Path

import pytest

from sightline.deepstream.standin.fault_file import MOST_BYTES, NAME, FaultFile
from sightline.deepstream.standin.faults import Fault, Wrong
from sightline.errors import ConfigError

MUTE = (Fault(Wrong.MUTE),)


def test_it_is_read_when_it_appears_and_when_it_changes_and_when_it_comes_again(tmp_path: Path) -> None:
    file = FaultFile(tmp_path)
    path = tmp_path / NAME
    assert file.changed() is None
    path.write_text("mute\n")
    os.utime(path, ns=(7, 7))
    assert file.changed() == MUTE
    assert file.changed() is None
    path.write_text("\ndeaf\nmute")
    assert file.changed() == (Fault(Wrong.DEAF), *MUTE)
    path.unlink()
    assert file.changed() is None
    path.write_text("\ndeaf\nmute")
    assert file.changed() == (Fault(Wrong.DEAF), *MUTE)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "expected UTF-8, got byte 0"),
        (b"mute;" * (MOST_BYTES // 5 + 1), f"expected at most {MOST_BYTES} bytes"),
        (b"mute\0", "expected one of"),
    ],
    ids=["binary", "huge", "nul"],
)
def test_what_is_wrong_with_it_is_raised_once(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / NAME).write_bytes(content)
    file = FaultFile(tmp_path)
    with pytest.raises(ConfigError, match=told):
        file.changed()
    assert file.changed() is None


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / NAME)
    file = FaultFile(tmp_path)
    with pytest.raises(ConfigError, match="expected a regular file"):
        file.changed()
    assert file.changed() is None
