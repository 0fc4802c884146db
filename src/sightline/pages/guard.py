"""Who may ask a page of ours for something: one guard for all servers that speak HTTP.

A browser carries requests of any page that its user looks at, and reaches what listens on this machine
alone. So a request is refused that

- names another host than the server's: a name of somebody else's that was pointed at this address (DNS
  rebinding), whose page could read what is answered;
- a browser sent for a page of another site, as it says by `Origin` (RFC 6454) or `Sec-Fetch-Site` (W3C Fetch
  Metadata): such a page can read nothing, but what it asks for would be done. A browser says that its user
  asked also where the user went elsewhere, and the server there led it on to us;
- lacks the token, where there is one: without one no server listens for other machines (`check_token`).

Pure: it decides, and does nothing. It does not know what is served, and there is no login, no session and no
cookie. `guarded` asks it for an ASGI application.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import parse_qs

from sightline.errors import ConfigError
from sightline.log import hide_secret
from sightline.loopback import is_loopback

MIN_TOKEN: Final = 8
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_HOST: Final = re.compile(r"(\[[^]]*\]|[^:]*)(?::\d*)?")
_OWN_SITE: Final = frozenset({"same-origin", "none"})
_MOST_QUERY: Final = 50

Headers: TypeAlias = Iterable[tuple[str, str]]
_Said: TypeAlias = defaultdict[str, list[str]]


class Refusal(NamedTuple):
    """Why not: a status of HTTP, and a line for whoever asked."""

    status: HTTPStatus
    why: str


def check_token(what: str, host: str, token: str | None, *, such_as: str) -> None:
    """See that what listens on `host` has a token if other machines reach it; no log will show the token.

    Args:
        what: is to listen, for messages.
        host: an address or a name.
        token: what who asks must know; None: nothing.
        such_as: how a user would set one.

    Raises:
        ConfigError: it needs one, or a longer one.
    """
    if token is None and not is_loopback(host):
        raise ConfigError(
            f"{what} on host {host!r} can be seen by other machines: expected a token "
            f"(at least {MIN_TOKEN} characters), such as {such_as}, or host 127.0.0.1"
        )
    if token is not None and len(token) < MIN_TOKEN:
        raise ConfigError(f"{what}: expected a token of at least {MIN_TOKEN} characters, got {len(token)}")
    hide_secret(token or "")


class Guard:
    """Decides for a server that listens on `host`.

    Args:
        host: its address, or a name. On every address its names are not known: any will do; it has a token.
        token: what who asks must know, as `?token=` or `Authorization: Bearer`.
        address: what the host turned out to be, as a browser will have it: that of a name, say.
        open_paths: that need no token: parts of a page, which cannot send it for them.
        looks: paths that do nothing, where others do something. No link of another site may lead to any of
            them then, nor a browser ask before its user did, or without saying for whom; and without a token
            no browser asks for what does something, but for a page of ours. None: all do nothing, and links
            may lead here.
        names: more that it is known by: that of a proxy before it.
    """

    def __init__(
        self,
        host: str,
        token: str | None = None,
        *,
        address: str = "",
        open_paths: Collection[str] = (),
        looks: Collection[str] | None = None,
        names: Collection[str] = (),
    ) -> None:
        own = [host, address or host]
        known = (*map(_in_url, own), *LOOPBACK, *names)
        self._names = None if any(map(_is_every, own)) else frozenset(known)
        self._token = None if token is None else token.encode()
        self._open_paths = frozenset(open_paths)
        self._looks = None if looks is None else frozenset(looks)

    def refusal(self, path: str, query: str, headers: Headers) -> Refusal | None:
        """Why a request is not to be answered; None: it is."""
        said: _Said = defaultdict(list)
        for name, value in headers:
            said[name.lower()].append(value)
        return (
            self._by_host(said["host"])
            or self._by_site(path, said)
            or _by_origin(said["origin"], said["host"])
            or self._by_token(path, query, said["authorization"])
        )

    def _by_host(self, hosts: list[str]) -> Refusal | None:
        names = [match[1].lower() for host in hosts if (match := _HOST.fullmatch(host)) and match[1]]
        if len(hosts) == len(names) == 1 and (self._names is None or names[0] in self._names):
            return None
        return Refusal(HTTPStatus.BAD_REQUEST, "this server is not known by that name")

    def _by_site(self, path: str, said: _Said) -> Refusal | None:
        if self._looks is not None and (why := self._mistrust(path in self._looks, said)):
            return Refusal(HTTPStatus.FORBIDDEN, why)
        if _OWN_SITE.issuperset(said["sec-fetch-site"]) or (self._looks is None and _is_link(said)):
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "a page of another site asked for this")

    def _mistrust(self, is_look: bool, said: _Said) -> str:
        # Chrome fetches what it takes its user to be about to type (sec-purpose, formerly purpose).
        if any("prefetch" in purpose for purpose in said["sec-purpose"] + said["purpose"]):
            return "nobody asked for this yet"
        if self._token is not None:
            return ""
        # All browsers since 2023 say it to this machine; to others, without TLS, none does: there is a token.
        if not said["sec-fetch-site"] and any(one.startswith("Mozilla/") for one in said["user-agent"]):
            return "this browser does not say whose page asked: it is too old"
        if "none" in said["sec-fetch-site"] and not is_look:
            return "the server of another site may have led here: use our own page, or a program"
        return ""

    def _by_token(self, path: str, query: str, authorizations: list[str]) -> Refusal | None:
        if self._token is None or path in self._open_paths or self._knows(query, authorizations):
            return None
        told = "this page needs its token: add ?token=... to the address, or Authorization: Bearer ..."
        return Refusal(HTTPStatus.UNAUTHORIZED, told)

    def _knows(self, query: str, authorizations: list[str]) -> bool:
        token = self._token or b""
        credentials = [value.partition(" ") for value in authorizations]
        offered = [known.encode("latin-1") for kind, _, known in credentials if kind.lower() == "bearer"]
        return any(hmac.compare_digest(one, token) for one in offered + _tokens(query))


def _by_origin(origins: list[str], hosts: list[str]) -> Refusal | None:
    own = {f"{scheme}://{hosts[0].lower()}" for scheme in ("http", "https")}  # a proxy before us may have TLS
    if own.issuperset(origin.lower() for origin in origins):
        return None
    return Refusal(HTTPStatus.FORBIDDEN, "a page of another origin asked for this")


def _is_link(said: _Said) -> bool:
    return said["sec-fetch-mode"] == ["navigate"] and said["sec-fetch-dest"] == ["document"]


def _tokens(query: str) -> list[bytes]:
    try:
        return [one.encode() for one in parse_qs(query, max_num_fields=_MOST_QUERY).get("token", [])]
    except ValueError:
        return []


def _is_every(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return not host


def _in_url(host: str) -> str:
    return f"[{host}]".lower() if ":" in host else host.lower()
