"""A second look: what failed beside others and passes alone is told, and what is broken fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools.second_look import MOST

ROOT = Path(__file__).resolve().parents[2]
UNSTEADY = """
from pathlib import Path

def test_passes_at_the_second_time():
    marker = Path("been-here")
    first = not marker.exists()
    marker.touch()
    assert not first

def test_passes(): pass
"""


RANDOM = """
import os, pytest

@pytest.mark.parametrize("key", [os.urandom(8).hex()])
def test_has_another_name_in_each_process(key): pass
"""


def looked(folder: Path, tests: str, *beside: str) -> tuple[int, str]:
    """The exit status and what is said, where these tests ran once before."""
    (folder / "test_some.py").write_text(tests)
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    python = [sys.executable, "-m"]
    first = subprocess.run(
        [*python, "pytest", "--cache-clear", *beside], cwd=folder, env=environ, check=False
    )
    look = [*python, "tools.second_look", str(first.returncode)]
    done = subprocess.run(look, cwd=folder, env=environ, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_what_passes_alone_is_told(tmp_path: Path) -> None:
    status, said = looked(tmp_path, UNSTEADY)
    assert status == 0
    assert "1 passed" in said  # the other is not run again
    assert said.endswith("UNSTEADY, as they passed alone:\n  test_some.py::test_passes_at_the_second_time\n")


@pytest.mark.parametrize(
    ("tests", "again"),
    [
        ("def test_fails(): assert False", True),
        ("import no_such_module", False),
        ("\n".join(f"def test_{n}(): assert False" for n in range(MOST + 1)), False),
    ],
)
def test_what_is_broken_fails(tmp_path: Path, tests: str, again: bool) -> None:
    status, said = looked(tmp_path, tests)
    assert status != 0
    assert ("once more, alone" in said) is again
    assert "UNSTEADY" not in said


def test_workers_that_do_not_agree_on_the_tests_fail(tmp_path: Path) -> None:
    status, said = looked(tmp_path, RANDOM, "-n", "2")
    assert (status, said) == (1, "")
