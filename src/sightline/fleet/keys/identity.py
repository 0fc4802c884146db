"""Who somebody of a fleet is: a pair of keys to sign with (Ed25519), and one that others seal for (X25519).

Promises: what was signed and then changed in any bit is refused; what was sealed for one identity and one
purpose (`info`) opens for these alone, unchanged. Seals are HPKE (RFC 9180: X25519, HKDF-SHA256,
ChaCha20-Poly1305), each with a fresh key of its own, so two seals of the same differ. An identity stands in a
file of mode 0600 and is told to the one redactor; nothing prints it.

Deliberately not here: who is to be believed. A key is believed because a token brought it (`tokens`), or
because somebody remembered it.
"""

from __future__ import annotations

import base64
import binascii
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sightline.errors import ConfigError, FleetError, WireError
from sightline.fleet.keys.private_file import make_private, read_private
from sightline.log import hide_secret

SIGNATURE_BYTES: Final = 64
_KEY_BYTES: Final = 32
_FILE: Final = "sightline-identity-1."
_MOST_FILE_BYTES: Final = 1024
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def to_text(data: bytes) -> str:
    """Bytes as base64url without padding: letters, digits, - and _."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """The bytes of which `to_text` makes exactly this text. Raises ValueError for any other."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if to_text(data) != text:  # base64 has several texts for the same bytes
        raise ValueError("not the one text of its bytes")
    return data


class PublicKey:
    """What others know of an identity. Equal to another one with the same keys; `str` is its text."""

    def __init__(self, data: bytes) -> None:
        if len(data) != 2 * _KEY_BYTES:
            raise WireError(f"expected public keys of {2 * _KEY_BYTES} bytes, got {len(data)}")
        self._data = data

    @classmethod
    def parse(cls, text: str) -> Self:
        """Those of this text. Raises WireError."""
        try:
            return cls(from_text(text))
        except (WireError, ValueError):
            raise WireError(
                f"expected public keys: {len(to_text(bytes(2 * _KEY_BYTES)))} letters of base64url, "
                f"got a text of {len(text)}"
            ) from None

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the owner of this key signed exactly `data`."""
        try:
            self._signing.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def seal(self, data: bytes, info: bytes) -> bytes:
        """`data` for the owner of this key alone; it opens only with the same `info`. Raises WireError."""
        try:
            return _SUITE.encrypt(data, X25519PublicKey.from_public_bytes(self._data[_KEY_BYTES:]), info)
        except ValueError:  # a point of small order, with which anybody could read it
            raise WireError("expected a public key that can be sealed for") from None

    @cached_property
    def _signing(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self._data[:_KEY_BYTES])

    def __bytes__(self) -> bytes:
        return self._data

    def __str__(self) -> str:
        return to_text(self._data)

    def __repr__(self) -> str:
        return f"PublicKey({str(self)[:12]}…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other._data == self._data

    def __hash__(self) -> int:
        return hash(self._data)


class Identity:
    """Somebody's private keys. See the module; it is made by `made` or `load_or_make`."""

    def __init__(self, data: bytes) -> None:
        if len(data) != 2 * _KEY_BYTES:
            raise WireError(f"expected private keys of {2 * _KEY_BYTES} bytes, got {len(data)}")
        self._signing = Ed25519PrivateKey.from_private_bytes(data[:_KEY_BYTES])
        self._sealing = X25519PrivateKey.from_private_bytes(data[_KEY_BYTES:])
        self.public = PublicKey(
            self._signing.public_key().public_bytes_raw() + self._sealing.public_key().public_bytes_raw()
        )
        hide_secret(to_text(data))

    @classmethod
    def made(cls) -> Self:
        """A new one."""
        return cls(_new_keys())

    @classmethod
    def load_or_make(cls, path: Path) -> Self:
        """That of this file, which is made where it is not there, whole and on disk when this returns.

        Raises:
            ConfigError: others can read the file, or it is no such file.
        """
        text = read_private(path, _MOST_FILE_BYTES)
        if text is None:
            data = _new_keys()
            if make_private(path, f"{_FILE}{to_text(data)}\n".encode()):
                return cls(data)
            text = read_private(path, _MOST_FILE_BYTES) or b""  # somebody else was first
        return cls._read(path, text)

    @classmethod
    def _read(cls, path: Path, text: bytes) -> Self:
        line = text.decode("ascii", "replace").removesuffix("\n")
        try:
            return cls(from_text(line.removeprefix(_FILE)) if line.startswith(_FILE) else b"")
        except ValueError:
            raise ConfigError(
                f"expected {path} to hold a line that begins with {_FILE} and private keys; to be somebody "
                "new, remove it"
            ) from None

    def sign(self, data: bytes) -> bytes:
        """A signature of `data`, of `SIGNATURE_BYTES`."""
        return self._signing.sign(data)

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """What was sealed for this identity with this `info`.

        Raises:
            FleetError: it was sealed for another one or for another purpose, or was changed.
        """
        try:
            return _SUITE.decrypt(sealed, self._sealing, info)
        except (InvalidTag, ValueError):
            raise FleetError(
                "cannot open a seal: it is another's, of another purpose, or was changed on its way"
            ) from None

    def __repr__(self) -> str:
        return f"Identity({self.public!r})"

    def __reduce__(self) -> str:
        raise TypeError("an identity is not pickled: it would leave its process")


def _new_keys() -> bytes:
    pair = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    return b"".join(key.private_bytes_raw() for key in pair)
