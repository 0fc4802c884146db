"""The Kafka broker, seen by kcat, which shares no code with us."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tools.services import KafkaBroker
from tools.services.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.needs("kafka", "kcat")


def kcat(address: str, *arguments: str, value: str = "") -> str:
    command = ["timeout", "20", "kcat", "-q", "-b", address, *arguments]
    return subprocess.run(command, input=value, capture_output=True, text=True, check=True).stdout


def test_what_was_written_is_there_after_a_kill(kafka_broker: KafkaBroker) -> None:
    kcat(kafka_broker.address, "-P", "-t", "kept", value="one\ntwo\n")
    before = kafka_broker.pid
    kafka_broker.restart()
    assert kafka_broker.pid != before
    assert kcat(kafka_broker.address, "-C", "-t", "kept", "-e") == "one\ntwo\n"
    kafka_broker.stop()
    kafka_broker.start()
    assert kcat(kafka_broker.address, "-C", "-t", "kept", "-e", "-o", "1") == "two\n"


def test_it_takes_messages_up_to_its_limit(kafka: str, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (10 * 1024 * 1024 - 200))  # what else a batch holds weighs less than 200 bytes
    kcat(kafka, "-P", "-t", "large", "-X", "message.max.bytes=20000000", str(large))
    assert len(kcat(kafka, "-C", "-t", "large", "-e", "-D", "")) == large.stat().st_size


def test_start_kafka_prints_the_address_and_ends_on_ctrl_c(free_port: Callable[[], int]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tools.services", "start", "kafka", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"kafka://127.0.0.1:{port}\n"
        (server,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        assert process.wait(20.0) == 0
    wait_for(lambda: not server.is_running(), 5.0, "the broker to be gone")
