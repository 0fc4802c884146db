"""Where a hub is, as one line of text: `hub://host:port`, or `hub:///path/of/its.sock`.

    hub://:TOKEN@10.0.0.5:4820?tls_ca=ca.pem&tls_certificate=me.pem&tls_key=me.key

The token may be left out where the hub has none, or where it is in the environment as SIGHTLINE_HUB_TOKEN.
`tls_ca` names who signs the hub's certificate (`system`: those that this machine trusts) and turns TLS on.
Options that are not the hub's are left to whoever asks: `rest`. No message shows a URL, which may hold it.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from sightline.errors import ConfigError
from sightline.hub.settings import DEFAULT_PORT

TOKEN_VARIABLE: Final = "SIGHTLINE_HUB_TOKEN"  # noqa: S105 - the name of a variable
_EXAMPLE: Final = "expected the address of a hub such as hub://127.0.0.1:4820 or hub:///run/hub.sock"
_TLS: Final = ("tls_ca", "tls_certificate", "tls_key")


class HubAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hub is and what it asks for.

    Attributes:
        host, port: of TCP; host is "127.0.0.1" where none was given.
        unix_path: of its Unix socket; None: TCP.
        token: None: none is known.
        tls_ca, tls_certificate, tls_key: files in PEM form; None: no TLS, or no certificate of one's own.
        rest: other options of the URL.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    unix_path: str | None = None
    token: str | None = None
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    rest: dict[str, str] = {}

    @classmethod
    def of(cls, url: str, environ: Mapping[str, str] = os.environ) -> Self:
        """The parts of `url`. Raises ConfigError where it is none, saying what is wrong and not the URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError(f"{_EXAMPLE}, with a port of 1 to 65535") from None
        if parts.scheme != "hub" or parts.fragment or parts.username:
            raise ConfigError(f"{_EXAMPLE}, with :TOKEN@ before the host where it has a token")
        unix = not host and len(parts.path) > 1
        if not unix and parts.path not in {"", "/"}:
            raise ConfigError(f"{_EXAMPLE}, without a path behind the host")
        options = _options(parts.query)
        tls = {name: options.pop(name) for name in _TLS if name in options}
        if ("tls_certificate" in tls) != ("tls_key" in tls) or (tls and "tls_ca" not in tls):
            raise ConfigError("expected tls_ca, and tls_certificate and tls_key together or neither")
        token = unquote(parts.password) if parts.password else environ.get(TOKEN_VARIABLE)
        return cls(
            host=host or "127.0.0.1",
            port=port or DEFAULT_PORT,
            unix_path=unquote(parts.path) if unix else None,
            token=token or None,
            rest=options,
            **tls,
        )

    @property
    def shown(self) -> str:
        """The address without what is secret or ours."""
        if self.unix_path is not None:
            return f"hub://{self.unix_path}"
        return f"hub://[{self.host}]:{self.port}" if ":" in self.host else f"hub://{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """How the connection is made safe; None: not at all. Raises ConfigError for a wrong file."""
        if self.tls_ca is None:
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.tls_ca == "system" else self.tls_ca)
            if self.tls_certificate is not None:
                context.load_cert_chain(self.tls_certificate, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use the certificate files of the hub's address: {error}") from error
        return context

    def client_settings(self) -> dict[str, Any]:
        """What `AsyncStreamClient` and `StreamClient` take, but the name."""
        return {
            "host": self.host,
            "port": self.port,
            "unix_path": self.unix_path,
            "token": self.token,
            "tls": self.tls(),
        }


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise ConfigError(f"{_EXAMPLE}, with options such as ?tls_ca=ca.pem") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise ConfigError("expected each option of a hub's address once")
    return dict(pairs)
