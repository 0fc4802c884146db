"""Who may look: basic and digest login as cameras have them.

Digest is that of RFC 2617 and RFC 7616 with MD5, with `qop=auth` and without: SHA-256, which RFC 7616
prefers, is what hardly any camera speaks. A nonce is of one connection, so that what was overheard on one is
worth nothing on another. Answers are compared in constant time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from sightline.errors import ConfigError
from sightline.fakecam.rtsp import Request
from sightline.log import hide_secret

Scheme: TypeAlias = Literal["digest", "basic"]
REALM: Final = "fakecam"

_PART: Final = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, kw_only=True)
class Login:
    """The one user of a camera.

    Attributes:
        username: any text without a colon.
        password: any text; it is told to the redactor and is not in the repr.
        scheme: how it is asked for.
    """

    username: str
    password: str = field(repr=False)
    scheme: Scheme = "digest"

    def __post_init__(self) -> None:
        """Raises ConfigError for a user that no client can be."""
        if not self.username or ":" in self.username or not self.password:
            raise ConfigError("expected a username without ':' and a password, got none or another")
        if self.scheme not in ("digest", "basic"):
            raise ConfigError(f"expected the login scheme digest or basic, got {self.scheme!r}")
        hide_secret(self.password)


def challenge(login: Login | None, nonce: str) -> str:
    """The `WWW-Authenticate` header of a refusal."""
    if login is not None and login.scheme == "basic":
        return f'Basic realm="{REALM}"'
    return f'Digest realm="{REALM}", nonce="{nonce}"'


def admits(login: Login, nonce: str, request: Request) -> bool:
    """Whether `request` proves to know the password."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != login.scheme:
        return False
    return _basic(login, rest) if login.scheme == "basic" else _digest(login, nonce, request, rest)


def _basic(login: Login, offered: str) -> bool:
    try:
        given = base64.b64decode(offered, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, f"{login.username}:{login.password}".encode())


def _digest(login: Login, nonce: str, request: Request, offered: str) -> bool:
    parts = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in _PART.findall(offered)
    }
    own = parts.get("username"), parts.get("realm"), parts.get("nonce"), parts.get("uri")
    # A header is bytes, read one letter a byte; the name in it is UTF-8.
    if own != (login.username.encode().decode("latin-1"), REALM, nonce, request.url):
        return False
    expected = _response(login, nonce, request, parts)
    return hmac.compare_digest(parts.get("response", "").lower().encode(), expected.encode())


def _response(login: Login, nonce: str, request: Request, parts: dict[str, str]) -> str:
    """RFC 2617 3.2.2.1; without `qop` its older form, which most cameras speak."""
    secret = _md5(f"{login.username}:{REALM}:{login.password}".encode())
    asked = _md5(f"{request.method}:{request.url}".encode("latin-1"))
    if "qop" not in parts:
        return _md5(f"{secret}:{nonce}:{asked}".encode())
    detail = ":".join(parts.get(name, "") for name in ("nc", "cnonce", "qop"))
    return _md5(f"{secret}:{nonce}:{detail}:{asked}".encode("latin-1"))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
