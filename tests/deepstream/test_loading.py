"""Files from disk: what is not one is told, and nothing is waited for."""

import os
from pathlib import Path

import pytest

from sightline.deepstream.document import Form
from sightline.deepstream.reading.loading import MOST_BYTES, load, loads
from sightline.deepstream.refusal import Refused


def test_a_file_is_read_by_the_end_of_its_name(tmp_path: Path) -> None:
    for name, text, form in (
        ("a.txt", "[g]\nk=1\n", Form.TXT),
        ("a.conf", "[g]\nk=1\n", Form.TXT),
        ("a.yml", "g:\n  k: 1\n", Form.YML),
        ("a.yaml", "g:\n  k: 1\n", Form.YML),
    ):
        path = tmp_path / name
        path.write_text(text)
        file = load(path)
        entry = file.entry("g", "k")
        assert (file.form, file.path, entry and entry.value) == (form, path, "1")


@pytest.mark.parametrize(("name", "reason"), [("none.txt", "No such file"), ("a\0.txt", "null byte")])
def test_what_is_not_there_is_told(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(Refused, match=f"expected a file, got: .*{reason}") as told:
        load(tmp_path / name)
    assert told.value.path == tmp_path / name
    assert told.value.line is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="expected a regular file, got a folder"):
        load(tmp_path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(Refused, match="expected a regular file"):
        load(tmp_path / "pipe.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.touch(mode=0)
    with pytest.raises(Refused, match="Permission denied"):
        load(path)


def test_a_file_that_breaks_off_is_told() -> None:
    with pytest.raises(Refused, match="expected a file, got: "):
        load(Path("/proc/self/mem"))


def test_a_file_of_the_most_that_is_read_loads_and_one_byte_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"[g]\n#" + b"x" * (MOST_BYTES - 5))
    assert load(path).names == ("g",)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(Refused, match="expected at most 4194304 bytes"):
        load(path)


@pytest.mark.parametrize("form", list(Form))
def test_what_is_no_text_is_told(form: Form) -> None:
    with pytest.raises(Refused, match=r"a\.bin, line 1: expected text, got NUL bytes; "):
        loads(b"\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\x3e\0\1\0\0\0", form, Path("a.bin"))


def test_the_file_of_nvinferserver_is_told() -> None:
    with pytest.raises(
        Refused, match=r"a\.txt, line 1: expected a key file or YAML, got nvinferserver's file"
    ):
        loads(b"infer_config {\n  unique_id: 1\n}\n", Form.TXT, Path("a.txt"))


def test_an_empty_file_loads_as_glib_has_it() -> None:
    assert loads(b"", Form.TXT).groups == ()
