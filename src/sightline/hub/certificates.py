"""Certificates for TLS between hosts: an authority of one's own, and what it signs for a hub and its clients.

Keys are of EC P-256. All carry what OpenSSL 3 and the strict checks that Python 3.13 turned on ask for
(`VERIFY_X509_STRICT`; RFC 5280, 4.2.1): basic constraints, key usage and key identifiers. A hub's certificate
is none for a client, nor the other way round. Key files are for their owner alone, and no file is written
over unless that is asked for.

Deliberately not here: taking back what was signed, passwords on keys, and a new authority beside an old one.
Needs the extra `certificates`; TLS itself does not.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sightline.errors import ConfigError

DAYS: Final = 730
AUTHORITY_DAYS: Final = 3650
EARLY: Final = timedelta(hours=1)
"""Certificates begin that long ago: the clocks of two machines are not the same."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")
_PUBLIC, _SECRET = 0o644, 0o600
_ALGORITHM: Final = hashes.SHA256()
_Extensions: TypeAlias = Sequence[tuple[x509.ExtensionType, bool]]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its key, as files.

    Attributes:
        file, key: where they are.
        names: the hosts that a hub's is for; empty for another.
        until: when it is over.
        new: whether it was made just now.
    """

    file: Path
    key: Path
    names: tuple[str, ...] = ()
    until: datetime
    new: bool


class Authority:
    """Who signs: `ca.pem` and `ca.key` in `folder`, made where they are missing.

    Args:
        folder: where all files are; made where it is missing, for its owner alone.
        now: the time.

    Attributes:
        certificate: its own.

    Raises:
        ConfigError: its files cannot be read, one of them is missing, or its time is over.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self._folder = folder
        self._now = now or datetime.now(UTC)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file, key = self._files("ca")
        new = not _both(file, key)
        if new:
            self._make(file, key)
        self._signed, self._key = _read(file), _read_key(key)
        _check_pair(self._signed, self._key, file, key)
        until = self._signed.not_valid_after_utc
        self.certificate = Certificate(file=file, key=key, until=until, new=new)
        if until <= self._now:
            raise ConfigError(f"{file} was valid until {until:%Y-%m-%d}: begin anew in another folder")

    def hub(self, names: Sequence[str] = (), *, days: int = DAYS, renew: bool = False) -> Certificate:
        """What a hub shows that is known by `names`, and by those of its own machine.

        Args:
            names: host names and addresses; those of the one that is there when left out.
            days: how long it is valid, but not longer than the authority.
            renew: make it anew where it is there already. Otherwise that one is kept.

        Raises:
            ConfigError: a name cannot be one, or the one that is there is not for all of them, or is signed
                by another authority.
        """
        file, key = self._files("hub")
        there = _read(file) if _both(file, key) else None
        known = () if there is None else _names(there)
        if there is not None and not renew:
            if missing := [name for name in map(_plain, names) if name not in known]:
                raise ConfigError(
                    f"{file} is for {', '.join(known)} and not for {', '.join(missing)}: "
                    "it is made anew with --renew"
                )
            return self._kept(there, file, key)
        wanted = dict.fromkeys((*map(_plain, names or known), *LOOPBACK))
        alternatives = x509.SubjectAlternativeName([_general(name) for name in wanted])
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return self._sign("hub", file, key, days, [(alternatives, False), (purpose, False)])

    def client(self, name: str, *, days: int = DAYS, renew: bool = False) -> Certificate:
        """What a client shows. `days` and `renew` as for a hub. Raises ConfigError."""
        if not _NAME.fullmatch(name):
            raise ConfigError(f"expected a client's name of letters, digits, '.', '_' and '-', got {name!r}")
        file, key = self._files(f"client-{name}")
        if _both(file, key) and not renew:
            return self._kept(_read(file), file, key)
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        return self._sign(name, file, key, days, [(purpose, False)])

    def _files(self, name: str) -> tuple[Path, Path]:
        return self._folder / f"{name}.pem", self._folder / f"{name}.key"

    def _kept(self, there: x509.Certificate, file: Path, key: Path) -> Certificate:
        try:
            there.verify_directly_issued_by(self._signed)
        except (InvalidSignature, ValueError, TypeError):
            raise ConfigError(
                f"{file} is signed by another than {self.certificate.file}: it is made anew with --renew"
            ) from None
        _check_pair(there, _read_key(key), file, key, ": it is made anew with --renew")
        return Certificate(
            file=file, key=key, names=_names(there), until=there.not_valid_after_utc, new=False
        )

    def _make(self, file: Path, key: Path) -> None:
        own = ec.generate_private_key(ec.SECP256R1())
        identifier = x509.SubjectKeyIdentifier.from_public_key(own.public_key())
        # Each has a name of its own: two of one name would be taken for each other.
        name = _called(f"Sightline hub authority {identifier.digest.hex()[:8]}")
        until = self._now + timedelta(days=AUTHORITY_DAYS)
        limits = x509.BasicConstraints(ca=True, path_length=0)
        signed = self._built(name, own, (name, own), until, [(limits, True), (_usage(signs=True), True)])
        _write(file, signed, key, own)

    def _sign(self, name: str, file: Path, key: Path, days: int, extensions: _Extensions) -> Certificate:
        own = ec.generate_private_key(ec.SECP256R1())
        until = min(self._now + timedelta(days=days), self._signed.not_valid_after_utc)
        always: _Extensions = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs=False), True),
        ]
        signed = self._built(
            _called(name), own, (self._signed.subject, self._key), until, [*always, *extensions]
        )
        _write(file, signed, key, own)
        return Certificate(file=file, key=key, names=_names(signed), until=until, new=True)

    def _built(
        self,
        subject: x509.Name,
        own: ec.EllipticCurvePrivateKey,
        by: tuple[x509.Name, ec.EllipticCurvePrivateKey],
        until: datetime,
        extensions: _Extensions,
    ) -> x509.Certificate:
        issuer, signer = by
        identifiers: _Extensions = [
            (x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
        ]
        builder = x509.CertificateBuilder(issuer, subject, own.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(min(self._now, until) - EARLY).not_valid_after(until)
        for extension, critical in (*extensions, *identifiers):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signer, _ALGORITHM)


def names_in(file: Path) -> tuple[str, ...]:
    """The hosts that a certificate is for. Raises ConfigError."""
    return _names(_read(file))


def valid_until(file: Path) -> datetime:
    """When a certificate is over; of many in one file, the last. Raises ConfigError."""
    try:
        return max(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise ConfigError(f"expected a certificate in {file}: {error}") from error


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _plain(name: str) -> str:
    """As it stands in a certificate: an address in its short form, a name in ASCII. Raises ConfigError."""
    try:  # without its zone, which says by which interface, and is each machine's own
        return str(ipaddress.ip_address(name.strip("[]").partition("%")[0]))
    except ValueError:
        pass
    try:
        plain = name.encode("idna").decode().lower().rstrip(".")
    except UnicodeError:
        plain = ""
    if not re.fullmatch(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?", plain):
        raise ConfigError(f"expected the name or address of a host without a port, got {name!r}")
    return plain


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found)


def _both(file: Path, key: Path) -> bool:
    """Whether they are there. Raises ConfigError where one of them is."""
    if file.exists() != key.exists():
        there, missing = (file, key) if file.exists() else (key, file)
        raise ConfigError(f"expected {missing} beside {there}")
    return file.exists()


def _check_pair(
    one: x509.Certificate, own: ec.EllipticCurvePrivateKey, file: Path, key: Path, remedy: str = ""
) -> None:
    if one.public_key() != own.public_key():
        raise ConfigError(f"expected {key} to be the key of {file}, which it is not{remedy}")


def _read(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"expected a certificate in {file}: {error}") from error


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"expected a key without a password in {file}: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"expected a key of an elliptic curve in {file}")
    return key


def _write(file: Path, signed: x509.Certificate, key: Path, own: ec.EllipticCurvePrivateKey) -> None:
    """Both are whole before either takes the place of an older one."""
    pem = serialization.Encoding.PEM
    secret = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with _beside(key, secret, _SECRET) as new_key, _beside(file, signed.public_bytes(pem), _PUBLIC) as new:
        new_key.replace(key)
        new.replace(file)


@contextlib.contextmanager
def _beside(place: Path, data: bytes, mode: int) -> Iterator[Path]:
    """A file of this content, which is to take that place; it is gone if it does not."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        yield beside
    finally:
        beside.unlink(missing_ok=True)
