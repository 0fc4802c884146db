"""Where a webhook goes: its URL, and what of it may be shown.

The path of a webhook is often the secret itself, so nothing but host and port is ever shown. Needs no HTTP
library, so that a site file can be checked without one.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from sightline.errors import ConfigError

_EXPECTED = "webhook: expected a url of http:// or https:// with a host, such as https://example.org/hook"


class Target(NamedTuple):
    """A URL without credentials, those that stood in it, and the host and port to be shown."""

    url: str
    username: str
    password: str
    shown: str


def parse_target(url: str) -> Target:
    """The parts of `url`. Raises ConfigError, which shows nothing of it."""
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(_EXPECTED)
    if parts.username is not None and "@" in url[url.index("@") + 1 :]:
        # `u:p@ss/w@host` would be sent to the host `ss`.
        raise ConfigError("webhook: expected one @ in a url with a user: percent-encode the others as %40")
    host = parts.netloc.rpartition("@")[2]
    return Target(
        url=parts._replace(netloc=host, fragment="").geturl(),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        shown=host.lower(),
    )


def _split(url: str) -> SplitResult:
    if re.fullmatch(r"[!-~]+", url) is None:  # RFC 3986: printable ASCII without blanks
        raise ConfigError("webhook: expected a url without blanks, percent-encoded where it is not ASCII")
    try:
        parts = urlsplit(url)
        _ = parts.port  # read, because a wrong one is found only then
    except ValueError:
        raise ConfigError(_EXPECTED) from None
    return parts
