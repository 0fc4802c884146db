"""kill -9 of each process of a running pipe, and of a running `sightline up`; `make soak` has many more."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.pipe.proof.orphans import kill_parent

from sightline.shm.segment import can_share

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not can_share() or sys.platform != "linux", reason="this system shares no memory"),
]

KILLS = 5
SEED = 2026
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("what", ["kills", "up_kills"], ids=["flows", "up"])
def test_processes_are_begun_again_and_all_adds_up(what: str) -> None:
    # In a process of its own, which gives back all that it had.
    command = [sys.executable, "-m", f"tests.pipe.proof.{what}", f"--kills={KILLS}", f"--seed={SEED}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    assert "all adds up, and nothing is left" in ended.stdout


@pytest.mark.parametrize("after_s", [None, 0.6])
def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path, after_s: float | None) -> None:
    assert kill_parent(tmp_path, after_s) or after_s
