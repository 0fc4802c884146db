"""What rows cannot say of the message brokers' files.

Read from the adaptors of Kafka, AMQP, MQTT, Redis and Azure. All of them read key files alone, whatever the
name ends in. No value is shown: there are passwords among them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Finding, Severity, What
from sightline.deepstream.judging.rules.opening import Rule
from sightline.deepstream.judging.rules.settings import Settings, only
from sightline.deepstream.kinds import Kind

_GROUP = "message-broker"
_QUOTED = ("proto-cfg", "producer-proto-cfg", "consumer-proto-cfg")
_KAFKA = (*_QUOTED, "partition-key", "consumer-group-id", "share-connection")
_MOST = 1023
_SECRETS = {
    "username": "USER_AMQP or USER_MQTT",
    "password": "PASSWORD_AMQP, PASSWORD_MQTT or PASSWORD_REDIS",
}
_SWITCHES = ("share-connection", "enable-tls", "set-threaded")
_AZURE = ("HostName=", "DeviceId=", "SharedAccessKey=")


def _broker(file: ConfigFile) -> Settings | None:
    return only(file, Kind.BROKER, _GROUP) if file.form is Form.TXT else None


def _yaml(file: ConfigFile) -> Iterator[Finding]:
    if file.form is Form.YML:
        told = "expected a key file: no broker's adaptor reads YAML"
        yield Finding(Severity.REFUSED, What.SYNTAX, told)


def _quotes(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    for key in _QUOTED:
        value = it.value(key) if it else None
        if it and value and not (len(value) > 2 and value[0] == value[-1] == '"'):
            told = 'expected "name=value;name=value", in double quotes and not empty'
            yield it.tell(Severity.REFUSED, What.VALUE, key, told)


def _lengths(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    for key in _KAFKA:
        value = it.value(key) if it else None
        if it and isinstance(value, str) and len(value.encode()) > _MOST:
            told = f"expected at most {_MOST} bytes, got {len(value.encode())}"
            severity = Severity.REFUSED if key in _QUOTED else Severity.WARNING
            yield it.tell(severity, What.VALUE, key, told)


def _partition(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    if it and any(it.has(key) for key in (*_QUOTED, "consumer-group-id")) and not it.value("partition-key"):
        told = "not set: Kafka's key of a message is its sensor.id"
        yield it.tell(Severity.NOTE, What.DEFAULT, "partition-key", told)


def _switches(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    for key in _SWITCHES:
        value = it.value(key) if it else None
        # AMQP, MQTT and Kafka compare texts: all but a 1 is a no, `true` too.
        if it and value is not None and value not in {"0", "1", ""}:
            on = key != "share-connection" and value[:1] == "1"
            told = f"expected 0 or 1, got another word, which is taken for {int(on)}"
            yield it.tell(Severity.WARNING, What.REPLACED, key, told)


def _tls(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    if it is None:
        return
    if (it.value("enable-tls") or "")[:1] == "1":
        if not it.value("tls-cafile") and not it.value("tls-capath"):
            told = "needs tls-cafile or tls-capath"
            yield it.tell(Severity.REFUSED, What.MISSING, "enable-tls", told)
        one, other = (bool(it.value(key)) for key in ("tls-certfile", "tls-keyfile"))
        if one != other:
            key = "tls-certfile" if one else "tls-keyfile"
            told = "has no effect: tls-certfile and tls-keyfile are for each other"
            yield it.tell(Severity.WARNING, What.INAPPLICABLE, key, told)
        return
    for key in ("tls-cafile", "tls-capath", "tls-certfile", "tls-keyfile"):
        if it.value(key):
            yield it.tell(Severity.WARNING, What.INAPPLICABLE, key, "has no effect without enable-tls=1")


def _azure(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    if it is None:
        return
    connection, properties = it.value("connection_str"), it.value("custom_msg_properties")
    if connection and not all(part in connection for part in _AZURE):
        told = f"expected {';'.join(part + '...' for part in _AZURE)}"
        yield it.tell(Severity.REFUSED, What.VALUE, "connection_str", told)
    if properties and not all("=" in pair for pair in properties.rstrip(";").split(";")):
        told = "expected name=value;name=value; from the first that is none on, they are passed over"
        yield it.tell(Severity.WARNING, What.VALUE, "custom_msg_properties", told)


def _secrets(file: ConfigFile) -> Iterator[Finding]:
    it = _broker(file)
    for key, variables in _SECRETS.items():
        if it and it.value(key):
            told = f"is to be given up for the environment's {variables}, which beats it"
            yield it.tell(Severity.NOTE, What.DEPRECATED, key, told)


RULES: tuple[Rule, ...] = (
    _yaml,
    _quotes,
    _lengths,
    _partition,
    _switches,
    _tls,
    _azure,
    _secrets,
)
