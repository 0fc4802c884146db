"""A pipe behind its API, by its URL: see `sightline.pipe.outside.api`."""

from __future__ import annotations

import http.client
import os
import ssl
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, unquote, urlsplit

import msgspec

from sightline.clock import SYSTEM_CLOCK
from sightline.errors import AccessDenied, ConfigError, SightlineError, Unreachable, WireError
from sightline.log import hide_secret
from sightline.pipe.counts.stats import PipeStats
from sightline.pipe.outside.actions import TARGETS
from sightline.site.window import MOST_WAIT_S, Look
from sightline.top.feed import Event, Target, outcome

TOKEN_VARIABLE: Final = "SIGHTLINE_API_TOKEN"  # noqa: S105 - the name of a variable
MOST_TOLD_BYTES: Final = 64 * 2**20
_ANSWER_S: Final = MOST_WAIT_S
_REFUSED: Final = frozenset({http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN})
_EXAMPLE: Final = "expected the address of a pipe's API such as http://127.0.0.1:8000"


@dataclass(frozen=True)
class ApiAddress:
    """Where an API is: `http://:TOKEN@host:port`; the token may be in the environment instead."""

    secure: bool
    host: str
    port: int
    token: str | None = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """The parts of `url`. Raises ConfigError where it is none; the message does not show it."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigError(f"{_EXAMPLE}, with a port of 1 to 65535") from None
        if (
            parts.scheme not in {"http", "https"}
            or not host
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ConfigError(f"{_EXAMPLE}, with :TOKEN@ before the host where it has a token")
        if parts.path not in {"", "/"}:
            raise ConfigError(f"{_EXAMPLE}, without a path behind the host")
        token = unquote(parts.password) if parts.password else os.environ.get(TOKEN_VARIABLE)
        hide_secret(token or "")
        secure = parts.scheme == "https"
        return cls(secure, host, port or (443 if secure else 80), token or None)

    @property
    def shown(self) -> str:
        """The address without what is secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


class HttpFeed:
    """A pipe behind its API. Each question is a connection of its own."""

    def __init__(self, address: ApiAddress) -> None:
        self._address = address

    def look(self) -> Look:
        at_ns = SYSTEM_CLOCK.monotonic_ns()
        stats = _read(self._asked("GET", "/pipe/stats"), PipeStats)
        return Look(name=self._address.shown, at_ns=at_ns, pipes={"pipe": stats})

    def events(self, pipe: str) -> list[str]:  # noqa: ARG002 - it has one
        told = _read(self._asked("GET", "/pipe/structure"), _Structure)
        return list(dict.fromkeys([*told.events, *(event for one in told.routines for event in one.events)]))

    def send(self, target: Target, event: Event) -> str:
        params = dict(event.params) | ({} if target.targets is None else {TARGETS: target.targets})
        path = f"/routines/events/{quote(event.name, safe='')}/execute"
        return outcome(_read(self._asked("POST", path, {"extra_args": params}), dict[str, Any]))

    def close(self) -> None:
        """Nothing is open."""

    def _asked(self, method: str, path: str, body: Any = None) -> bytes:
        try:
            status, told = self._answer(method, path, b"" if body is None else msgspec.json.encode(body))
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"it does not answer: {str(error) or repr(error)}") from error
        if status in _REFUSED:
            raise AccessDenied(
                f"it says {status} to {method} {path}: {_why(told)}; its token goes into the address"
            )
        if not 200 <= status < 300:
            raise SightlineError(f"it says {status} to {method} {path}: {_why(told)}")
        return told

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The status of HTTP, and what was told; other places are not asked."""
        of = self._address
        connection = (
            http.client.HTTPSConnection(
                of.host, of.port, timeout=_ANSWER_S, context=ssl.create_default_context()
            )
            if of.secure
            else http.client.HTTPConnection(of.host, of.port, timeout=_ANSWER_S)
        )
        headers = {"Content-Type": "application/json", "User-Agent": "sightline top"}
        if of.token is not None:
            headers["Authorization"] = f"Bearer {of.token}"
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            told = answer.read(MOST_TOLD_BYTES + 1)
        finally:
            connection.close()
        if len(told) > MOST_TOLD_BYTES:
            raise WireError(f"expected at most {MOST_TOLD_BYTES} bytes as an answer")
        return answer.status, told


class _Routine(msgspec.Struct, frozen=True):
    events: list[str]


class _Structure(msgspec.Struct, frozen=True, rename={"routines": "Routines", "events": "Events"}):
    routines: list[_Routine]
    events: list[str]


def _read(told: bytes, wanted: Any) -> Any:
    try:
        return msgspec.json.decode(told, type=wanted)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"what answers there is no API of a pipe: {error}") from None


def _why(told: bytes) -> str:
    return told[:200].decode(errors="replace").strip()
