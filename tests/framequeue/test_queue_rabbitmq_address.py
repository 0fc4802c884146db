"""What stands in the URL of a queue at RabbitMQ."""

import subprocess
import sys
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.framequeue.rabbitmq.address import RabbitAddress, parameters
from sightline.log import redact


def test_all_that_a_url_says_is_told_to_pika() -> None:
    address = RabbitAddress.of("amqp://us%40er:p%2Fw@broker:5673/v%2Fh?queue=keys&type=quorum&heartbeat_s=7")
    assert (address.queue, address.kind) == ("keys", "quorum")
    told = parameters(address)
    assert (told.host, told.port, told.virtual_host, told.heartbeat) == ("broker", 5673, "v/h", 7)
    assert (told.credentials.username, told.credentials.password) == ("us@er", "p/w")
    assert told.ssl_options is None


def test_what_it_does_not_say_is_as_rabbitmq_has_it() -> None:
    told = parameters(address := RabbitAddress.of("amqp://broker"))
    assert (told.port, told.virtual_host, told.credentials.username) == (5672, "/", "guest")
    assert (address.queue, address.kind) == ("frames", "classic")
    assert RabbitAddress.of("amqps://broker").port == 5671


def test_tls_asks_who_the_broker_is() -> None:
    told = parameters(RabbitAddress.of("amqps://broker"))
    assert told.ssl_options.context.check_hostname
    assert told.ssl_options.server_hostname == "broker"


def test_files_of_tls_have_our_names_and_rabbitmqs() -> None:
    for names in ("tls_ca=a&tls_certificate=c&tls_key=k", "cacertfile=a&certfile=c&keyfile=k"):
        address = RabbitAddress.of(f"amqps://broker?{names}")
        assert (address.tls_ca, address.tls_certificate, address.tls_key) == ("a", "c", "k")


def test_a_file_that_is_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(ConfigError, match="files in PEM form"):
            RabbitAddress.of(f"amqps://broker?tls_ca={tmp_path / name}").context()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://broker", "amqp://user"),
        ("amqp://", "amqp://user"),
        ("amqp://:hunter2@broker:port/", "its port"),
        ("amqp://:hunter2@broker:99999/", "its port"),
        ("amqp://:hunter2@broker/a/b", "%XX"),
        ("amqp://:hunter2@broker#part", "amqp://user"),
        ("amqp://:hunter2@broker?quue=frames", "queue"),
        ("amqps://:hunter2@broker?verify=verify_none", "tls_ca"),
        ("amqp://:hunter2@broker?tls_ca=a", "expected amqps://"),
        ("amqp://:hunter2@broker?type=stream", "classic, quorum"),
        ("amqp://:hunter2@broker?queue=amq.gen", "name of a queue"),
        ("amqp://:hunter2@broker?queue=a%20b", "name of a queue"),
        ("amqp://:hunter2@broker?heartbeat_s=0", "1 to 600"),
        ("amqp://:hunter2@broker?heartbeat_s=601", "1 to 600"),
        ("amqp://:hunter2@broker?heartbeat_s=-5", "1 to 600"),
    ],
)
def test_wrong_ones_are_told_and_never_shown(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        RabbitAddress.of(url)
    assert "hunter2" not in str(error.value)


def test_a_password_is_known_to_the_redactor_and_not_shown() -> None:
    address = RabbitAddress.of("amqp://user:hunter2secret@[::1]:1/v")
    assert redact("it was hunter2secret") == "it was ***"
    assert address.shown == "queue 'frames' at amqp://[::1]:1/v"


def test_without_pika_it_is_said_what_installs_it() -> None:
    program = "import sys; sys.modules['pika'] = None; import sightline.framequeue.rabbitmq.queue"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False).stderr
    assert "MissingExtra: pika is not installed; it comes with: pip install 'sightline[framequeue]'" in told
