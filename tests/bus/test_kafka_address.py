"""Addresses of Kafka, right and wrong, and that librdkafka takes what is made of them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.bus.kafka_address import MOST_MESSAGE_BYTES, KafkaAddress, kafka_url
from sightline.bus.kafka_files import files_named
from sightline.errors import ConfigError
from sightline.log import redact

SECRET = "geheim/1@x"
LOGIN = "me:geheim%2F1%40x@"


def of(url: str, **environ: str) -> KafkaAddress:
    return KafkaAddress.of(url, environ)


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "some.pem"
    path.touch()
    return path


@pytest.mark.parametrize(
    ("hosts", "servers"),
    [
        ("host", ("host:9092",)),
        ("a:1,b,10.0.0.1:65535/", ("a:1", "b:9092", "10.0.0.1:65535")),
        ("[::1]:9,[fe80::1]", ("[::1]:9", "[fe80::1]:9092")),
    ],
)
def test_servers_have_a_port(hosts: str, servers: tuple[str, ...]) -> None:
    assert of(f"kafka://{hosts}") == KafkaAddress(servers=servers)


def test_an_address_is_taken_apart() -> None:
    url = "kafka://h?max_message_bytes=2MiB&protocol=consumer&linger_ms=5&compression=zstd&client_id=gate&instance=one"
    assert of(url) == KafkaAddress(
        servers=("h:9092",),
        max_message_bytes=2 * 1024 * 1024,
        protocol="consumer",
        linger_ms=5.0,
        compression="zstd",
        client_id="gate",
        instance="one",
    )


def test_a_login_is_told_to_librdkafka_and_to_nobody_else() -> None:
    address = of(f"kafka://{LOGIN}h?sasl=SCRAM-SHA-512")
    told = address.admin()
    assert (told["sasl.username"], told["sasl.password"]) == ("me", SECRET)
    assert (told["security.protocol"], told["sasl.mechanism"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    assert address.shown == "kafka://h:9092"
    assert SECRET not in redact(f"{told}")
    assert SECRET not in f"{address!r} {address}"
    assert redact(f"refused: {SECRET}") == "refused: ***"
    assert of("kafka://me:geheim/1@x@h?sasl=PLAIN").password == SECRET  # not encoded, and clear all the same


def test_the_password_may_be_in_the_environment() -> None:
    address = of("kafka://me@h?sasl=PLAIN", SIGHTLINE_KAFKA_PASSWORD=SECRET)
    assert address.password == SECRET
    assert SECRET not in redact(f"{address}")


def test_certificates_turn_tls_on(pem: Path) -> None:
    told = of(f"kafka://{LOGIN}h?sasl=PLAIN&tls_ca={pem}&tls_certificate={pem}&tls_key={pem}").admin()
    assert told["security.protocol"] == "SASL_SSL"
    names = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
    assert {told[name] for name in names} == {str(pem)}
    assert of("kafka://h?tls_ca=system").admin()["security.protocol"] == "SSL"


@pytest.mark.parametrize(
    "url",
    [
        f"hub://{LOGIN}h",
        f"{LOGIN}h",
        "kafka://",
        "kafka://a,,b",
        f"kafka://{LOGIN}h/path",
        f"kafka://{LOGIN}h#geheim",
        f"kafka://{LOGIN}h:0",
        f"kafka://{LOGIN}h:65536",
        f"kafka://{LOGIN}h:geheim",
        f"kafka://{LOGIN}h",
        f"kafka://{LOGIN}h?sasl=geheim",
        "kafka://me@h?sasl=PLAIN",
        "kafka://h?sasl=PLAIN",
        f"kafka://{LOGIN}h?sasl=PLAIN&geheim",
        f"kafka://{LOGIN}h?sasl=PLAIN&password=geheim",
        "kafka://h?protocol=classic&protocol=consumer",
        "kafka://h?protocol=new",
        "kafka://h?compression=best",
        "kafka://h?linger_ms=-1",
        "kafka://h?max_message_bytes=0",
        "kafka://h?max_message_bytes=1GiB",
        "kafka://h?tls_ca=/nowhere/ca.pem",
        "kafka://h?tls_certificate=a&tls_key=b",
        "kafka://h?settings=/nowhere/kafka.properties",
    ],
)
def test_a_wrong_address_is_refused_without_showing_a_secret(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        of(url)
    assert "geheim" not in str(refused.value)


@given(st.text())
def test_any_text_is_an_address_or_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        assert of(f"kafka://{text}").servers


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    """`settings(text)` gives a URL with a file of that text, which only its owner may read."""

    def write(text: str, mode: int = 0o600) -> str:
        path = tmp_path / "kafka.properties"
        path.write_text(text)
        path.chmod(mode)
        return f"kafka://h?settings={path}"

    return write


def test_a_file_says_more_and_goes_before_what_is_said_here(settings: Any) -> None:
    url = settings("# a comment\n\nsecurity.protocol = SSL\nsasl.password=a=geheim\nlinger.ms=7\n")
    address = of(url)
    for told in (address.admin(), address.producer(), address.consumer()):
        assert (told["security.protocol"], told["sasl.password"], told["linger.ms"]) == (
            "SSL",
            "a=geheim",
            "7",
        )
    assert "geheim" not in redact("refused: a=geheim")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_with_a_secret_has_to_be_its_owners_alone(settings: Any, mode: int) -> None:
    assert of(settings("socket.timeout.ms=9", mode)).settings == {"socket.timeout.ms": "9"}
    with pytest.raises(ConfigError, match=r"chmod 600.*ssl\.key\.password") as refused:
        of(settings("ssl.key.password=geheim", mode))
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("line", ["sasl.password geheim", "=geheim", "a=1\na=geheim", "acks=1", "group.id=x"])
def test_a_wrong_line_is_named_and_not_shown(settings: Any, line: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.properties, line [12]: ") as refused:
        of(settings(line))
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("size", [1, 8 * 1024 * 1024, MOST_MESSAGE_BYTES])
def test_librdkafka_takes_what_is_made_of_an_address(size: int) -> None:
    kafka = pytest.importorskip("confluent_kafka")
    # A mock cluster: nothing is dialled.
    address = of("kafka://h:1?linger_ms=0.5&compression=lz4")
    mock = {"test.mock.num.brokers": 1}
    kafka.Producer(address.producer(size) | mock).flush(0)
    kafka.Consumer(address.consumer(size) | mock | {"group.id": "any"}).close()


def test_servers_of_other_clients_make_a_url() -> None:
    assert kafka_url("a:1,b:2") == kafka_url(["a:1", "b:2"]) == "kafka://a:1,b:2"
    assert kafka_url("hub://h") == kafka_url(["hub://h"]) == "hub://h"
    for wrong in ([], "", [""], ["a:1", "kafka://b"]):
        with pytest.raises(ConfigError, match="host:port"):
            kafka_url(wrong)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "kafka.password"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def test_the_password_may_be_in_a_file_of_its_own(secret: Path) -> None:
    url = f"kafka://me@h?sasl=PLAIN&password_file={secret}"
    assert of(url, SIGHTLINE_KAFKA_PASSWORD="another").password == SECRET
    assert redact(f"refused: {SECRET}") == "refused: ***"
    assert str(secret) in redact(url)  # the name of a file is none


def test_a_file_of_a_password_is_one_line_for_its_owner_alone(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"kafka://me@h?sasl=PLAIN&password_file={secret}"
    for text in ("", "\n", f"{SECRET}\nmore\n"):
        secret.write_text(text)
        with pytest.raises(ConfigError, match="expected one line"):
            of(url)
    secret.write_text(SECRET)
    secret.chmod(0o440)
    with pytest.raises(ConfigError, match=r"chmod 600.*password") as refused:
        of(url)
    assert SECRET not in str(refused.value)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secret.parent))  # systemd hands it out so
    assert of(url).password == SECRET
    secret.chmod(0o444)
    with pytest.raises(ConfigError, match="chmod 600"):
        of(url)


@pytest.mark.parametrize(
    "url", ["kafka://h?password_file={}", f"kafka://{LOGIN}h?sasl=PLAIN&password_file={{}}"]
)
def test_a_file_of_a_password_is_a_users_and_the_only_one(secret: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="password_file with a user") as refused:
        of(url.format(secret))
    assert "geheim" not in str(refused.value)


def test_the_files_of_an_address_are_known_without_reading_them() -> None:
    url = "kafka://me@h?sasl=PLAIN&tls_ca=system&tls_key=/k&password_file=/a%20b&client_id=c&settings=s"
    assert files_named(url) == (Path("/k"), Path("/a b"), Path("s"))
    assert files_named("hub://h?tls_ca=/ca") == ()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Who opens it as a file waits for ever."""
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o600)
    return path


