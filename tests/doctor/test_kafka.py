"""What the doctor says of the Kafkas of a site: one that asks for a login and certificates."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.bus.secure_kafka import SecureKafka
from tests.capture.tls import Authority

from sightline.doctor.bus import look_at_bus
from sightline.doctor.finding import State
from sightline.doctor.kafka import look_at_sinks
from sightline.site import Site

pytestmark = pytest.mark.needs("kafka", "openssl")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Iterator[SecureKafka]:
    secure = SecureKafka(tmp_path_factory.mktemp("secure"), found_at("openssl"), client_auth="none")
    with secure.broker:
        yield secure


def site_of(bus: str, sink: str) -> Site:
    look = {"model": {"kind": "motion"}, "sinks": [{"kind": "bus", "url": sink}] * 2}
    return Site.model_validate(
        {"bus": bus, "cameras": {"a": {"url": "synthetic://street"}}, "workers": {"look": look}}
    )


def test_who_gets_in_and_who_does_not_is_told_without_a_secret(
    secure: SecureKafka, tmp_path: Path, found_at: Callable[[str], str]
) -> None:
    good = secure.by_file()
    other = Authority(tmp_path, found_at("openssl")).file
    site = site_of(good, secure.by_file("geheim-other", name="wrong"))
    bus, (sink,) = look_at_bus(site), look_at_sinks(site)
    assert (bus.state, bus.told) == (
        State.OK,
        f"a Kafka answers at kafka://{secure.broker.address}, by SASL_SSL",
    )
    assert (sink.name, sink.state) == ("look, bus", State.PROBLEM)
    assert "uthentication failed" in sink.told
    unknown = look_at_bus(site_of(secure.by_file(ca=other), good))
    assert "certificate verify failed" in unknown.told
    assert "geheim" not in f"{bus}{sink}{unknown}"
    assert list(look_at_sinks(site_of(good, good))) == []  # it was looked at as the bus
