"""`celery -A sightline.framequeue.celery`: what it says where it cannot work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.framequeue.celery_rig import HAND, ROOT

from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.tasks.queue import CeleryQueue


def celery(folder: Path, *options: str, **settings: str) -> tuple[int, str]:
    """Its exit code, and what it printed."""
    told = {f"SIGHTLINE_FRAMEQUEUE_{name.upper()}": value for name, value in settings.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "sightline.framequeue.celery", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", **told},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_handler_is_an_option_of_the_worker(tmp_path: Path) -> None:
    code, told = celery(tmp_path, "worker", "--help")
    assert code == 0
    assert "--handler" in told


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "expected a handler as module:function"),
        ({"handler": "absent:work"}, "--handler or SIGHTLINE_FRAMEQUEUE_HANDLER: expected a handler"),
        ({"handler": HAND}, "expected SIGHTLINE_FRAMEQUEUE_STORE"),
        ({"broker": "redis://user:pw-of-mine@host"}, "expected amqp:// or amqps:// of a RabbitMQ"),
    ],
)
def test_what_is_missing_is_told_in_a_line(tmp_path: Path, settings: dict[str, str], expected: str) -> None:
    code, told = celery(tmp_path, "worker", **settings)
    assert code != 0
    assert expected in told
    assert "pw-of-mine" not in told


def test_a_broker_by_an_option_of_celerys_is_refused(tmp_path: Path) -> None:
    """Keys go to ours: its workers would wait at the other."""
    code, told = celery(tmp_path, "-b", "amqp://me:pw-of-mine@host", "worker", handler=HAND)
    assert code != 0
    assert "expected SIGHTLINE_FRAMEQUEUE_BROKER alone, got CELERY_BROKER_URL" in told
    assert "pw-of-mine" not in told


@pytest.mark.needs("rabbitmq", "redis")
def test_a_queue_that_is_there_with_other_limits_is_explained(
    tmp_path: Path, rabbitmq_url: str, redis_url: str
) -> None:
    with CeleryQueue(f"celery+{rabbitmq_url}", QueueLimits(max_keys=5)):
        code, told = celery(
            tmp_path, "worker", "--handler", HAND, store=redis_url, broker=rabbitmq_url, max_keys="50"
        )
    assert code != 0
    assert "is there with x-max-length" in told