def test_a_text_is_parsed_without_a_look_at_what_it_names(fifo: Path) -> None:
    named = f"password_file={fifo}&settings={fifo}&tls_ca=/nonexistent&tls_certificate={fifo}&tls_key={fifo}"
    told = KafkaAddress.parse(f"kafka://me@h?sasl=PLAIN&{named}")
    assert (told.password, told.settings) == (None, {})
    assert (told.password_file, told.settings_file) == (str(fifo), str(fifo))
    assert (told.tls_ca, told.tls_key) == ("/nonexistent", str(fifo))
    assert KafkaAddress.parse("kafka://me@h?sasl=PLAIN").user == "me"  # whoever connects has its password


@pytest.mark.parametrize(
    "url",
    ["kafka://me@h?sasl=PLAIN&password_file={}", "kafka://h?settings={}", "kafka://h?tls_ca={}"],
)
@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "folder", "nothing", "a%00b"])
def test_what_is_no_regular_file_is_refused_at_once(fifo: Path, url: str, name: str) -> None:
    (fifo.parent / "folder").mkdir()
    with pytest.raises(ConfigError, match="expected a (regular file|file in PEM form)|cannot read"):
        of(url.format(fifo.parent / name))
    assert KafkaAddress.parse(url.format(fifo.parent / name)).servers
