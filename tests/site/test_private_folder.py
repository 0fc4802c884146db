"""Folders that nobody else may enter: there as long as their process, and not a start longer."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.site import private_folder as module
from sightline.site.private_folder import PREFIX, private_folder, remove_left_over
from sightline.site.private_folder import places as _places

HOLDS = """
import sys
from pathlib import Path
from sightline.site import private_folder as module
module.places = lambda: [Path(sys.argv[1])]
with module.private_folder() as folder:
    (folder / "hub.sock").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path_factory.mktemp("f")
    monkeypatch.setattr(module, "places", lambda: [place])
    monkeypatch.setattr(module, "_MOST_PATH_BYTES", 200)
    return place


def test_it_is_there_and_then_it_is_not(place: Path) -> None:
    with private_folder() as one, private_folder() as other:
        (one / "file").touch()
        assert one != other
        assert {one, other} == set(place.iterdir())
    assert not list(place.iterdir())


def test_one_whose_process_was_killed_is_removed_by_the_next(place: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        remove_left_over()
        assert left.exists()  # its process lives
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert left.exists()
    with private_folder() as mine:
        assert list(place.iterdir()) == [mine]


def test_what_is_no_folder_of_ours_stays(place: Path) -> None:
    (place / f"{PREFIX}file").touch()
    (place / f"{PREFIX}link").symlink_to(place)
    (place / "other").mkdir()
    remove_left_over()
    assert len(list(place.iterdir())) == 3


def test_where_none_can_be_it_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "places", lambda: [place / "none", place / "neither"])
    with pytest.raises(ConfigError, match="cannot make a folder in .*none or .*neither"), private_folder():
        pass


def test_where_nothing_can_be_locked_none_is_made_and_none_is_left(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(ConfigError, match="cannot make a folder"), private_folder():
        pass
    assert not list(place.iterdir())


def test_without_a_place_for_temporary_files_the_next_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def gettempdir() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", gettempdir)
    assert _places() == [Path("/tmp")]


def test_one_whose_path_is_too_long_for_a_socket_is_made_elsewhere(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = place / ("a" * 60)
    long.mkdir()
    monkeypatch.setattr(module, "_MOST_PATH_BYTES", len(os.fsencode(place)) + 25)
    monkeypatch.setattr(module, "places", lambda: [long, place])
    with private_folder() as folder:
        assert folder.parent == place
    assert not list(long.iterdir())
