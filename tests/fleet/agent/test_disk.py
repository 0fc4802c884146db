"""The stages on disk: old or new whole, whatever is killed, full or damaged."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sightline.errors import StoreError
from sightline.fleet.agent.disk import CURRENT, PENDING, PREVIOUS, VERIFIED, Stages

REPOSITORY = Path(__file__).resolve().parents[3]
NEW = b"new" * 10_000


def stages(folder: Path) -> Stages:
    return Stages(folder, lambda what: None)


def deploy(one: Stages, document: bytes, generation: int) -> None:
    one.write_pending(document, generation)
    one.verify()
    one.promote()


def loaded(folder: Path) -> tuple[int, bytes] | None:
    kept = stages(folder).load()
    return (kept.generation, kept.document) if kept else None


def test_what_was_promoted_is_loaded_and_what_was_before_it_is_kept(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    deploy(stages(tmp_path), b"new", 2)
    assert loaded(tmp_path) == (2, b"new")
    assert {one.name for one in tmp_path.iterdir()} == {CURRENT, PREVIOUS}


def test_a_folder_where_nothing_was_kept_gives_nothing_and_is_made(tmp_path: Path) -> None:
    assert loaded(tmp_path / "state" / "agent") is None
    assert (tmp_path / "state" / "agent").stat().st_mode & 0o777 == 0o700


def test_files_are_their_owners_alone_and_so_is_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        deploy(stages(tmp_path), b"old", 1)
    finally:
        os.umask(before)
    assert (tmp_path / CURRENT).stat().st_mode & 0o777 == 0o600
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_what_was_only_pending_is_dropped_at_the_next_begin(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    stages(tmp_path).write_pending(b"new", 2)
    assert loaded(tmp_path) == (1, b"old")
    assert not (tmp_path / PENDING).exists()


def test_what_was_verified_and_not_yet_current_becomes_current(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    stages(tmp_path).write_pending(b"new", 2)
    stages(tmp_path).verify()
    assert loaded(tmp_path) == (2, b"new")
    assert not (tmp_path / VERIFIED).exists()


def test_an_end_between_the_two_renames_loses_neither(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    stages(tmp_path).write_pending(b"new", 2)
    stages(tmp_path).verify()
    (tmp_path / CURRENT).rename(tmp_path / PREVIOUS)
    assert loaded(tmp_path) == (2, b"new")
    (tmp_path / CURRENT).write_bytes(b"{")
    assert loaded(tmp_path) == (1, b"old")


def killed_at(folder: Path, call: int) -> bool:
    """Whether it was; False: it came to its end before that call."""
    command = [sys.executable, "-m", "tests.fleet.agent.killed_stages", str(folder), str(call)]
    ended = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, timeout=60)
    assert ended.returncode in {0, -9}, ended.stderr.decode()
    return ended.returncode == -9


def test_a_process_killed_at_any_call_leaves_the_old_or_the_new_one_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, bytes]] = []
    for call in range(1, 100):
        folder = tmp_path / str(call)
        deploy(stages(folder), b"old", 1)
        killed = killed_at(folder, call)
        kept = loaded(folder)
        assert kept is not None
        assert loaded(folder) == kept  # it was put in order once
        seen.append(kept)
        deploy(stages(folder), b"next", 3)
        assert loaded(folder) == (3, b"next")
        if not killed:
            break
    assert set(seen) == {(1, b"old"), (2, NEW)}
    assert seen == sorted(seen)
    assert len(seen) > 10


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The calls that bring things to the disk, by the names of files."""
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        fsync(handle)
        calls.append(f"sync {Path(f'/proc/self/fd/{handle}').readlink().name}")

    def replaced(old: Any, new: Any) -> None:
        replace(old, new)
        calls.append(f"{Path(old).name} -> {Path(new).name}")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", synced)
        patched.setattr(os, "replace", replaced)
        yield calls


def test_a_file_is_on_disk_before_its_name_and_each_name_before_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(stages(tmp_path), b"old", 1)
    with recorded(monkeypatch) as calls:
        deploy(stages(tmp_path), b"new", 2)
    folder = f"sync {tmp_path.name}"
    assert calls == [
        "sync .pending.json.new",
        *(".pending.json.new -> pending.json", folder),
        *("pending.json -> verified.json", folder),
        *("current.json -> previous.json", folder),
        *("verified.json -> current.json", folder),
    ]


@contextmanager
def no_room(most_bytes: int) -> Iterator[None]:
    """The kernel refuses to make files longer than that; Python lets its signal be an error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_where_there_is_no_room_it_says_so_and_what_was_there_stays(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    one = stages(tmp_path)
    with no_room(100), pytest.raises(StoreError, match=r"cannot keep generation 2 as pending.*too large"):
        one.write_pending(NEW, 2)
    with pytest.raises(StoreError, match="cannot make pending.json verified.json"):
        one.verify()
    with pytest.raises(StoreError, match=r"expected verified.json .* it is not there"):
        one.promote()
    assert loaded(tmp_path) == (1, b"old")
    deploy(one, NEW, 2)
    assert loaded(tmp_path) == (2, NEW)


DAMAGES = {
    "empty": b"",
    "half": b'{"generation":2,"docu',
    "not_json": b"\x00\xff\x00",
    "of_something_else": b"[]",
    "of_another_text": b'{"generation":2,"document":"bmV3","sha256":"00"}',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_current_one_that_is_broken_is_told_and_set_aside_for_the_previous(
    tmp_path: Path, damage: bytes
) -> None:
    deploy(stages(tmp_path), b"old", 1)
    deploy(stages(tmp_path), b"new", 2)
    (tmp_path / CURRENT).write_bytes(damage)
    told: list[str] = []
    kept = Stages(tmp_path, told.append).load()
    assert kept is not None
    assert kept.generation == 1
    assert [CURRENT in one for one in told] == [True]
    assert (tmp_path / f"{CURRENT}.broken").read_bytes() == damage


def test_a_verified_one_that_is_broken_never_becomes_current(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    (tmp_path / VERIFIED).write_bytes(b"{")
    assert loaded(tmp_path) == (1, b"old")


def test_a_broken_current_one_does_not_become_the_previous_one_of_what_was_verified(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    deploy(stages(tmp_path), b"new", 2)
    stages(tmp_path).write_pending(b"newest", 3)
    stages(tmp_path).verify()
    (tmp_path / CURRENT).write_bytes(b"{")
    assert loaded(tmp_path) == (3, b"newest")
    (tmp_path / CURRENT).write_bytes(b"{")
    assert loaded(tmp_path) == (1, b"old")


def test_where_all_are_broken_it_begins_with_nothing_and_tells_of_each(tmp_path: Path) -> None:
    for name in (CURRENT, PREVIOUS, VERIFIED, PENDING):
        (tmp_path / name).write_bytes(b"{")
    told: list[str] = []
    assert Stages(tmp_path, told.append).load() is None
    assert len(told) == 3


def test_a_place_that_is_no_folder_is_told_and_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    told: list[str] = []
    assert Stages(tmp_path / "state", told.append).load() is None
    assert "cannot be put in order" in told[0]


def test_one_that_cannot_be_opened_by_its_reader_is_set_aside_for_the_one_before(tmp_path: Path) -> None:
    deploy(stages(tmp_path), b"old", 1)
    deploy(stages(tmp_path), b"new", 2)
    before = stages(tmp_path).set_aside("its logins are sealed for another key")
    assert before is not None
    assert before.generation == 1
    assert loaded(tmp_path) == (1, b"old")
