"""Behind a proxy that has TLS: what a request was before it came through.

Promises: a request by the name that people use is taken for one over TLS, so that cookies go over TLS alone;
whom the proxy names is who asked, and nobody but the proxy is believed. Requests by another name stay as they
are: this machine's own programs ask so.

Deliberately not here: TLS itself, and refusing who comes by another name (`pages.guard`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple, Self, TypeAlias
from urllib.parse import urlsplit

from sightline.errors import ConfigError
from sightline.fleet.people.limits import neighbourhood
from sightline.loopback import is_loopback
from sightline.pages.guarded import App, Receive, Scope, Send

LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_PORTS: Final = {"https": 443, "http": 80}
_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxy(NamedTuple):
    """What stands before a coordinator.

    Attributes:
        scheme, host, port: of the address that people use.
        networks: where the proxy asks from.
    """

    scheme: str
    host: str
    port: int
    networks: tuple[_Network, ...]

    @classmethod
    def of(cls, origin: str, networks: Iterable[str] = ()) -> Self:
        """Of `https://fleet.example`. Raises ConfigError."""
        scheme, host, port = _parts(origin)
        return cls(scheme, host, port, tuple(map(_network, networks or LOOPBACK)))

    @property
    def name(self) -> str:
        """As requests have it, without a port."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def is_meant(self, host: str) -> bool:
        """Whether a request of this `Host` came by the address that people use."""
        name, _, port = host.lower().rpartition(":") if _has_port(host) else (host.lower(), "", "")
        return name == self.name and port in {"", str(self.port)}

    def who(self, peer: str, forwarded: str) -> str:
        """Who asked: the last that a proxy of ours names, as it added that itself; else the peer."""
        last = forwarded.rpartition(",")[2].strip()
        return last if self.is_ours(peer) and _address(last) is not None else peer

    def is_ours(self, peer: str) -> bool:
        """Whether a proxy of ours asks from there."""
        known = _address(peer)
        return known is not None and any(known in each for each in self.networks)


def whose(peer: str, proxy: Proxy | None) -> str | None:
    """For whom a connection counts; None: for nobody, as this machine's own and the proxy's do."""
    if is_loopback(peer) or (proxy is not None and proxy.is_ours(peer)):
        return None
    return neighbourhood(peer)


class Proxied:
    """An ASGI application behind `proxy`."""

    def __init__(self, app: App, proxy: Proxy) -> None:
        self._app = app
        self._proxy = proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and self._proxy.is_meant(_said(scope, b"host")):
            peer, port = scope.get("client") or ("", 0)
            who = self._proxy.who(peer, _said(scope, b"x-forwarded-for"))
            scope = {**scope, "scheme": self._proxy.scheme, "client": (who, port)}
        await self._app(scope, receive, send)


def _parts(origin: str) -> tuple[str, str, int]:
    with suppress(ValueError):
        scheme, where, path, *rest = parts = urlsplit(origin)
        host, port = parts.hostname, parts.port or _PORTS.get(scheme, 0)
        if host and scheme in _PORTS and "@" not in where and path in {"", "/"} and not any(rest):
            return scheme, host, port
    raise ConfigError("expected the origin that people use, such as https://fleet.example, and no path")


def _said(scope: Scope, name: bytes) -> str:
    """What came several times is one, as HTTP has it."""
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _has_port(host: str) -> bool:
    return host.rpartition("]")[2].count(":") == 1


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise ConfigError(
            "expected a proxy's network or address, such as 172.16.0.0/12 or 10.0.0.2"
        ) from None


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
