"""Addresses of sources as DeepStream's readers are to have them.

Promises: `encoded` writes everything in user and password but letters, digits and `-._~` as `%XX`, what was
written so already stays, and what no URI may hold elsewhere (blanks, other alphabets) is encoded as well. So
`rtsp://u:p@ss%40 w/#;@10.0.0.5/s` and what it becomes mean one login. A `%XX` is always taken for encoded:
nobody can tell it from a password that has these three letters. No error of this module shows an address.

The user part ends at the last `@` before the first `/`, `?` or `#`; where there is none, and what stands
there is no host with a port, it ends at the last `@` at all.

Deliberately not here: whether somebody answers there.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_SCHEME: Final = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)$", re.DOTALL)
_TOKEN: Final = re.compile(r"%[0-9A-Fa-f]{2}|.", re.DOTALL)
_AUTHORITY: Final = re.compile(r"[^/?#]*")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:@\[\]]*)(:\d*)?")
# What RFC 3986 allows, but for `%`: `_TOKEN` finds it where it is part of an encoded letter.
_PATH_SAFE: Final = "/?#!$&'()*+,;=:@[]-._~"


def encoded(address: str) -> str:
    """The address with whatever must be encoded, and nothing twice."""
    match = _SCHEME.match(address)
    if match is None:
        return _quoted(address, _PATH_SAFE)
    user, host = _split(match["rest"])
    login = None if user is None else ":".join(_quoted(part, "") for part in user.split(":", 1))
    begin = f"{match['scheme']}://" + ("" if login is None else f"{login}@")
    return begin + _quoted(host, _PATH_SAFE)


def with_login(address: str, user: str, password: str) -> str:
    """An address that has no login, with this one, neither part of which is encoded yet."""
    match = _SCHEME.match(address)
    if match is None:
        raise ValueError("expected an address with a scheme, such as rtsp://host/path")
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"{match['scheme']}://{login}@{_quoted(match['rest'], _PATH_SAFE)}"


def has_login(address: str) -> bool:
    match = _SCHEME.match(address)
    return match is not None and _split(match["rest"])[0] is not None


def without(letters: str, address: str) -> str:
    """The address with these letters encoded wherever they stand, for a file that gives them a meaning."""
    return "".join(f"%{ord(each):02X}" if each in letters else each for each in address)


def _split(rest: str) -> tuple[str | None, str]:
    """The user part, if there is one, and all behind its `@`."""
    authority = _AUTHORITY.match(rest)
    head = authority[0] if authority else ""
    at = head.rfind("@")
    if at < 0 and not _HOST.fullmatch(head):
        at = rest.rfind("@")
    return (None, rest) if at < 0 else (rest[:at], rest[at + 1 :])


def _quoted(text: str, safe: str) -> str:
    return "".join(token if len(token) == 3 else quote(token, safe=safe) for token in _TOKEN.findall(text))
