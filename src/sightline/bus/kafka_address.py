"""Where a Kafka is, as one line of text, and what librdkafka is told of it.

    kafka://host:9092,other:9092
    kafka://USER:PASSWORD@host:9093?sasl=SCRAM-SHA-512&tls_ca=ca.pem
    kafka://USER@host:9093?sasl=SCRAM-SHA-512&tls_ca=ca.pem&password_file=/etc/sightline/kafka.password
    kafka://host?settings=/etc/sightline/kafka.properties&max_message_bytes=8MiB

The password may stand in a file (`password_file`), which others cannot read as they can an argument or a
variable, or be left out where it is in the environment as SIGHTLINE_KAFKA_PASSWORD. `tls_ca` names who
signs the brokers' certificates (`system`: those that this machine trusts) and turns TLS on. `settings` is a
file of librdkafka's own settings, a `name=value` a line; they go before what is said here, but for those that
the promise of a bus rests on, which are refused. One that holds a secret must be its owner's alone.

No message shows a URL or a secret, and each secret is told to the redactor. `parse` goes by the text alone
and opens nothing that it names, whoever wrote it; `of`, for those who connect, reads the files. Whether
librdkafka knows a setting, and whether anybody answers, is not seen here: nothing of it is loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote

import msgspec
from msgspec import structs

from sightline.bus.address import options, size_bytes
from sightline.bus.kafka_files import TLS, password_in, settings_in
from sightline.bus.names import checked_group
from sightline.errors import ConfigError
from sightline.log import hide_secret

PASSWORD_VARIABLE: Final = "SIGHTLINE_KAFKA_PASSWORD"  # noqa: S105 - the name of a variable
DEFAULT_PORT: Final = 9092
DEFAULT_MESSAGE_BYTES: Final = 8 * 1024 * 1024
MOST_MESSAGE_BYTES: Final = 1_000_000_000 - 1024
"""A message travels in a batch, of which librdkafka takes 1,000,000,000 bytes (its CONFIGURATION.md)."""
BATCH_ROOM: Final = 512
"""What a batch of one message may weigh above it: 61 bytes of its own, some 20 a record, some 7 a header."""

_EXAMPLE: Final = "expected the address of a Kafka such as kafka://127.0.0.1:9092 or kafka://host1,host2"
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII)
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LOGIN: Final = (
    f"expected a user, a password (or password_file, or {PASSWORD_VARIABLE} in the environment) and "
    f"sasl={'|'.join(_MECHANISMS)} together in a Kafka's address, or none of them"
)
_PROTOCOLS: Final = ("classic", "consumer")
_COMPRESSIONS: Final = ("none", "gzip", "lz4", "snappy", "zstd")
_OPTIONS: Final = frozenset({
    *TLS, "sasl", "password_file", "max_message_bytes", "settings", "protocol", "linger_ms", "compression",
    "client_id", "instance",
})  # fmt: skip


class KafkaAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Kafka is and what it asks for.

    Attributes:
        servers: `host:port` of some of its brokers; the others are found by them.
        user, password: for SASL; None: none is used, or known.
        sasl: how they are shown: "PLAIN" (safe within TLS alone), "SCRAM-SHA-256" or "SCRAM-SHA-512".
        tls_ca, tls_certificate, tls_key: files in PEM form; None: no TLS, or no certificate of one's own.
        max_message_bytes: the most that a message may weigh as the URL has it; None: it does not say.
        protocol: of groups: "classic", or "consumer" (brokers of version 4).
        linger_ms: how long a message may wait for others to go with it.
        compression: of what is published; coded video does not get smaller.
        client_id: what the broker's logs and quotas call us.
        instance: the name of the one member that each group has from here; None: it has none.
        settings: librdkafka's own, from the file.
        password_file, settings_file: where these two are; None: in no file.
    """

    servers: tuple[str, ...]
    user: str | None = None
    password: str | None = None
    sasl: str | None = None
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    max_message_bytes: int | None = None
    protocol: str = "classic"
    linger_ms: float = 0.0
    compression: str = "none"
    client_id: str = "sightline"
    instance: str | None = None
    settings: dict[str, str] = {}
    password_file: str | None = None
    settings_file: str | None = None

    @classmethod
    def of(cls, url: str, environ: Mapping[str, str] = os.environ) -> Self:
        """The parts of `url`, with what stands in its files and in the environment.

        Raises:
            ConfigError: it is no such URL, or a file is wrong; the message shows neither URL nor secret.
        """
        told = cls.parse(url)
        _check_tls(told)
        return structs.replace(
            told,
            password=_password(told, environ),
            settings=settings_in(Path(told.settings_file)) if told.settings_file is not None else {},
        )

    @classmethod
    def parse(cls, url: str) -> Self:
        """The parts of `url` by its text alone: no file is looked at; a password that stands in one is None.

        Raises:
            ConfigError: it is no such URL; the message shows neither URL nor secret.
        """
        scheme, separator, rest = url.partition("://")
        where, _, query = rest.partition("?")
        if scheme != "kafka" or not separator or "#" in rest:
            raise ConfigError(f"{_EXAMPLE}, and nothing behind # or a path")
        login, _, hosts = where.rpartition("@")
        given = options(query, _OPTIONS)
        user, password = _login(login, given.get("password_file"))
        return cls(
            servers=tuple(_server(host) for host in hosts.removesuffix("/").split(",")),
            user=user,
            password=password,
            sasl=_sasl(user, given.get("sasl")),
            **_tls(given),
            max_message_bytes=_message_bytes(given.get("max_message_bytes")),
            protocol=_one_of("protocol", given.get("protocol", "classic"), _PROTOCOLS),
            linger_ms=_linger_ms(given.get("linger_ms", "0")),
            compression=_one_of("compression", given.get("compression", "none"), _COMPRESSIONS),
            client_id=given.get("client_id", "sightline"),
            instance=checked_group(given["instance"]) if "instance" in given else None,
            settings={},
            password_file=given.get("password_file"),
            settings_file=given.get("settings"),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shown!r})"

    @property
    def shown(self) -> str:
        """The address without what is secret or ours."""
        return f"kafka://{','.join(self.servers)}"

    def admin(self) -> dict[str, Any]:
        """Settings of librdkafka for asking and changing what a broker has."""
        return self._client() | self.settings

    def producer(self, max_message_bytes: int = DEFAULT_MESSAGE_BYTES) -> dict[str, Any]:
        """Settings of librdkafka for publishing: in order, nothing twice, told once all copies are made."""
        ours = {
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": self.linger_ms,
            "compression.type": self.compression,
            "message.max.bytes": _batch_bytes(max_message_bytes),
            "queue.buffering.max.kbytes": 64 * 1024,
            "delivery.timeout.ms": 30_000,
        }
        return self._client() | ours | self.settings

    def consumer(self, max_message_bytes: int = DEFAULT_MESSAGE_BYTES) -> dict[str, Any]:
        """Settings of librdkafka for reading, but for the group's: positions are ours to say and to store."""
        batch = _batch_bytes(max_message_bytes)
        ours = {
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",  # a gap is told of, not jumped
            "allow.auto.create.topics": False,
            # By default 64 MiB wait for each client, after 100,000 messages of any size.
            "queued.max.messages.kbytes": 16 * 1024,
            "queued.min.messages": 64,
            "fetch.message.max.bytes": batch,
            "fetch.max.bytes": max(16 * 1024 * 1024, batch),
            # Others may publish what is larger than ours. Less would be asked for again and again, and of
            # that broker nothing would come of any topic.
            "receive.message.max.bytes": MOST_MESSAGE_BYTES + 1024 * 1024,
        }
        return self._client() | ours | self.settings

    def _client(self) -> dict[str, Any]:
        known = {
            "bootstrap.servers": ",".join(self.servers),
            "client.id": self.client_id,
            "security.protocol": _security(tls=self.tls_ca is not None, sasl=self.sasl is not None),
            "sasl.mechanism": self.sasl,
            "sasl.username": self.user,
            "sasl.password": self.password,
            # `probe` looks where distributions keep them.
            "ssl.ca.location": "probe" if self.tls_ca == "system" else self.tls_ca,
            "ssl.certificate.location": self.tls_certificate,
            "ssl.key.location": self.tls_key,
        }
        return {name: value for name, value in known.items() if value is not None}


