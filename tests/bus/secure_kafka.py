"""A Kafka that takes one user by TLS alone, and a certificate too where it is asked to."""

from pathlib import Path

from tests.capture.tls import HERE, Authority
from tools.services import KafkaBroker

USER, PASSWORD = "gate", "geheim/9c1f@x"
LOGIN = "gate:geheim%2F9c1f%40x@"
_MODULE = "org.apache.kafka.common.security"
_SCRAM = f"{_MODULE}.scram.ScramLoginModule required;"
_MECHANISMS = ("scram-sha-256", "scram-sha-512")


class SecureKafka:
    """A broker that takes `USER` with `PASSWORD`; begin and end it as `broker`."""

    def __init__(self, folder: Path, openssl: str, *, client_auth: str = "required") -> None:
        authority = Authority(folder, openssl)
        authority.certificate(HERE)
        self.folder = folder
        self.ca = authority.file
        self.certificate, self.key = folder / "IP-127.0.0.1-2.pem", folder / "IP-127.0.0.1.key"
        store = folder / "broker.pem"
        store.write_text(self.key.read_text() + self.certificate.read_text())
        settings = {
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.clients.plain.sasl.jaas.config": (
                f'{_MODULE}.plain.PlainLoginModule required username="{USER}" password="{PASSWORD}" '
                f'user_{USER}="{PASSWORD}";'
            ),
            **{f"listener.name.clients.{name}.sasl.jaas.config": _SCRAM for name in _MECHANISMS},
            "listener.name.clients.ssl.client.auth": client_auth,
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

    def by_file(
        self, password: str = PASSWORD, *, ca: Path | None = None, name: str = "kafka.password"
    ) -> str:
        """A URL without a secret: the password is in a file of that name."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(f"{password}\n")
        return f"{self.url(login=f'{USER}@', ca=ca, ours=False)}&password_file={path}"
