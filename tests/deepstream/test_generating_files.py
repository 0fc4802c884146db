"""A set of files on disk: whole at every instant, read back, untouched where nothing changed."""

import itertools
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.deepstream.generated import FILM, GATE, YARD, instance

from sightline.deepstream.document import Form
from sightline.deepstream.generating import CURRENT, Generated, GeneratedMismatch, generate
from sightline.deepstream.generating import files as files_module
from sightline.deepstream.generating.files import Content, put
from sightline.deepstream.reading import loading
from sightline.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def times(folder: Path) -> dict[str, int]:
    return {each.name: each.stat().st_mtime_ns for each in (folder / CURRENT).iterdir()}


@pytest.mark.parametrize("form", Form)
def test_what_is_written_reads_as_what_was_meant(tmp_path: Path, form: Form) -> None:
    made = generate(instance(GATE, FILM), form=form, debug=True)
    found = made.write(tmp_path / "deep" / "cam")
    assert found.folder == (tmp_path / "deep" / "cam" / CURRENT).resolve()
    assert {each.name for each in found.folder.iterdir()} == {*made, *made.tables} == {*found.changed}
    for name, file in made.items():
        assert loading.load(found.folder / name).groups == file.groups
    for name, table in made.tables.items():
        assert (found.folder / name).read_bytes() == table


@pytest.mark.parametrize("form", Form)
def test_files_with_logins_are_for_their_owner_alone(tmp_path: Path, form: Form) -> None:
    made = generate(instance(GATE), form=form)
    folder = made.write(tmp_path).folder
    modes = {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}
    assert modes == {name: 0o600 if name in made.secret else 0o644 for name in modes}
    assert 0o600 in modes.values()


def test_nothing_is_touched_where_nothing_changed(tmp_path: Path) -> None:
    first = generate(instance(GATE)).write(tmp_path)
    before = times(tmp_path)
    again = generate(instance(GATE)).write(tmp_path)
    assert (again.changed, again.folder, again.digest) == ((), first.folder, first.digest)
    assert times(tmp_path) == before


def test_a_change_names_the_files_that_changed(tmp_path: Path) -> None:
    generate(instance(GATE)).write(tmp_path)
    found = generate(instance(GATE, mot_pgie={"interval": 2})).write(tmp_path)
    assert found.changed == ("mot_pgie.txt",)
    without = generate(instance(GATE, mot_pgie={"interval": 2}, face_align={"enable": 0})).write(tmp_path)
    assert without.changed == ("face_align.txt", "face_app.txt")


@pytest.mark.parametrize("harm", ["edited", "gone", "open", "added"])
def test_a_file_that_somebody_changed_is_put_right(tmp_path: Path, harm: str) -> None:
    made = generate(instance(GATE))
    file = made.write(tmp_path).folder / "mot_app.txt"
    match harm:
        case "edited":
            file.write_bytes(file.read_bytes() + b"x=1\n")
        case "gone":
            file.unlink()
        case "open":
            file.chmod(0o644)
        case "added":
            file = file.with_name("other.txt")
            file.write_text("")
    found = made.write(tmp_path)
    assert found.changed == (file.name,)
    assert {each.name: each.read_bytes() for each in found.folder.iterdir()} == {
        name: content.data for name, content in made.contents.items()
    }


def test_the_set_before_is_kept_for_those_who_read_it(tmp_path: Path) -> None:
    sets = [generate(instance(GATE, mot_pgie={"interval": number})) for number in range(4)]
    folders = [each.write(tmp_path).folder for each in sets]
    assert [each.exists() for each in folders] == [False, False, True, True]
    assert {each.name for each in tmp_path.iterdir()} == {
        ".lock",
        CURRENT,
        folders[2].name,
        folders[3].name,
    }


