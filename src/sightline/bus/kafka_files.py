"""The files that a Kafka's address names: a password, librdkafka's own settings, and which they are.

Promises: what is secret is told to the redactor as it is read; a file that holds a secret and that others can
read is refused, and so is what is no regular file: nobody waits for a pipe. What a service manager hands to
one service (`CREDENTIALS_DIRECTORY`) lies in a folder that nobody else may enter, and is that service's alone
whatever the group of the file may do.

Deliberately not here: certificates, which librdkafka reads itself.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from sightline.errors import ConfigError
from sightline.log import hide_secret

TLS: Final = ("tls_ca", "tls_certificate", "tls_key")
NAMING: Final = (*TLS, "password_file", "settings")
"""Options of an address that name a file."""

_MOST_BYTES: Final = 64 * 1024
_SECRET: Final = re.compile(r"password|passphrase|secret|key\.pem", re.ASCII)
# Order, acknowledgement and positions hang on these; servers and sizes stand in the URL.
_OURS: Final = re.compile(
    r"bootstrap\.servers|metadata\.broker\.list|message\.max\.bytes|group\..*|partition\.assignment\.strategy"
    r"|enable\.(auto\.(commit|offset\.store)|idempotence|partition\.eof)|auto\.(commit|offset)\..*"
    r"|(request\.required\.)?acks|partitioner|transactional\.id|.*_cb",
    re.ASCII,
)


def files_named(url: str, options: Collection[str] = NAMING) -> tuple[Path, ...]:
    """The files that these options of `url` name where it is a Kafka's; nothing is read."""
    if not url.startswith("kafka://"):
        return ()
    given = parse_qsl(url.partition("?")[2])
    return tuple(Path(value) for name, value in given if name in options and value != "system")


def open_to_others(path: Path, mode: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether more than its owner may read a file of this mode."""
    handed = environ.get("CREDENTIALS_DIRECTORY")
    # There the group's bits are those of a list that has the service in it (acl(5), "mask").
    within = bool(handed) and path.absolute().is_relative_to(str(handed))
    return bool(mode & (0o007 if within else 0o077))


def password_in(path: Path) -> str:
    """The first line, which is all there is. Raises ConfigError."""
    text, mode = _read(path, "the password of Kafka")
    password, _, rest = text.partition("\n")
    password = password.removesuffix("\r")
    hide_secret(password)
    if not password or rest.strip():
        raise ConfigError(f"{path}: expected one line, the password of Kafka, got {len(text.splitlines())}")
    _check(path, mode, "as it is a password")
    return password


def settings_in(path: Path) -> dict[str, str]:
    """Settings of librdkafka itself. Raises ConfigError for a wrong line or mode."""
    text, mode = _read(path, "the settings of Kafka")
    found: dict[str, str] = {}
    for number, name, value in _pairs(path, text):
        if name in found:
            raise ConfigError(f"{path}, line {number}: expected name=value, each name once")
        if _OURS.fullmatch(name):
            raise ConfigError(f"{path}, line {number}: {name} is Sightline's own to set")
        found[name] = value
    secrets = [name for name in found if _SECRET.search(name)]
    if secrets:
        _check(path, mode, f"as it has {secrets[0]}")
    for name in secrets:
        hide_secret(found[name])
    return found


def _pairs(path: Path, text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip()[0] in "#!":
            continue
        name, separator, value = (part.strip() for part in line.partition("="))
        if not name or not separator:
            raise ConfigError(f"{path}, line {number}: expected name=value, each name once")
        yield number, name, value


def _read(path: Path, what: str) -> tuple[str, int]:
    try:
        with open(path, "rb", opener=_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1) if stat.S_ISREG(mode) else None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or "not the name of a file"
        raise ConfigError(f"cannot read {what}: {path}: {reason}") from None
    if data is None:
        raise ConfigError(f"cannot read {what}: {path}: expected a regular file, got a pipe or a device")
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: expected at most {_MOST_BYTES} bytes")
    try:
        return data.decode(), mode
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {what}: {path}: expected UTF-8") from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _check(path: Path, mode: int, why: str) -> None:
    if open_to_others(path, mode):
        raise ConfigError(f"{path}: expected a file that its owner alone may read (chmod 600), {why}")