def kafka_url(servers: str | Iterable[str]) -> str:
    """The URL of a bus of "host:port", of several with commas between, or of a list; a bus URL is itself.

    Raises:
        ConfigError: there is none.
    """
    names = [servers] if isinstance(servers, str) else list(servers)
    if len(names) == 1 and "://" in names[0]:
        return names[0]
    if not names or not all(names) or any("://" in name for name in names):
        raise ConfigError(f"expected servers as host:port, or one URL of a bus; got {len(names)} texts")
    return f"kafka://{','.join(names)}"


def _server(text: str) -> str:
    found = _HOST.fullmatch(text)
    if found is None or (found[1] and not 0 < int(found[1]) < 65536):
        raise ConfigError(f"{_EXAMPLE}, with a port of 1 to 65535 and USER:PASSWORD@ encoded as in URLs")
    return text if found[1] else f"{text}:{DEFAULT_PORT}"


def _login(login: str, file: str | None) -> tuple[str | None, str | None]:
    user, _, password = (unquote(part) for part in login.partition(":"))
    hide_secret(password)
    if file is not None and (not user or password):
        raise ConfigError("expected password_file with a user before the host, and no password beside it")
    return (user, password or None) if user else (None, None)


def _password(told: KafkaAddress, environ: Mapping[str, str]) -> str | None:
    """Wherever it is. Raises ConfigError."""
    if told.user is None:
        return None
    if told.password_file is not None:
        return password_in(Path(told.password_file))
    password = told.password or environ.get(PASSWORD_VARIABLE)
    if not password:
        raise ConfigError(_LOGIN)
    hide_secret(password)
    return password


