"""Secrets at rest: sealed by a key that lies in a file of its own, for its owner's eyes alone.

Promises: the key is made once, whole or not at all; what is sealed can be told from no other text of its
length; what cannot be opened is an error that names the key file and never what it was. After
`begin_rotation` new seals are of a new key and old ones still open; `end_rotation` forgets the old keys.

Who can read both the database and the key file can read the passwords: this is against copies of the
database, not against root.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sightline.errors import ConfigError, StoreError
from sightline.fleet.keys.private_file import make_private, read_private, sync

_MOST_BYTES: Final = 64 * 1024


class Vault:
    """Seals and opens. Any thread may use it.

    Args:
        path: the key file.
        keys: that stand in it, the newest first.
    """

    def __init__(self, path: Path, keys: list[bytes]) -> None:
        self.path = path
        self._keys = keys
        self._all = MultiFernet([Fernet(key) for key in keys])

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

    def seal(self, text: str) -> str:
        return self._all.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        return self.open_bytes(sealed.encode()).decode()

    def seal_bytes(self, data: bytes) -> bytes:
        return self._all.encrypt(data)

    def open_bytes(self, sealed: bytes) -> bytes:
        """Raises StoreError where it was sealed by another key, or changed."""
        try:
            return self._all.decrypt(sealed)
        except InvalidToken:
            raise StoreError(
                f"the key in {self.path} is not the one that the passwords in the database were sealed by; "
                "put the key file back that belongs to it"
            ) from None

    def begin_rotation(self) -> None:
        """Seal by a new key from now on; the old ones stay in the file and open what they sealed."""
        self._replace([Fernet.generate_key(), *self._keys])

    def end_rotation(self) -> None:
        """Forget all keys but the newest. What was not sealed anew cannot be opened any more."""
        self._replace(self._keys[:1])

    def _replace(self, keys: list[bytes]) -> None:
        try:
            _write(self.path, b"".join(key + b"\n" for key in keys))
        except OSError as error:
            raise StoreError(f"cannot write the key file {self.path}: {error.strerror}") from None
        self._keys, self._all = keys, MultiFernet([Fernet(key) for key in keys])


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
