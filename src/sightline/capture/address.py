"""Where a source is: URLs as people write them, with the credentials taken out.

Passwords hold `@ : / # %` and blanks, and people put them into URLs as they are. `take_credentials`
finds the host all the same; `with_credentials` puts them back, encoded, for libav alone. No URL that
leaves here by another way has a user part.

Does not do: resolving names, or asking whether anything answers.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from sightline.errors import ConfigError


class Kind(StrEnum):
    """How a source behaves: what its end means, and who sets its pace."""

    CAMERA = "camera"  # sends for ever, at its own pace
    WEB = "web"  # HTTP: a recording or a camera, which is known once it is open
    FILE = "file"
    DEVICE = "device"
    SYNTHETIC = "synthetic"


_KINDS: Final = {
    "rtsp": Kind.CAMERA,
    "rtsps": Kind.CAMERA,
    "http": Kind.WEB,
    "https": Kind.WEB,
    "file": Kind.FILE,
    "v4l2": Kind.DEVICE,
    "synthetic": Kind.SYNTHETIC,
}
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST: Final = r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]+)"
_HOST_AND_PORT: Final = re.compile(rf"(?P<host>{_HOST})(?::\d{{1,5}})?")
# What nobody would take for a part of a password or a path: an IP address, or a host with its port.
_SURE: Final = rf"(?:(?:\[[0-9A-Fa-f:.]+\]|\d+\.\d+\.\d+\.\d+)(?::\d{{1,5}})?|{_HOST}:\d{{1,5}})(?=[/?#]|$)"
_SURE_HOST: Final = re.compile(_SURE)
_LIKELY_HOST: Final = re.compile(rf"{_SURE}|{_HOST}/")  # where what stands before is no address


class Address(NamedTuple):
    """A URL without credentials, and the credentials that were in it (None where there were none)."""

    url: str
    username: str | None
    password: str | None


def kind(url: str) -> Kind:
    """What kind of source `url` names; a text without a scheme is a path.

    Raises:
        ConfigError: a scheme that capture does not know.
    """
    match = _SCHEME.match(url)
    if match is None:
        return Kind.DEVICE if url.startswith("/dev/video") else Kind.FILE
    try:
        return _KINDS[match[1].lower()]
    except KeyError:
        known = ", ".join(f"{name}://" for name in _KINDS)
        raise ConfigError(f"expected a path or one of {known}; got the scheme {match[1]}://") from None


def path(url: str) -> str:
    """The path that a `file` or a `device` URL names."""
    return _SCHEME.sub("", url, count=1) if _SCHEME.match(url) else url


def host(url: str) -> str | None:
    """The host that `url` names, an IPv6 address in its brackets; None for a path, or where none is valid.

    Raises:
        ConfigError: a scheme that capture does not know.
    """
    clean = take_credentials(url).url
    scheme = _SCHEME.match(clean)
    found = _HOST_AND_PORT.match(clean, scheme.end()) if scheme else None
    return found and found["host"]


def take_credentials(url: str) -> Address:
    """Splits `user:password@` off, tolerant of what people do not encode.

    The rule of RFC 3986 3.2.1 comes first: the user part ends at the last `@` before the first `/ ? #`.
    Where that gives no valid host, or a later `@` is followed by what is surely an address, the user
    part ends there: `rtsp://u:p@ss/w#rd@10.0.0.5/s` is user `u` with the password `p@ss/w#rd`. A host and
    a path are enough of an address, unless what the rule gives is surely one itself: the path of
    `http://10.0.0.9:8080/@name/stream` is `/@name/stream`. What can still be read in two ways has to be
    encoded, or given as fields.
    """
    match = _SCHEME.match(url)
    if match is None or kind(url) not in {Kind.CAMERA, Kind.WEB}:
        return Address(url, None, None)
    start = match.end()
    at = _end_of_user(url[start:])
    if at is None:
        return Address(url, None, None)
    username, colon, password = url[start : start + at].partition(":")
    clean = url[:start] + url[start + at + 1 :]
    return Address(clean, unquote(username), unquote(password) if colon else None)


def with_credentials(url: str, username: str | None, password: str | None) -> str:
    """`url` for libav, with the user part percent-encoded. Never to be shown."""
    match = _SCHEME.match(url)
    if match is None or username is None:
        return url
    user = quote(username, safe="")
    if password is not None:
        user += ":" + quote(password, safe="")
    return f"{url[: match.end()]}{user}@{url[match.end() :]}"


def _end_of_user(rest: str) -> int | None:
    """Where the `@` before the host is in what follows `scheme://`; None where there is no user part."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    at = authority.rfind("@")
    places = [match.start() for match in re.finditer("@", rest)]
    if ":" in authority:  # else no password is begun; and a URL within the URL is no password
        wanted = _SURE_HOST if _SURE_HOST.fullmatch(authority, at + 1) else _LIKELY_HOST
        later = (place for place in reversed(places) if place > at and "://" not in rest[:place])
        for place in later:
            if wanted.match(rest, place + 1):
                return place
    if _HOST_AND_PORT.fullmatch(authority[at + 1 :]):
        return at if at >= 0 else None
    return places[-1] if places else None
