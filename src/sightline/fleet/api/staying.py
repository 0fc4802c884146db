"""An answer that goes on (news, a live picture) ends soon after who asked for it is let in no more.

Promises: about `ASK_AGAIN_S` after the end of a login or a token, or after a role became less, such an answer
is over, whole as HTTP has it; one that is quick costs nothing of this. To the application it is as if who
asked had gone, which it has to listen for, as Starlette's streams do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from sightline.pages.guarded import Message, Receive, Send

ASK_AGAIN_S: Final = 15.0


class Staying:
    """Of one request: `receive` and `send` are for the application, `finish` is called when it is done.

    Args:
        is_in: asked now and then whether who asked still is.
        receive, send: the server's.
    """

    def __init__(self, is_in: Callable[[], Awaitable[bool]], receive: Receive, send: Send) -> None:
        self._is_in, self._receive, self._send = is_in, receive, send
        self._has_all = self._begun = self._ended = self._cut = False

    async def receive(self) -> Message:
        """The body; then nothing until who asked is gone, or is let in no more."""
        if self._has_all:
            return await self._gone()
        message = await self._receive()
        self._has_all = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """On to the server; of an answer that was cut off no more."""
        self._begun = self._begun or message["type"] == "http.response.start"
        if not self._cut:
            await self._send(message)
            self._ended = message["type"] == "http.response.body" and not message.get("more_body", False)

    async def finish(self) -> None:
        """Say of an answer that was cut off that it is over."""
        if self._cut and self._begun and not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _gone(self) -> Message:
        waiting = asyncio.ensure_future(self._receive())
        try:
            while not (await asyncio.wait({waiting}, timeout=ASK_AGAIN_S))[0]:
                if not await self._is_in():
                    self._cut = True
                    return {"type": "http.disconnect"}
            return waiting.result()
        finally:
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
