"""Where a pipe was built is where its flows are, whatever stands there."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from sightline.pipe.flow.flow_child import Surroundings


@pytest.fixture(autouse=True)
def _same_as_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.chdir(tmp_path)


def test_they_are_those_of_the_moment_wherever_one_is_later(tmp_path: Path) -> None:
    sys.path.insert(0, "where it was")
    sys.argv[:] = ["script", "--fast"]
    then = pickle.dumps(Surroundings.of_now())
    sys.path.pop(0)
    sys.argv[:] = ["other"]
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    pickle.loads(then).enter()
    assert (sys.path[0], sys.argv, Path.cwd()) == ("where it was", ["script", "--fast"], tmp_path)


def test_what_is_no_text_in_the_path_is_passed_over_as_python_does() -> None:
    sys.path.insert(0, Path("a path"))  # type: ignore[arg-type]
    assert [str(entry) for entry in Surroundings.of_now().sys_path] == sys.path[1:]


def test_a_folder_that_was_removed_and_a_name_that_is_no_utf8_harm_nobody(tmp_path: Path) -> None:
    sys.path.insert(0, os.fsdecode(b"/n\xe4her"))
    folder = tmp_path / "gone"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()
    now = Surroundings.of_now()
    assert now.folder is None
    assert pickle.loads(pickle.dumps(now)) == now
    os.chdir(tmp_path)
    now.enter()
    assert Path.cwd() == tmp_path
