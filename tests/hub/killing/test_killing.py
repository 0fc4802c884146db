"""Shared pictures while writers, readers and the hub are killed: nothing torn, and nothing left.

`make soak` has a hundred times as many.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from sightline.shm.segment import can_share

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not can_share() or sys.platform != "linux", reason="this system shares no memory"),
]

KILLS = 100
SEED = 2026
ROOT = Path(__file__).resolve().parents[3]


def test_pictures_stay_whole_and_nothing_is_left_of_whoever_is_killed() -> None:
    command = [sys.executable, "-m", "tests.hub.killing", f"--kills={KILLS}", f"--seed={SEED}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    print(ended.stdout)
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert "all is whole, and nothing is left" in ended.stdout
