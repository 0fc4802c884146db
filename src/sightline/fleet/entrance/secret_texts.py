"""What is shown to be let in: cookies, tokens of users, the code of the first login. Pure but for chance.

Promises: each has 256 bits of chance, so its hash needs neither salt nor time; two are compared in the same
time wherever they differ; a text of any form may be asked about.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final, NamedTuple

COOKIE: Final = "sightline_session"
_BYTES: Final = 32
_TOKEN: Final = re.compile(r"slt_([0-9a-f]{12})\.([A-Za-z0-9_-]{43})")
_LONGEST: Final = 4096
_AS_MADE: Final = 32
"""Letters of a coordinator's token that was made: 192 bits."""
_DIFFERENT: Final = 8


class TokenText(NamedTuple):
    """A user's token: `slt_ID.SECRET`."""

    token_id: str
    secret: str

    def __str__(self) -> str:
        return f"slt_{self.token_id}.{self.secret}"

    def __repr__(self) -> str:
        return f"TokenText({self.token_id!r})"

    @classmethod
    def made(cls) -> TokenText:
        """A new one."""
        return cls(secrets.token_hex(6), made())

    @classmethod
    def parse(cls, text: str) -> TokenText | None:
        """None: it has another form."""
        found = _TOKEN.fullmatch(text)
        return None if found is None else cls(found[1], found[2])


def made() -> str:
    """A new text that nobody can guess."""
    return secrets.token_urlsafe(_BYTES)


def digest(text: str) -> str:
    """All that is kept of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether they are; it takes as long wherever they differ."""
    return hmac.compare_digest(digest(one), digest(other))


def looks_made(token: str) -> bool:
    """Whether it is as long, and of as many letters, as what chance makes: then nobody guesses it. A text of
    32 hexadecimal digits is so too; one that a person chose may be.
    """
    return len(token) >= _AS_MADE and len(set(token)) >= _DIFFERENT


def csrf_of(cookie: str) -> str:
    """What a form of that session says besides: who can have a request sent cannot read it."""
    return hmac.digest(cookie.encode(), b"csrf", "sha256").hex()


def bearer(headers: Mapping[str, str]) -> str | None:
    """What is shown by `Authorization: Bearer`; "" where another thing is; None: nothing."""
    said = headers.get("authorization")
    if said is None:
        return None
    kind, _, shown = said.strip().partition(" ")
    return shown.strip()[:_LONGEST] if kind.lower() == "bearer" else ""


def cookie_in(headers: Mapping[str, str]) -> str | None:
    """The session's. Of two that differ one is somebody else's, and it cannot be told which: None."""
    pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
    values = {value.strip('"') for name, _, value in pairs if name == COOKIE}
    return values.pop()[:_LONGEST] if len(values) == 1 else None


def set_cookie(cookie: str, *, is_https: bool) -> str:
    """The header's value that has a browser keep it, until it is closed or the session ends."""
    return f"{COOKIE}={cookie}; HttpOnly; SameSite=Strict; Path=/{'; Secure' if is_https else ''}"


def forget_cookie(*, is_https: bool) -> str:
    """The header's value that has a browser forget it."""
    return f"{set_cookie('', is_https=is_https)}; Max-Age=0"
