"""A control on a real Kafka, whose broker may go."""

import json
import uuid

import pytest
from tests.conftest import WaitFor
from tests.mux.steered_cameras import Cameras
from tools.services.kafka import KafkaBroker

from sightline.bus import open_log
from sightline.mux import Control, Reply, ask


@pytest.mark.needs("kafka")
def test_it_goes_on_when_its_broker_is_back_and_does_all_once(
    kafka_broker: KafkaBroker, wait_for: WaitFor
) -> None:
    topic = f"control-{uuid.uuid4().hex}"
    cameras = Cameras()

    def asked(camera: str) -> list[Reply]:
        with open_log(f"kafka://{kafka_broker.address}") as log:
            return ask(log, topic, "create", {"camera_id": camera}, to="east", timeout_s=20)

    with Control(topic, kafka_broker.address, None, cameras, name="east") as control:
        assert [reply.ok for reply in asked("gate")] == [True]
        kafka_broker.restart()
        assert [reply.ok for reply in asked("yard")] == [True]
        with open_log(f"kafka://{kafka_broker.address}") as log:
            log.publish(topic, json.dumps({"camera_id": "hall"}).encode(), key=b"create")
        wait_for(lambda: control.stats().acted == 3, 20, "a request that wants no answer")
        assert control.offset == control.topic_last_offset == 2
    assert (list(cameras.settings), cameras.calls) == (["gate", "yard", "hall"], 3)
