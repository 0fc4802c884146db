"""A Kafka that wants TLS, a certificate and a password, as its URL or a file says them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.capture.tls import HERE, Authority
from tools.services import KafkaBroker

from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_topics import KafkaTopics
from sightline.errors import BusError

kafka_library = pytest.importorskip("confluent_kafka")
pytestmark = pytest.mark.needs("kafka", "openssl")

USER, PASSWORD = "gate", "geheim/9c1f@x"
LOGIN = "gate:geheim%2F9c1f%40x@"


class Secure:
    """A broker that takes `USER` with `PASSWORD` by TLS alone, and asks for a certificate too."""

    def __init__(self, folder: Path, openssl: str) -> None:
        authority = Authority(folder, openssl)
        authority.certificate(HERE)
        self.ca = authority.file
        self.certificate, self.key = folder / "IP-127.0.0.1-2.pem", folder / "IP-127.0.0.1.key"
        store = folder / "broker.pem"
        store.write_text(self.key.read_text() + self.certificate.read_text())
        module = "org.apache.kafka.common.security"
        settings = {
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.clients.plain.sasl.jaas.config": (
                f'{module}.plain.PlainLoginModule required username="{USER}" password="{PASSWORD}" '
                f'user_{USER}="{PASSWORD}";'
            ),
            **{
                f"listener.name.clients.{name}.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;"
                for name in ("scram-sha-256", "scram-sha-512")
            },
            "listener.name.clients.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
        }
        self.broker = KafkaBroker(folder, settings=settings)

    def url(
        self, mechanism: str = "PLAIN", *, login: str = LOGIN, ca: Path | None = None, ours: bool = True
    ) -> str:
        mine = f"&tls_certificate={self.certificate}&tls_key={self.key}" if ours else ""
        return f"kafka://{login}{self.broker.address}?sasl={mechanism}&tls_ca={ca or self.ca}{mine}"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Iterator[Secure]:
    secure = Secure(tmp_path_factory.mktemp("secure"), found_at("openssl"))
    with secure.broker:
        yield secure


def topics(url: str, timeout_s: float = 10.0) -> KafkaTopics:
    return KafkaTopics(KafkaAddress.of(url, {}), timeout_s=timeout_s)


def test_who_shows_certificate_and_password_gets_in(secure: Secure) -> None:
    broker = topics(secure.url())
    assert broker.create("raw_gate")
    assert [topic.name for topic in broker.describe(["raw_gate"])] == ["raw_gate"]


@pytest.mark.parametrize("bits", [256, 512])
def test_scram_is_spoken(secure: Secure, bits: int) -> None:
    admin = pytest.importorskip("confluent_kafka.admin")
    mechanism = getattr(admin.ScramMechanism, f"SCRAM_SHA_{bits}")
    change = admin.UserScramCredentialUpsertion(
        "other", admin.ScramCredentialInfo(mechanism, 4096), b"word@1"
    )
    client = admin.AdminClient(KafkaAddress.of(secure.url(), {}).admin())
    for done in client.alter_user_scram_credentials([change]).values():
        done.result()
    assert topics(secure.url(f"SCRAM-SHA-{bits}", login="other:word%401@")).names() is not None


def test_the_same_by_a_file_of_settings(secure: Secure, tmp_path: Path) -> None:
    path = tmp_path / "kafka.properties"
    path.write_text(
        f"security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.username={USER}\nsasl.password={PASSWORD}\n"
        f"ssl.ca.location={secure.ca}\nssl.certificate.location={secure.certificate}\nssl.key.location={secure.key}\n"
    )
    path.chmod(0o600)
    assert topics(f"kafka://{secure.broker.address}?settings={path}").names() is not None


def test_a_password_of_a_file_gets_in(secure: Secure, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text(PASSWORD)
    assert topics(f"{secure.url(login=f'{USER}@')}&password_file={path}").names() is not None


def test_a_wrong_password_is_told_and_not_shown(secure: Secure) -> None:
    with pytest.raises(BusError, match=r"no Kafka answers at .*[Aa]uthentication failed") as refused:
        topics(secure.url(login="gate:geheim%2Fother@"), timeout_s=3.0)
    assert "geheim" not in str(refused.value)


def test_a_broker_of_another_authority_is_not_believed(
    secure: Secure, tmp_path: Path, found_at: Callable[[str], str]
) -> None:
    other = Authority(tmp_path, found_at("openssl")).file
    with pytest.raises(BusError, match="certificate verify failed"):
        topics(secure.url(ca=other), timeout_s=3.0)


def test_without_a_certificate_of_ones_own_nobody_gets_in(secure: Secure) -> None:
    with pytest.raises(BusError, match="no Kafka answers at .*(certificate|SSL)"):
        topics(secure.url(ours=False), timeout_s=3.0)