def test_a_folder_that_is_no_link_of_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / CURRENT).mkdir()
    (tmp_path / CURRENT / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=f"{CURRENT}: expected a link that Sightline makes"):
        generate(instance(GATE)).write(tmp_path)
    assert (tmp_path / CURRENT / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("target", ["/srv/releases/7", "set-7", "/srv/set-0123456789abcdef", ".."])
def test_a_link_that_is_not_ours_is_left_alone(tmp_path: Path, target: str) -> None:
    (tmp_path / CURRENT).symlink_to(target)
    with pytest.raises(ConfigError, match=f"{CURRENT}: expected a link that Sightline makes, got one to"):
        generate(instance(GATE)).write(tmp_path)
    assert str((tmp_path / CURRENT).readlink()) == target


def test_nothing_of_others_in_the_folder_is_touched(tmp_path: Path) -> None:
    for name in ("set-up.sh", ".new-idea", "set-0123456789abcdef.txt"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "set-top-boxes").mkdir()
    (tmp_path / "set-top-boxes" / "list.txt").write_text("mine")
    for number in range(3):
        generate(instance(GATE, mot_pgie={"interval": number})).write(tmp_path)
    mine = {each.name for each in tmp_path.rglob("*") if each.is_file() and each.read_text() == "mine"}
    assert mine == {"set-up.sh", ".new-idea", "set-0123456789abcdef.txt", "list.txt"}


def test_a_disk_that_is_full_leaves_the_set_before_and_nothing_else(tmp_path: Path) -> None:
    before = generate(instance(GATE)).write(tmp_path)
    left = {each.name for each in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    after = generate(instance(GATE, YARD), debug=True)
    assert after.contents
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            after.write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {each.name for each in tmp_path.iterdir()} == left
    assert (tmp_path / CURRENT).resolve() == before.folder
    assert after.write(tmp_path).folder != before.folder


def test_the_umask_changes_nothing(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = generate(instance(GATE)).write(tmp_path).folder
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o755
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600, 0o644}


def test_the_name_of_a_set_does_not_come_from_what_is_in_it(tmp_path: Path) -> None:
    names = {generate(instance(GATE)).write(tmp_path / part).folder.name for part in "ab"}
    assert len(names) == 2


def test_a_file_that_reads_as_something_else_is_refused_without_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = generate(instance(GATE))
    lied = {**made.contents, "mot_app.txt": _changed(made)}
    with pytest.raises(GeneratedMismatch, match=r"mot_app\.txt: \[source0\] uri: expected the value"):
        put(lied, tmp_path, made.digest)
    assert {each.name for each in tmp_path.iterdir()} == {".lock"}
    monkeypatch.setattr(files_module, "load", lambda _: made["face_app.txt"])
    with pytest.raises(GeneratedMismatch, match="expected the groups that were meant") as refused:
        made.write(tmp_path)
    assert "geheim" not in str(refused.value)


def _changed(made: Generated) -> Content:
    """As if the disk, or the writer, had taken a letter of the address."""
    content = made.contents["mot_app.txt"]
    return Content(content.data.replace(b"channel=1", b"channel=2"), content.secret, content.file)


def test_a_writer_that_is_killed_at_any_step_leaves_one_whole_set(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.deepstream.killed_writer", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    left: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["current"] for each in left} == {"before", "after"}, left
    order = [which for which, _ in itertools.groupby(each["current"] for each in left)]
    assert order == ["before", "after"]
    assert left[-1]["ended"]
    assert len(left) > 25
    generate(instance(GATE)).write(tmp_path)
    assert not list(tmp_path.glob(".new-*"))
    assert len(list(tmp_path.glob("set-*"))) <= 2


def _write_often(folder: Path, number: int) -> None:
    for turn in range(10):
        generate(instance(GATE, mot_pgie={"interval": (number + turn) % 3})).write(folder)


def test_who_reads_while_others_write_finds_whole_sets(tmp_path: Path) -> None:
    whole = {
        frozenset((name, content.data) for name, content in generate(each).contents.items())
        for each in (instance(GATE, mot_pgie={"interval": number}) for number in range(3))
    }
    generate(instance(GATE, YARD)).write(tmp_path)
    generate(instance(GATE)).write(tmp_path)
    spawned = multiprocessing.get_context("spawn")
    writers = [spawned.Process(target=_write_often, args=(tmp_path, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        folder = (tmp_path / CURRENT).resolve()
        try:
            seen.add(frozenset((each.name, each.read_bytes()) for each in sorted(folder.iterdir())))
        except FileNotFoundError:
            continue  # two sets have come since: a reader that slow opens `current` again
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen
    assert seen <= whole
