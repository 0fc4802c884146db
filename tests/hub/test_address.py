"""Addresses of hubs, right and wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import ConfigError
from sightline.hub.address import HubAddress


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("hub://", HubAddress()),
        ("hub://10.0.0.5", HubAddress(host="10.0.0.5")),
        ("hub://[::1]:99", HubAddress(host="::1", port=99)),
        ("hub:///run/hub.sock", HubAddress(unix_path="/run/hub.sock")),
        (
            "hub://:a%40b@host:1?history=8MiB",
            HubAddress(host="host", port=1, token="a@b", rest={"history": "8MiB"}),
        ),
        ("hub://h?tls_ca=ca.pem", HubAddress(host="h", tls_ca="ca.pem")),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: HubAddress) -> None:
    assert HubAddress.of(url, {}) == expected


def test_the_token_may_be_in_the_environment_and_is_never_shown() -> None:
    address = HubAddress.of("hub://host", {"SIGHTLINE_HUB_TOKEN": "geheim"})
    assert address.token == "geheim"
    assert address.shown == "hub://host:4820"


@pytest.mark.parametrize(
    "url",
    [
        "kafka://host",
        "hub://user:geheim@host",
        "hub://:geheim@host:70000",
        "hub://:geheim@host/path",
        "hub://:geheim@host?tls_ca=a&tls_ca=b",
        "hub://:geheim@host?tls_certificate=a&tls_key=b",
        "hub://:geheim@host?nonsense",
        "hub://:geheim@host#x",
    ],
)
def test_a_wrong_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        HubAddress.of(url, {})
    assert "expected" in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_certificates_that_are_not_there_are_told() -> None:
    with pytest.raises(ConfigError, match="cannot use the certificate files"):
        HubAddress.of("hub://host?tls_ca=/nowhere/ca.pem", {}).tls()


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for url in (text, f"hub://{text}"):
        try:
            HubAddress.of(url, {})
        except ConfigError:
            continue
