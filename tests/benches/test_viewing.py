"""Viewers of one camera: every process does its part, and the camera is read once."""

from pathlib import Path

import pytest
from benches.bench import Scale
from benches.turns import take
from benches.viewing import BOXES, CPU, MANY, READS, SEGMENTS, SENT

SHORT = Scale(paced_s=3)


@pytest.mark.needs("ffmpeg")
def test_fifty_look_at_one_camera_that_is_read_once(clips: Path) -> None:
    taken = take("viewing", MANY, SHORT)
    assert taken[READS] == 1
    assert min(taken[one] for one in (CPU, SENT, SEGMENTS, BOXES)) > 0
