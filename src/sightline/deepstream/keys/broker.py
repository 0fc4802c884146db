"""What the message brokers' adaptors read: `[message-broker]`, each adaptor its own keys of it.

Read from the Kafka, AMQP, MQTT, Redis and Azure adaptors. Which one reads the file is said elsewhere (by the
library that an application loads), so the table has all their keys. Each takes what it knows and passes over
the rest without a word.
"""

from __future__ import annotations

from sightline.deepstream.document import Form
from sightline.deepstream.keys.key import GroupTable, Key, Outside, Type

_SOURCE = "src/utils/nvds_msgapi"
_TEXT = (Form.TXT,)


def _word(name: str, whose: str, default: str | None = None) -> Key:
    return Key(name=name, type=Type.STRING, default=default, forms=_TEXT, note=whose)


def _number(name: str, whose: str, default: str, low: int | None = None) -> Key:
    return Key(
        name=name,
        type=Type.INTEGER,
        default=default,
        low=low,
        forms=_TEXT,
        outside=Outside.TAKEN,
        unreadable=Outside.REPLACED,
        instead="0",
        note=whose,
    )


def _leading(name: str, whose: str, default: str, low: int | None = None) -> Key:
    return Key(
        name=name,
        type=Type.LEADING,
        default=default,
        low=low,
        forms=_TEXT,
        outside=Outside.REPLACED,
        unreadable=Outside.REPLACED,
        instead=default,
        note=whose,
    )


_KEYS = (
    _word("proto-cfg", "Kafka: name=value;name=value in quotes"),
    _word("producer-proto-cfg", "Kafka: name=value;name=value in quotes"),
    _word("consumer-proto-cfg", "Kafka: name=value;name=value in quotes"),
    _word("partition-key", "Kafka", "sensor.id"),
    _word("consumer-group-id", "Kafka", "test-consumer-group"),
    _word("share-connection", "all: shared where it is 1", "0"),
    _word("hostname", "AMQP, Redis"),
    _number("port", "AMQP, Redis", "5672 for AMQP"),
    _word("username", "AMQP, MQTT; USER_AMQP, USER_MQTT of the environment beat it"),
    _word("password", "AMQP, MQTT, Redis; PASSWORD_AMQP and so on of the environment beat it"),
    _word("exchange", "AMQP", "amq.topic"),
    _word("topic", "AMQP", "deepstream_topic"),
    _number("amqp-framesize", "AMQP", "131072"),
    _number("amqp-heartbeat", "AMQP", "0"),
    _word("client-id", "MQTT", "a random one"),
    _word("enable-tls", "MQTT: on where it begins with 1", "0"),
    _word("tls-cafile", "MQTT; a path, from the working directory"),
    _word("tls-capath", "MQTT; a path, from the working directory"),
    _word("tls-certfile", "MQTT; a path, from the working directory"),
    _word("tls-keyfile", "MQTT; a path, from the working directory"),
    _leading("loop-timeout", "MQTT", "2000"),
    _leading("keep-alive", "MQTT", "60"),
    _word("set-threaded", "MQTT: on where it begins with 1", "1"),
    _word("streamsize", "Redis"),
    _word("payloadkey", "Redis", "metadata"),
    _word("consumergroup", "Redis", "redis-consumer-group"),
    _word("consumername", "Redis", "redis-consumer"),
    _leading("flush-timeout", "Redis, in milliseconds", "10000", low=1),
    _word("sensorid", "Redis"),
    _word("connection_str", "Azure: HostName=...;DeviceId=...;SharedAccessKey=..."),
    _word("custom_msg_properties", "Azure: name=value;name=value"),
    _leading("cleanup-timeout", "Azure, in seconds", "20"),
)

TABLES: tuple[GroupTable, ...] = (
    GroupTable(name="message-broker", keys=_KEYS, required=True, source=_SOURCE),
)
