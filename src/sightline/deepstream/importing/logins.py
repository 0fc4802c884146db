"""The login in a camera's URL, taken out.

Promises: what is left of the URL holds nothing of the user and the password, also where these have letters
that ought to be encoded: in doubt more is taken for the login than less.

Deliberately not here: whether anybody answers there.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT: Final = r"(?::\d{1,5})"
_NUMBERS: Final = r"(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\]|\d+\.\d+\.\d+\.\d+)"
# What nobody takes for a part of a password; what may be either; and any host.
_SURE: Final = re.compile(rf"{_NUMBERS}{_PORT}?")
_LIKELY: Final = re.compile(rf"[\w.-]+{_PORT}")
_HOST: Final = re.compile(rf"{_NUMBERS}{_PORT}?|[\w.-]+{_PORT}?")


class Login(NamedTuple):
    """A URL without its login, and the login; None for what there was not."""

    url: str
    username: str | None
    password: str | None


def take_login(url: str) -> Login:
    """Splits `user:password@` off."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return Login(url, None, None)
    rest = url[scheme.end() :]
    end = _end_of_login(rest)
    if end is None:
        return Login(url, None, None)
    username, colon, password = rest[:end].partition(":")
    return Login(
        url[: scheme.end()] + rest[end + 1 :], unquote(username), unquote(password) if colon else None
    )


def written_password(url: str) -> str | None:
    """The password as it stands in the URL, not decoded; None where there is none."""
    scheme = _SCHEME.match(url)
    rest = url[scheme.end() :] if scheme else url
    return rest[: _end_of_login(rest) or 0].partition(":")[2] or None


def _end_of_login(rest: str) -> int | None:
    """Where the `@` before the host is: RFC 3986's, unless what it leaves may be the end of a password."""
    authority = _until_path(rest)
    at, last = authority.rfind("@"), rest.rfind("@")
    if last > at and _is_login(rest, authority[at + 1 :], last, known=at >= 0):
        return last
    return at if at >= 0 else None


def _is_login(rest: str, host: str, last: int, *, known: bool) -> bool:
    """Whether all up to the last `@` is a login, though a host seems to come before it."""
    if _SURE.fullmatch(host):
        return False
    later = _until_path(rest[last + 1 :])
    if _LIKELY.fullmatch(host):
        return _SURE.fullmatch(later) is not None
    if not _HOST.fullmatch(host):
        return True
    return (known or ":" in rest[:last]) and _HOST.fullmatch(later) is not None


def _until_path(text: str) -> str:
    return re.split(r"[/?#]", text, maxsplit=1)[0]
