"""The RabbitMQ broker: what it keeps through a kill, what it shares, and that nothing of it stays."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pika
import psutil
import pytest
from tools.services import RabbitMqBroker
from tools.services.certificates import Certificates
from tools.services.rabbitmq_address import RabbitMqAddress
from tools.services.rabbitmq_shared import shared_rabbitmq
from tools.services.waiting import wait_for

from sightline.hub.certificates import Authority

ROOT = Path(__file__).resolve().parents[2]
KEPT = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)

pytestmark = pytest.mark.needs("rabbitmq")


@contextmanager
def channel_to(url: str, **more: Any) -> Iterator[Any]:
    """A channel with confirms: a message that is not taken raises."""
    parameters = pika.URLParameters(url)
    for name, value in more.items():
        setattr(parameters, name, value)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


def body(channel: Any, queue: str) -> bytes | None:
    found: bytes | None = channel.basic_get(queue, auto_ack=True)[2]
    return found


def left_of(folder: Path) -> list[str]:
    """Whose files these are: the broker, its port mapper, and what they started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join([process.cwd(), *process.cmdline()]):
                found.append(process.name())
    return found


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_what_was_confirmed_is_there_after_a_kill_and_nothing_else_stays(
    rabbitmq_broker: RabbitMqBroker,
) -> None:
    folder, before = rabbitmq_broker.log.parent, rabbitmq_broker.pid
    kinds = ("classic", "quorum")
    with channel_to(rabbitmq_broker.address.url()) as channel:
        for kind in kinds:
            channel.queue_declare(kind, durable=True, arguments={"x-queue-type": kind})
            channel.basic_publish("", kind, b"kept", KEPT, mandatory=True)
        channel.basic_publish("", "classic", b"in memory", mandatory=True)
    wait_for(lambda: rabbitmq_broker.keeps("quorum"), 20.0, "the quorum queue to be on disk")
    assert not rabbitmq_broker.keeps("quo"), "one name may be the beginning of another"
    assert {"beam.smp", "epmd"} <= set(left_of(folder))
    rabbitmq_broker.kill()
    wait_for(lambda: not left_of(folder), 10.0, "all of the broker to be gone")
    rabbitmq_broker.start()
    assert rabbitmq_broker.pid != before
    with channel_to(rabbitmq_broker.address.url()) as channel:
        assert [body(channel, kind) for kind in kinds] == [b"kept", b"kept"]
        assert body(channel, "classic") is None
    rabbitmq_broker.stop()
    assert rabbitmq_broker.pid is None
    wait_for(lambda: not left_of(folder), 10.0, "all of the broker to be gone")


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_it_speaks_tls_with_the_certificates_that_it_is_given(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    own = authority.hub()
    files = Certificates(authority.certificate.file, own.file, own.key)
    folder = tmp_path / "broker"
    folder.mkdir()
    with RabbitMqBroker(folder, certificates=files) as broker:
        believes = ssl.create_default_context(cafile=str(files.authority))
        url = broker.address.url()
        assert url.startswith("amqps://")
        options = pika.SSLOptions(believes, "127.0.0.1")
        with channel_to(url.partition("?")[0], ssl_options=options) as channel:
            channel.queue_declare("one")


def test_a_virtual_host_is_a_tests_own_and_goes_with_it(rabbitmq: RabbitMqAddress) -> None:
    with rabbitmq.vhost() as one, rabbitmq.vhost() as other:
        with channel_to(one) as channel:
            channel.queue_declare("mine", durable=True)
        with channel_to(other) as channel, pytest.raises(pika.exceptions.ChannelClosedByBroker):
            channel.queue_declare("mine", passive=True)
        name = one.rpartition("/")[2]
        queues = rabbitmq.ask("GET", f"/api/queues/{name}")
        assert [queue["name"] for queue in queues] == ["mine"]
    with pytest.raises(HTTPException, match="404"):
        rabbitmq.ask("GET", f"/api/queues/{name}")


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_the_shared_broker_is_one_for_all_and_ends_with_its_last_user(tmp_path: Path) -> None:
    user = "from tools.services.rabbitmq_shared import *\n"
    user += f"with shared_rabbitmq(Path({str(tmp_path)!r})) as at: print(at.port, flush=True); input()\n"
    command = [sys.executable, "-c", user]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with shared_rabbitmq(tmp_path) as address:
            assert address.port == port
            other.kill()  # who began it
            other.wait()
            with address.vhost():
                assert "beam.smp" in left_of(tmp_path)
    wait_for(lambda: not left_of(tmp_path), 20.0, "all of the broker to be gone")


@pytest.mark.waits
@pytest.mark.timeout(300)
def test_start_rabbitmq_prints_where_it_is_and_ends_on_ctrl_c(free_port: Callable[[], int]) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tools.services", "start", "rabbitmq", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(f"@127.0.0.1:{port}/%2F\n")
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        begun = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        assert process.wait(60.0) == 0
    wait_for(lambda: not any(each.is_running() for each in begun), 10.0, "the broker to be gone")
