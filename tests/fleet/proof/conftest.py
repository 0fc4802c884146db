"""Engines, brokers and machines for the proof on the real thing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.conftest import require
from tests.fleet.proof.wishes import PASSWORD, USER
from tools.services import Docker, KafkaBroker, Mount, RtspServer
from tools.services.light_images import add_light_images

TIMING: Mapping[str, float] = {
    "lease_s": 15.0,
    "margin_s": 3.0,
    "ack_s": 0.5,
    "move_after_s": 3.0,
    "send_again_s": 4.0,
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Of this file's own: the light images, and the stand-in as it would be pulled."""
    require("docker")
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        add_light_images(docker)
        yield docker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Of this file's own."""
    require("kafka")
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def cameras(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of two cameras that want a login and play the real clips."""
    require("rtsp")
    mounts = {
        "door": Mount(clips / "one-by-one-person-detection.mp4", user=USER, password=PASSWORD),
        "yard": Mount(clips / "car-detection.mp4", user=USER, password=PASSWORD),
    }
    with RtspServer(tmp_path_factory.mktemp("cameras"), mounts) as server:
        yield {name: server.url(name) for name in mounts}
