"""The message brokers' files: each thing that is found; all of them are key files."""

import pytest
from tests.deepstream.linted import NOTE, REFUSED, TXT, WARNING, Case, check, made, places

from sightline.deepstream.document import Form
from sightline.deepstream.findings import What, would_load
from sightline.deepstream.judging.linting import lint
from sightline.deepstream.kinds import Kind, kind_of

_GROUP = "message-broker"


def _case(key: str, value: str, *told: object, **more: object) -> Case:
    severity, what, says = told
    return Case({f"{_GROUP}/{key}": value}, severity, what, f"{_GROUP}/{key}", says, TXT, **more)  # type: ignore[arg-type]


_KAFKA = (f"default {_GROUP}/partition-key",)
CASES = [
    _case("proto-cfg", "linger.ms=5", REFUSED, What.VALUE, "in double quotes", also=_KAFKA),
    _case("producer-proto-cfg", '""', REFUSED, What.VALUE, "not empty", also=_KAFKA),
    _case(
        "consumer-proto-cfg", '"' + "a" * 1100 + '"', REFUSED, What.VALUE, "at most 1023 bytes", also=_KAFKA
    ),
    _case("partition-key", "k" * 1100, WARNING, What.VALUE, "at most 1023 bytes"),
    _case("share-connection", "true", WARNING, What.REPLACED, "taken for 0"),
    _case("set-threaded", "1 please", WARNING, What.REPLACED, "taken for 1"),
    _case("enable-tls", "1", REFUSED, What.MISSING, "needs tls-cafile or tls-capath"),
    _case("tls-cafile", "ca.pem", WARNING, What.INAPPLICABLE, "without enable-tls=1"),
    _case("port", "many", WARNING, What.REPLACED, "0 is taken instead"),
    _case("keep-alive", "long", WARNING, What.REPLACED, "60 is taken instead"),
    _case("flush-timeout", "0", WARNING, What.REPLACED, "10000 is taken instead"),
    _case("connection_str", "HostName=a", REFUSED, What.VALUE, "SharedAccessKey=..."),
    _case("custom_msg_properties", "a;b=1", WARNING, What.VALUE, "name=value"),
    _case("password", "s3cret", NOTE, What.DEPRECATED, "the environment's PASSWORD_AMQP"),
    _case("hostnme", "a", WARNING, What.UNKNOWN, 'did you mean "hostname"?'),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.at}-{case.says}")
def test_one_change_is_one_finding(case: Case) -> None:
    check(Kind.BROKER, case)


def test_one_half_of_a_certificate_has_no_effect() -> None:
    tls = {f"{_GROUP}/enable-tls": "1", f"{_GROUP}/tls-capath": "/etc", f"{_GROUP}/tls-certfile": "c.pem"}
    assert places(lint(made(Kind.BROKER, Form.TXT, tls))) == [f"inapplicable {_GROUP}/tls-certfile"]


def test_nothing_is_found_in_a_sound_file() -> None:
    kafka = {f"{_GROUP}/proto-cfg": '"linger.ms=5;acks=1"', f"{_GROUP}/partition-key": "sensor.id"}
    azure = {f"{_GROUP}/connection_str": "HostName=a;DeviceId=b;SharedAccessKey=c"}
    for change in (kafka, azure, {f"{_GROUP}/custom_msg_properties": "a=1;"}):
        file = made(Kind.BROKER, Form.TXT, change)
        assert (kind_of(file), lint(file)) == (Kind.BROKER, ())


def test_no_adaptor_reads_yaml() -> None:
    file = made(Kind.BROKER, Form.YML)
    assert kind_of(file) is Kind.BROKER
    assert not would_load(lint(file))


def test_no_secret_is_shown() -> None:
    secrets = {
        "proto-cfg": "sasl.password=hush",
        "connection_str": "SharedAccessKey=hush",
        "password": "hush",
        "share-connection": "hush",
        "custom_msg_properties": "hush",
        "set-threaded": "hush",
    }
    change = {f"{_GROUP}/{key}": value for key, value in secrets.items()}
    found = lint(made(Kind.BROKER, Form.TXT, change))
    assert len(found) >= len(secrets)
    assert "hush" not in " ".join(each.message for each in found)
