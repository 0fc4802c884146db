"""Where a coordinator keeps what it needs, and where those who ask it on this machine find its token.

Deliberately not here: what stands in the database, and in the files of keys.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sightline.errors import ConfigError
from sightline.fleet.keys.private_file import make_private, read_private
from sightline.log import hide_secret

DATABASE: Final = "fleet.db"
_TOKEN_BYTES: Final = 24
_MOST_TOKEN: Final = 1024


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """Of this user's fleet: within $XDG_DATA_HOME, else ~/.local/share."""
    said = Path(environ.get("XDG_DATA_HOME", ""))
    return (said if said.is_absolute() else Path.home() / ".local" / "share") / "sightline" / "fleet"


def token_file(database: Path) -> Path:
    """Of the API of the coordinator that has this database."""
    return database.with_name(f"{database.name}.token")


def identity_file(database: Path) -> Path:
    """Of the coordinator that has this database: agents know it by these keys."""
    return database.with_name(f"{database.name}.identity")


def token_in(path: Path) -> str | None:
    """What stands there; None where there is no such file. Raises ConfigError: others can read it."""
    text = read_private(path, _MOST_TOKEN)
    if text is None:
        return None
    token = text.decode("ascii", "replace").strip()
    hide_secret(token)
    return token


def made_token(path: Path) -> str:
    """That of the file, which is made where it is not there. Raises ConfigError."""
    make_private(path, f"{secrets.token_urlsafe(_TOKEN_BYTES)}\n".encode())
    token = token_in(path)
    if not token:
        raise ConfigError(f"expected a token in {path}, which is empty; to have a new one, remove it")
    return token
