"""A Kafka that wants TLS, a certificate and a password, as its URL or a file says them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.bus.secure_kafka import PASSWORD, USER, SecureKafka
from tests.capture.tls import Authority

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_topics import KafkaTopics
from sightline.errors import BusError

kafka_library = pytest.importorskip("confluent_kafka")
pytestmark = pytest.mark.needs("kafka", "openssl")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Iterator[SecureKafka]:
    secure = SecureKafka(tmp_path_factory.mktemp("secure"), found_at("openssl"))
    with secure.broker:
        yield secure


def topics(url: str, timeout_s: float = 10.0) -> KafkaTopics:
    return KafkaTopics(KafkaAddress.of(url, {}), timeout_s=timeout_s)


def test_who_shows_certificate_and_password_gets_in(secure: SecureKafka) -> None:
    broker = topics(secure.url())
    assert broker.create("raw_gate")
    assert [topic.name for topic in broker.describe(["raw_gate"])] == ["raw_gate"]


@pytest.mark.parametrize("bits", [256, 512])
def test_scram_is_spoken(secure: SecureKafka, bits: int) -> None:
    admin = pytest.importorskip("confluent_kafka.admin")
    mechanism = getattr(admin.ScramMechanism, f"SCRAM_SHA_{bits}")
    change = admin.UserScramCredentialUpsertion(
        "other", admin.ScramCredentialInfo(mechanism, 4096), b"word@1"
    )
    client = admin.AdminClient(KafkaAddress.of(secure.url(), {}).admin())
    for done in client.alter_user_scram_credentials([change]).values():
        done.result()
    assert topics(secure.url(f"SCRAM-SHA-{bits}", login="other:word%401@")).names() is not None


def test_the_same_by_a_file_of_settings(secure: SecureKafka, tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text(
        f"security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username={USER}\nsasl.password={PASSWORD}\n"
        f"ssl.ca.location={secure.ca}\nssl.certificate.location={secure.certificate}\nssl.key.location={secure.key}\n"
    )
    path.chmod(0o600)
    assert topics(f"kafka://{secure.broker.address}?settings={path}").names() is not None


def test_a_password_of_a_file_gets_in(secure: SecureKafka) -> None:
    mine = f"&tls_certificate={secure.certificate}&tls_key={secure.key}"
    assert topics(secure.by_file() + mine).names() is not None


def test_a_wrong_password_is_told_and_not_shown(secure: SecureKafka) -> None:
    with pytest.raises(BusError, match=r"no Kafka answers at .*[Aa]uthentication failed") as refused:
        topics(secure.url(login="gate:geheim%2Fother@"), timeout_s=3.0)
    assert "geheim" not in str(refused.value)


def test_a_broker_of_another_authority_is_not_believed(
    secure: SecureKafka, tmp_path: Path, found_at: Callable[[str], str]
) -> None:
    other = Authority(tmp_path, found_at("openssl")).file
    with pytest.raises(BusError, match="certificate verify failed"):
        topics(secure.url(ca=other), timeout_s=3.0)


def test_without_a_certificate_of_ones_own_nobody_gets_in(secure: SecureKafka) -> None:
    with pytest.raises(BusError, match="no Kafka answers at .*(certificate|SSL)"):
        topics(secure.url(ours=False), timeout_s=3.0)
