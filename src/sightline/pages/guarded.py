"""An ASGI application behind a guard: who may not ask for something gets a line that says why.

It promises: the application sees no request that the guard refuses, none with more than it takes, and none
whose end does not come; all answers say what `SECURITY` has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from sightline.pages.guard import Guard, Refusal

BODY_S: Final = 10.0
"""How long what comes with a request may take."""
SECURITY: Final = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the address may hold the token
    "cross-origin-resource-policy": "same-origin",  # another site's page must not show what is ours
    "cache-control": "no-store",
}
"""What every answer says that says nothing else; a page that shows more has a policy of its own."""

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Wording: TypeAlias = Callable[[Refusal], tuple[str, bytes]]
"""A refusal as its content type and body."""


def as_line(refusal: Refusal) -> tuple[str, bytes]:
    """For people."""
    return "text/plain; charset=utf-8", f"{refusal.why}\n".encode()


class Guarded:
    """An ASGI application behind a guard; every answer says what `SECURITY` has.

    Args:
        app: what is served.
        guard: decides who is.
        most_body: bytes that may come with a request.
        security: what answers say instead; of what an answer says by itself, that holds.
        wording: what a refusal looks like.
    """

    def __init__(
        self,
        app: App,
        guard: Guard,
        *,
        most_body: int = 0,
        security: Mapping[str, str] = SECURITY,
        wording: Wording = as_line,
    ) -> None:
        self._app = app
        self._guard = guard
        self._most_body = most_body
        self._wording = wording
        self._security = [(name.encode(), value.encode()) for name, value in security.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's request."""
        if scope["type"] != "http":
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with(self._security, [*message.get("headers", ())])
            await send(message)

        body = self._refusal(scope) or await self._body(receive)
        if isinstance(body, Refusal):
            await _refuse(body, self._wording, secured)
        elif body is not None:
            await self._app(scope, _given(body, receive), secured)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        return self._guard.refusal(scope["path"], scope["query_string"].decode("latin-1"), headers)

    async def _body(self, receive: Receive) -> bytes | Refusal | None:
        """All that came with the request; None: who asked is gone."""
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_S):
                while (message := await receive())["type"] == "http.request":
                    body += message.get("body", b"")
                    if len(body) > self._most_body:
                        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_much())
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            return Refusal(HTTPStatus.REQUEST_TIMEOUT, f"the rest did not come within {BODY_S:g} s")
        return None

    def _too_much(self) -> str:
        return f"expected at most {self._most_body} bytes with a request"


def _with(security: list[tuple[bytes, bytes]], own: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Once each: browsers take some of these for none where they are there twice."""
    said = {name.lower() for name, _ in own}
    return [*own, *((name, value) for name, value in security if name not in said)]


def _given(body: bytes, receive: Receive) -> Receive:
    """What the application gets: the body at once, then what comes after it."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def given() -> Message:
        return first.pop() if first else await receive()

    return given


async def _refuse(refusal: Refusal, wording: Wording, send: Send) -> None:
    content_type, text = wording(refusal)
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(text)).encode())]
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "http.response.body", "body": text})
