"""Where a pipe is called: `tcp://127.0.0.1:4242` or `ipc:///run/pipe.sock`, as ZeroMQ has it.

    tcp://:TOKEN@10.0.0.5:4242

The token may be left out where none is asked for, or where it is in the environment as SIGHTLINE_RPC_TOKEN.
No message shows an address as it came, which may hold it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import unquote

import msgspec

from sightline.errors import ConfigError
from sightline.log import hide_secret
from sightline.loopback import is_loopback
from sightline.pages.guard import check_token

TOKEN_VARIABLE: Final = "SIGHTLINE_RPC_TOKEN"  # noqa: S105 - the name of a variable
_EXAMPLE: Final = (
    "expected where a pipe is called, such as tcp://127.0.0.1:4242, ipc:///run/pipe.sock or hub://..."
)
_MOST_TOKEN: Final = 255
"""ZeroMQ's own bound."""


class Endpoint(msgspec.Struct, frozen=True):
    """An address of ZeroMQ, and what it asks for.

    Attributes:
        address: without the token.
        token: None: none is known.
    """

    address: str
    token: str | None = None

    @classmethod
    def of(cls, text: str, token: str | None = None, environ: Mapping[str, str] = os.environ) -> Self:
        """What `text` says. A `token` goes before that in it, and this before that of the environment.

        Raises:
            ConfigError: it is no such address.
        """
        scheme, _, rest = text.partition("://")
        user, at, place = rest.rpartition("@") if scheme == "tcp" else ("", "", rest)
        if scheme not in {"tcp", "ipc"} or not place or (at and not user.startswith(":")):
            raise ConfigError(f"{_EXAMPLE}, with :TOKEN@ before the host where it has a token")
        if scheme == "tcp" and not _has_port(place):
            raise ConfigError(f"{_EXAMPLE}, with a port; * for a free one")
        return cls(f"{scheme}://{place}", known_token(token or unquote(user[1:]), environ))

    @property
    def host(self) -> str:
        """Of TCP, else empty."""
        scheme, _, place = self.address.partition("://")
        return place.rpartition(":")[0].strip("[]") if scheme == "tcp" else ""

    @property
    def path(self) -> str | None:
        """Of the socket's file, if it has one with a name of ours."""
        scheme, _, place = self.address.partition("://")
        return place if scheme == "ipc" and place != "*" and not place.startswith("@") else None

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine reaches who listens there."""
        return self.address.startswith("ipc:") or is_loopback(self.host)

    def check_may_listen(self) -> None:
        """Raises ConfigError: it is wide open, or its token too short."""
        host = "localhost" if self.is_private else self.host
        such_as = f"RPCPipeWrapper(pipe, token=...) or {TOKEN_VARIABLE} set"
        check_token("a pipe that can be called", host, self.token, such_as=such_as)


def _has_port(place: str) -> bool:
    port = place.rpartition(":")[2]
    return port == "*" or (port.isdecimal() and 0 <= int(port) <= 65535)


def known_token(token: str | None = None, environ: Mapping[str, str] = os.environ) -> str | None:
    """This token, or that of the environment; no log will show it. Raises ConfigError: it is too long."""
    token = token or environ.get(TOKEN_VARIABLE) or None
    if token is not None:
        hide_secret(token)
        if len(token.encode()) > _MOST_TOKEN:
            raise ConfigError(f"expected a token of at most {_MOST_TOKEN} bytes")
    return token
