"""A Kafka that asks who one is, as NVIDIA's adaptor is told of it: `proto-cfg` of its broker file.

    kafka://gate@10.0.0.9:9093?sasl=SCRAM-SHA-512&tls_ca=/etc/sightline/ca.pem&password_file=/etc/sightline/kafka

Promises: what librdkafka is told there is what it is told for a bus of that URL. The adaptor cuts its list at
every `;` and has no way to mean that letter: what has one, or a quote, is refused without showing it.

Deliberately not here: whether the files that are named can be read where DeepStream runs.
"""

from __future__ import annotations

from typing import Final

from sightline.bus.kafka_address import KafkaAddress
from sightline.errors import ConfigError

SCHEME: Final = "kafka://"
_ELSEWHERE: Final = frozenset({"bootstrap.servers", "client.id"})
_CUTTING: Final = frozenset(';"\r\n\0')


def hosts_in(text: str) -> str:
    """`host:port,host:port` of a URL; any other text as it is."""
    if not text.startswith(SCHEME):
        return text
    return text.removeprefix(SCHEME).partition("?")[0].rpartition("@")[2].rstrip("/")


def proto_settings(text: str) -> str | None:
    """`name=value;name=value` of a URL; None: there is nothing to say. Raises ConfigError."""
    if not text.startswith(SCHEME):
        return None
    told = KafkaAddress.of(text, {}).admin()
    said = {name: str(value) for name, value in told.items() if name not in _ELSEWHERE}
    if said == {"security.protocol": "PLAINTEXT"}:
        return None
    for name, value in said.items():
        if _CUTTING & {*value}:
            raise ConfigError(
                f"kafka_connection_str: expected {name} without ; and quotes, which NVIDIA's adaptor cannot "
                "be told, got one with them"
            )
    return ";".join(f"{name}={value}" for name, value in said.items())
