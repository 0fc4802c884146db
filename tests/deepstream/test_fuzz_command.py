"""`make fuzz` as a person runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.deepstream.fuzz", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.needs("glib")
def test_it_says_its_seed_and_how_many_disagree() -> None:
    done = run("--oracle", "glib", "--files", "20", "--seed", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("glib: 20 files, --seed 7\n  0 disagreements, ")


def test_a_reader_that_is_unknown_is_told() -> None:
    done = run("--oracle", "perl")
    assert done.returncode == 2
    assert "glib" in done.stderr
    assert "perl" in done.stderr
