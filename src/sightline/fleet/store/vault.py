"""Secrets at rest: sealed by a key that lies in a file of its own, for its owner's eyes alone.

Promises: the key is made once, whole or not at all; what is sealed can be told from no other text of its
length; what cannot be opened is an error that names the key file and never what it was. After
`begin_rotation` new seals are of a new key and old ones still open; `end_rotation` forgets the old keys. What
was sealed for one purpose opens for no other: each has keys of its own, derived from those in the file.

Who can read both the database and the key file can read the passwords: this is against copies of the
database, not against root.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import tempfile
from pathlib import Path
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sightline.errors import ConfigError, StoreError
from sightline.fleet.keys.private_file import make_private, read_private, sync

_MOST_BYTES: Final = 64 * 1024
ROWS: Final = ""
"""The purpose of what stands in rows and revisions."""


class Vault:
    """Seals and opens. Any thread may use it.

    Args:
        path: the key file.
        keys: that stand in it, the newest first.
    """

    def __init__(self, path: Path, keys: list[bytes]) -> None:
        self.path = path
        self._now: tuple[list[bytes], dict[str, MultiFernet]] = keys, {}  # by purpose, of these very keys

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Self:
        """That of the key file at `path`, which is made where there is none.

        Raises:
            StoreError: others can read the file, it cannot be made, or it holds no key.
        """
        path = Path(path)
        try:
            make_private(path, Fernet.generate_key() + b"\n") if not path.exists() else None
            data = read_private(path, _MOST_BYTES) or b""
        except ConfigError as error:
            raise StoreError(f"the key of the camera passwords: {error}") from None
        try:
            return cls(path, _whole(data))
        except ValueError:  # its message has the key
            raise StoreError(
                f"expected keys of 44 letters, one a line, in {path}, got something else"
            ) from None

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    def seal(self, text: str, purpose: str = ROWS) -> str:
        return self._of(purpose).encrypt(text.encode()).decode()

    def open(self, sealed: str, purpose: str = ROWS) -> str:
        return self._opened(sealed.encode(), purpose).decode()

    def seal_bytes(self, data: bytes) -> bytes:
        return self._of(ROWS).encrypt(data)

    def open_bytes(self, sealed: bytes) -> bytes:
        """Raises StoreError where it was sealed by another key, for another purpose, or changed."""
        return self._opened(sealed, ROWS)

    def _of(self, purpose: str) -> MultiFernet:
        keys, made = self._now
        if purpose not in made:
            made[purpose] = MultiFernet([Fernet(_derived(key, purpose)) for key in keys])
        return made[purpose]

    def _opened(self, sealed: bytes, purpose: str) -> bytes:
        try:
            return self._of(purpose).decrypt(sealed)
        except InvalidToken:
            raise StoreError(
                f"the key in {self.path} is not the one that the passwords in the database were sealed by; "
                "put the key file back that belongs to it"
            ) from None

    def begin_rotation(self) -> None:
        """Seal by a new key from now on; the old ones stay in the file and open what they sealed."""
        self._replace([Fernet.generate_key(), *self._now[0]])

    def end_rotation(self) -> None:
        """Forget all keys but the newest. What was not sealed anew cannot be opened any more."""
        self._replace(self._now[0][:1])

    def _replace(self, keys: list[bytes]) -> None:
        try:
            _write(self.path, b"".join(key + b"\n" for key in keys))
        except OSError as error:
            raise StoreError(f"cannot write the key file {self.path}: {error.strerror}") from None
        self._now = keys, {}


def _derived(key: bytes, purpose: str) -> bytes:
    """The key for a purpose: who has things sealed for one can have none made for another."""
    if purpose == ROWS:
        return key
    return base64.urlsafe_b64encode(hmac.digest(key, f"sightline {purpose}".encode(), hashlib.sha256))


def _whole(data: bytes) -> list[bytes]:
    keys = data.split()
    if not keys:
        raise ValueError
    for key in keys:
        Fernet(key)
    return keys


def _write(path: Path, data: bytes) -> None:
    """By a file beside it, so that at any moment the old keys or the new ones are there whole."""
    handle, written = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(written).replace(path)
    except BaseException:
        Path(written).unlink(missing_ok=True)
        raise
    sync(path.parent)
