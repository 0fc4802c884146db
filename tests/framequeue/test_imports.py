"""What this package brings into a process that needs little of it."""

import subprocess
import sys

import pytest

import sightline.framequeue

HEAVY = {"cv2", "av", "redis", "pika", "celery"}


def imported_by(statement: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import sightline.framequeue",
        "from sightline.framequeue.key import FrameKey",
    ],
)
def test_whoever_handles_keys_alone_brings_nothing_heavy(statement: str) -> None:
    assert not imported_by(statement) & HEAVY


def test_each_name_is_where_it_is_said_to_be() -> None:
    for name in sightline.framequeue.__all__:
        assert getattr(sightline.framequeue, name) is not None
