"""Certificates for hubs and clients: what they are for, that strict checks pass them, and their files."""

import ssl
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.hub.certificates import AUTHORITY_DAYS, Authority, Certificate

NOW = datetime.now(UTC)


def strict(context: ssl.SSLContext, shows: Certificate, ca: Path) -> ssl.SSLContext:
    """As Python 3.13 makes them, whatever this one does; and TLS 1.3 alone, as in the field."""
    context.load_cert_chain(shows.file, shows.key)
    context.load_verify_locations(ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def shake_hands(hub: Certificate, client: Certificate, ca: Path, host: str) -> None:
    """Without sockets. Raises ssl.SSLError where either does not believe the other."""
    to_hub, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = strict(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), client, ca)
    far = strict(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), hub, ca)
    ends = (
        near.wrap_bio(to_client, to_hub, server_hostname=host),
        far.wrap_bio(to_hub, to_client, server_side=True),
    )
    for _ in range(5):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    assert all(end.getpeercert() for end in ends)


@pytest.mark.parametrize(
    "host",
    ["hub.example", "10.0.0.5", "2001:db8::5", "xn--bcher-kva.example", "localhost", "127.0.0.1", "::1"],
)
def test_a_hub_and_a_client_believe_each_other_by_the_strictest_rules(tmp_path: Path, host: str) -> None:
    authority = Authority(tmp_path)
    hub = authority.hub(["Hub.Example.", "10.0.0.5", "[2001:DB8:0::5]", "bücher.example"])
    shake_hands(hub, authority.client("gate"), authority.certificate.file, host)


def test_openssl_finds_nothing_to_complain_of(tmp_path: Path, found_at: Callable[[str], str]) -> None:
    authority = Authority(tmp_path)
    for one, purpose in (
        (authority.hub(["a"]), "sslserver"),
        (authority.client("b"), "sslclient"),
    ):
        command = [
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            authority.certificate.file,
            one.file,
        ]
        told = subprocess.run(
            [found_at("openssl"), *map(str, command)], capture_output=True, text=True, timeout=30, check=False
        )
        assert (told.returncode, told.stderr) == (0, "")


def test_a_host_that_the_certificate_is_not_for_is_not_believed(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    hub, client = authority.hub(["hub.example"]), authority.client("gate")
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'other.example'"):
        shake_hands(hub, client, authority.certificate.file, "other.example")


def test_a_client_is_no_hub_and_a_hub_no_client(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ca, hub, client = authority.certificate.file, authority.hub(), authority.client("localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(client, client, ca, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        shake_hands(hub, hub, ca, "localhost")


def test_what_is_over_is_not_believed(tmp_path: Path) -> None:
    then = Authority(tmp_path, NOW - timedelta(days=3))
    over, hub = then.client("old", days=2), then.hub(days=10)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(hub, over, then.certificate.file, "localhost")


def test_files_are_kept_unless_told_and_keys_are_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    first = Authority(folder)
    made = [first.certificate, first.hub(["hub.example"]), first.client("gate")]
    assert all(one.new for one in made)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.key.stat().st_mode) for one in made} == {0o600}
    before = {file: file.read_bytes() for file in folder.iterdir()}
    assert len(before) == 6

    again = Authority(folder)
    kept = [again.certificate, again.hub(["hub.example"]), again.hub(), again.client("gate")]
    assert not any(one.new for one in kept)
    assert kept[1].names == ("hub.example", "localhost", "127.0.0.1", "::1")
    assert {file: file.read_bytes() for file in folder.iterdir()} == before

    renewed = again.hub(renew=True)
    assert renewed.new
    assert renewed.names == kept[1].names
    changed = {file.name for file in folder.iterdir() if file.read_bytes() != before[file]}
    assert changed == {"hub.pem", "hub.key"}
    shake_hands(renewed, made[2], first.certificate.file, "hub.example")


def test_nothing_is_valid_longer_than_its_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path, NOW)
    until = authority.certificate.until
    assert authority.client("a", days=2).until == NOW + timedelta(days=2)
    assert authority.client("b", days=AUTHORITY_DAYS + 9).until == until
    late = Authority(tmp_path, until - timedelta(minutes=5))  # read back: no parts of a second
    assert late.client("c").until == late.certificate.until <= until
    with pytest.raises(ConfigError, match="begin anew in another folder"):
        Authority(tmp_path, until)


def test_two_authorities_are_not_taken_for_each_other(tmp_path: Path) -> None:
    one, other = Authority(tmp_path / "1"), Authority(tmp_path / "2")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(one.hub(), one.client("a"), other.certificate.file, "localhost")
    for file in (one.hub().file, one.hub().key):
        (tmp_path / "2" / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ConfigError, match="signed by another .* --renew"):
        other.hub()


def test_a_hub_s_certificate_that_lacks_a_name_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.hub(["one.example"])
    with pytest.raises(ConfigError, match=r"for one.example, .* and not for two.example: .* --renew"):
        authority.hub(["one.example", "two.example"])


@pytest.mark.parametrize(
    "name", ["", "a b", "10.0.0.5:4820", "hub://a", "a" * 300, "a..b", "-", "https://x/"]
)
def test_what_is_no_host_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected the name or address of a host"):
        Authority(tmp_path).hub([name])
    assert not (tmp_path / "hub.pem").exists()


@pytest.mark.parametrize("name", ["", "../ca", "a/b", ".", "a" * 64, "ä"])
def test_what_is_no_client_s_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a client's name"):
        Authority(tmp_path).client(name)


def test_files_that_do_not_belong_together_are_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "a").certificate
    other = Authority(tmp_path / "b").certificate
    key = authority.key.read_bytes()
    authority.key.unlink()
    with pytest.raises(ConfigError, match=r"expected .*ca\.key beside .*ca\.pem"):
        Authority(tmp_path / "a")
    authority.key.write_bytes(other.key.read_bytes())
    with pytest.raises(ConfigError, match="which it is not"):
        Authority(tmp_path / "a")
    authority.key.write_bytes(key)
    authority.file.write_text("nonsense")
    with pytest.raises(ConfigError, match="expected a certificate in"):
        Authority(tmp_path / "a")
    authority.file.write_bytes(other.file.read_bytes())
    authority.key.write_text("nonsense")
    with pytest.raises(ConfigError, match="expected a key without a password"):
        Authority(tmp_path / "a")


def test_a_key_that_is_another_s_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    hub, gate = authority.hub(), authority.client("gate")
    hub.key.write_bytes(gate.key.read_bytes())  # as if its maker was killed between the two
    with pytest.raises(ConfigError, match=r"expected .*hub\.key to be the key of .*hub\.pem.* --renew"):
        authority.hub()
    shake_hands(authority.hub(renew=True), gate, authority.certificate.file, "localhost")


def test_the_zone_of_an_address_is_each_machine_s_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert authority.hub(["fe80::1%eth0"]).names[0] == "fe80::1"
    assert not authority.hub(["fe80::1%en1"]).new


def test_nothing_is_left_of_what_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        authority.client("gate")
    assert {file.name for file in tmp_path.iterdir()} == {"ca.pem", "ca.key"}
