"""Messages of a stand-in, read off a real Kafka as DeepStream's are."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.bus.secure_kafka import PASSWORD, SecureKafka
from tests.deepstream.generated import instance
from tools.services import KafkaBroker

from sightline.buffer import Capacity, Overflow
from sightline.bus import open_bus
from sightline.deepstream.generating import generate
from sightline.deepstream.messages import read

APP = """
[source0]
enable=1
type=4
uri=rtsp://127.0.0.1:9/gate
[streammux]
batch-size=1
width=1280
height=720
live-source=1
[primary-gie]
enable=1
config-file=pgie.txt
[sink0]
enable=1
type=6
msg-conv-config=msgconv.txt
msg-conv-payload-type={payload}
msg-broker-proto-lib={library}
msg-broker-conn-str={address}
topic={topic}
"""
ENGINE = (
    "[property]\nonnx-file=a.onnx\nbatch-size=1\ngie-unique-id=1\ncluster-mode=2\nnum-detected-classes=1\n"
)
SENSOR = "[sensor0]\nenable=1\ntype=Camera\nid=gate\n"
LIBRARY = "/opt/nvidia/deepstream/deepstream/lib/libnvds_kafka_proto.so"


@contextmanager
def begin(
    folder: Path, payload: int, address: str, topic: str, library: str = LIBRARY
) -> Iterator[subprocess.Popen[str]]:
    (folder / "msgconv.txt").write_text(SENSOR)
    (folder / "pgie.txt").write_text(ENGINE)
    text = APP.format(payload=payload, address=address, topic=topic, library=library)
    (folder / "app.txt").write_text(text)
    with running(["-c", str(folder / "app.txt")]) as process:
        yield process


@contextmanager
def running(options: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sightline.deepstream.standin", *options]
    with subprocess.Popen(
        command, env=os.environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.needs("kafka")
@pytest.mark.parametrize("payload", [1, 2], ids=["minimal", "protobuf"])
def test_its_messages_are_deepstreams_and_arrive_on_the_topic(
    kafka: str, tmp_path: Path, payload: int
) -> None:
    topic = f"standin-{payload}"
    host, _, port = kafka.partition(":")
    with (
        open_bus(f"kafka://{kafka}") as bus,
        bus.subscribe(topic, capacity=Capacity(count=9), overflow=Overflow.DROP_OLDEST) as reader,
        begin(tmp_path, payload, f"{host};{port}", topic) as process,
    ):
        assert reader.ready(30.0)
        got = next(message for _ in range(60) for message in reader.poll(1, 1.0))
        process.send_signal(signal.SIGINT)
        assert process.wait(30.0) == 0
    result = read(got.value)
    assert got.value.startswith(b"{") == (payload == 1)
    assert (result.camera_id, result.detections[0].label) == ("source0", "person")


@pytest.mark.needs("kafka", "openssl")
def test_what_is_generated_for_a_kafka_with_a_login_gets_in(
    tmp_path: Path, found_at: Callable[[str], str]
) -> None:
    secure = SecureKafka(tmp_path, found_at("openssl"), client_auth="none")
    url = secure.by_file()
    with secure.broker, open_bus(url) as bus:
        made = generate(instance(app={"kafka_connection_str": url}))
        assert {
            name: content.mode for name, content in made.contents.items() if PASSWORD in f"{content.data!r}"
        } == {"cfg_kafka.txt": 0o600}
        folder = made.write(tmp_path / "made").folder
        reading = bus.subscribe("RawMotMeta", capacity=Capacity(count=9), overflow=Overflow.DROP_OLDEST)
        with reading as reader, running(made.command(folder)[1:]) as process:
            assert reader.ready(30.0)
            got = next(message for _ in range(60) for message in reader.poll(1, 1.0))
            process.send_signal(signal.SIGINT)
            assert process.wait(30.0) == 0
    assert read(got.value).detections[0].label == "person"


@pytest.mark.needs("kafka")
@pytest.mark.alone
def test_a_broker_may_come_late_and_go_for_ever(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    broker = KafkaBroker(tmp_path / "broker")
    host, _, port = broker.address.partition(":")
    with begin(tmp_path, 1, f"{host};{port}", "late") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("** WARN: no messages to")
        with broker, open_bus(f"kafka://{broker.address}") as bus:
            # Its own retries are all that brings a first message onto the topic.
            with bus.subscribe("late", capacity=Capacity(count=9), overflow=Overflow.DROP_OLDEST) as reader:
                got = next(message for _ in range(60) for message in reader.poll(1, 1.0))
            broker.kill()
            process.send_signal(signal.SIGINT)
            assert process.wait(30.0) == 0
        assert "Traceback" not in process.stderr.read()
    assert read(got.value).camera_id == "source0"


@pytest.mark.parametrize(
    ("library", "address", "told"),
    [
        (LIBRARY.replace("kafka", "redis"), "127.0.0.1;6379", "expected libnvds_kafka_proto.so"),
        (LIBRARY, "127.0.0.1;9", ""),
    ],
    ids=["another-protocol", "nobody-there"],
)
def test_what_cannot_be_sent_is_told_once_and_ends_nothing(
    tmp_path: Path, library: str, address: str, told: str
) -> None:
    with begin(tmp_path, 1, address, "t", library) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(f"** WARN: no messages to {address}: {told}")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30.0) == 0
        assert "WARN" not in process.stderr.read()