def _sasl(user: str | None, mechanism: str | None) -> str | None:
    if user is None and mechanism is None:
        return None
    if user is None or mechanism not in _MECHANISMS:
        raise ConfigError(_LOGIN)
    return mechanism


def _tls(given: Mapping[str, str]) -> dict[str, str]:
    tls = {name: given[name] for name in TLS if name in given}
    if ("tls_certificate" in tls) != ("tls_key" in tls) or (tls and "tls_ca" not in tls):
        raise ConfigError("expected tls_ca, and tls_certificate and tls_key together or neither")
    return tls


def _check_tls(told: KafkaAddress) -> None:
    for name in TLS:
        path = getattr(told, name)
        if path not in {None, "system"} and not Path(path).is_file():
            raise ConfigError(f"{name}: expected a file in PEM form, got {path!r}, which is none")


def _security(*, tls: bool, sasl: bool) -> str:
    return f"{'SASL_' if sasl else ''}{'SSL' if tls else 'PLAINTEXT'}"


def _message_bytes(text: str | None) -> int | None:
    if text is None:
        return None
    size = size_bytes(text)
    if size > MOST_MESSAGE_BYTES:
        raise ConfigError(f"max_message_bytes: expected at most {MOST_MESSAGE_BYTES} bytes, got {text}")
    return size


def _batch_bytes(message_bytes: int) -> int:
    return max(1000, min(message_bytes, MOST_MESSAGE_BYTES) + BATCH_ROOM)  # it takes no limit below 1000


def _one_of(name: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise ConfigError(f"{name}: expected one of {', '.join(known)}, got {value[:30]!r}")
    return value


def _linger_ms(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text, re.ASCII) is None:
        raise ConfigError(f"linger_ms: expected 0 to 9999 milliseconds, got {text[:30]!r}")
    return float(text)
