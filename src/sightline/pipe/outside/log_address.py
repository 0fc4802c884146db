"""Where a receiver of logs is: a URL, as it stands in `SOCKET_LOGGER_URL`. No I/O but for the file `.env`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from sightline.errors import ConfigError, MissingExtra
from sightline.log import hide_secret, redact

VARIABLE: Final = "SOCKET_LOGGER_URL"
USUAL_PATH: Final = "socket.io"
_COCKPITS_PATH: Final = "api/socketio"
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}


class LogAddress(NamedTuple):
    """A receiver.

    Attributes:
        url: without a token and without a path.
        paths: at which socket.io may answer there: that of the URL, and the usual one. What answers at the
            usual one of PipeRT's cockpit is written as `.../api/socketio`.
        token: what it may want to see.
    """

    url: str
    paths: tuple[str, ...]
    token: str | None = None

    @classmethod
    def of(cls, url: str) -> LogAddress:
        """Raises ConfigError: not the URL of a receiver."""
        parts = _split(url)
        scheme = None if parts is None else _SCHEMES.get(parts.scheme)
        if parts is None or scheme is None or not parts.hostname:
            raise ConfigError(
                f"expected the URL of a receiver of logs, such as http://localhost:3000, got {redact(url)!r}"
            )
        if "@" in parts.netloc:
            raise ConfigError(
                "expected no user in the URL of a receiver of logs: a token comes as ?token=..."
            )
        query = parse_qsl(parts.query)
        token = dict(query).get("token") or None
        hide_secret(token or "")
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        return cls(
            url=f"{scheme}://{parts.netloc}" + (f"?{rest}" if rest else ""),
            paths=_paths(parts.path.strip("/")),
            token=token,
        )

    @classmethod
    def from_surroundings(cls) -> LogAddress:
        """As the environment says, or else the file `.env` of the current folder, and no other's.

        Raises:
            ConfigError: neither says where it is, or the file cannot be read.
            MissingExtra: there is such a file, and nothing to read it with.
        """
        url = os.environ.get(VARIABLE) or _from_file(Path(".env"))
        if not url:
            raise ConfigError(
                f"expected the URL of a receiver of logs in {VARIABLE}, in the environment or in the file "
                ".env of the current folder, such as http://localhost:3000; `sightline logs` is a receiver"
            )
        return cls.of(url)


def _paths(path: str) -> tuple[str, ...]:
    """In the order in which they are tried."""
    if path == _COCKPITS_PATH:
        return USUAL_PATH, path
    return tuple(dict.fromkeys([path or USUAL_PATH, USUAL_PATH]))


def _split(url: str) -> SplitResult | None:
    """None: it is no URL, or its port can be none."""
    with suppress(ValueError):
        parts = urlsplit(url.strip())
        if parts.port != 0:
            return parts
    return None


def _from_file(file: Path) -> str | None:
    if not file.is_file():
        return None
    try:
        from dotenv import dotenv_values  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "python-dotenv, which reads .env, is not installed; it comes with: pip install 'sightline[logs]'"
        ) from error
    try:
        return dotenv_values(file).get(VARIABLE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"expected a file {file} of lines NAME=value, which cannot be read: {error}"
        ) from error
