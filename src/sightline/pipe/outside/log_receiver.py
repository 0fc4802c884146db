"""A receiver of logs over socket.io: what `sightline logs` listens with, and tests do.

It promises: what may be sent to it is bounded in size and in senders, and so is what waits for those who do
not read; a page of another site, and who lacks the token, is not let in; each record of a batch was given to
`on_entries` before its sender is told that it has arrived. It keeps nothing: who wants to look back keeps
what `on_entries` is given. It takes text alone, no attachments: pictures come as base64.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import parse_qs

from anyio import to_thread

from sightline.errors import Closed, ConfigError, WireError
from sightline.log import Repeated, get_logger
from sightline.pages.guard import Guard, Refusal, check_token
from sightline.pages.guarded import App, Guarded, Receive, Scope, Send
from sightline.pages.server import PageServer, address_of, listen, url_of
from sightline.pipe.outside.log_entry import LogEntry
from sightline.pipe.outside.log_intake import IntakeStats, LogIntake
from sightline.pipe.outside.log_link import BATCH, HELLO, PIPERT_RECORD, SILENT, socketio, text_alone

PORT: Final = 3000
"""The one at which PipeRT's cockpit is."""
MOST_MESSAGE: Final = 2 << 20
MOST_SENDERS: Final = 64
MOST_UNREAD: Final = 1000
"""Answers that may wait for one who polls."""
CLOSE_S: Final = 5.0


class LogReceiver:
    """Listens from when it is made until it is closed.

    Args:
        on_entries: called with the records of each message, in a thread, one call at a time. Where it raises,
            their sender is told that they did not arrive; that is logged, but for Closed: it takes no more.
        host: the address to listen on. Any but this machine's own needs a token.
        port: 0: any free one; see `url`.
        token: what senders must know, as `?token=` in their URL; at least 8 characters.

    Attributes:
        url: where it is, without the token.

    Raises:
        ConfigError: a host that others can reach without a token; the port is taken.
        MissingExtra: `sightline[logs]` is not installed.
    """

    def __init__(
        self,
        on_entries: Callable[[Sequence[LogEntry]], object],
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        token: str | None = None,
    ) -> None:
        check_token("a receiver of logs", host, token, such_as="--token-env LOGS_TOKEN")
        library = socketio()
        try:
            self._listening = listen(host, port)
        except OSError as error:
            told = f"cannot listen for logs on {host} port {port}: {error.strerror or error}"
            raise ConfigError(f"{told}; use another port, or port 0 for any free one") from error
        self.url = url_of(self._listening)
        self._on_entries = on_entries
        self._intake = LogIntake()
        self._lock = threading.Lock()
        self._giving = threading.Lock()
        self._failed = Repeated(get_logger("sightline.logs"), "records cannot be taken")
        self._refused = Repeated(get_logger("sightline.logs"), "a message is no record")
        sio = self._socketio(library)
        guard = Guard(host, token, address=address_of(self._listening), looks=())
        self._server = _Server(_Door(library.ASGIApp(sio, socketio_path=None), sio.eio, guard), sio.eio)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listening],), name="sightline-log-receiver", daemon=True
        )
        self._thread.start()

    def stats(self) -> IntakeStats:
        with self._lock:
            return self._intake.stats()

    def close(self) -> None:
        """Let senders go, and end. Again is allowed."""
        self._server.should_exit = True
        self._thread.join(CLOSE_S)
        self._listening.close()
        self._refused.flush()
        self._failed.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _socketio(self, library: Any) -> Any:
        sio = library.AsyncServer(
            async_mode="asgi",
            async_handlers=False,  # one message of a sender after the other, and no more are read meanwhile
            max_http_buffer_size=MOST_MESSAGE,
            cors_allowed_origins=[],  # our guard decides, for all transports
            logger=SILENT,
            engineio_logger=SILENT,
            serializer=text_alone(library),
            monitor_clients=True,
        )
        sio.on(HELLO, self._hello)
        sio.on(BATCH, self._batch)
        sio.on(PIPERT_RECORD, self._record)
        return sio

    async def _hello(self, _sid: str, said: Any = None) -> Any:
        return self._intake.hello(said)

    async def _batch(self, _sid: str, said: Any = None) -> int:
        """How many records it had; -1: it was none, or they were not taken."""
        return await to_thread.run_sync(self._take, self._intake.batch, said)

    async def _record(self, _sid: str, said: Any = None) -> int:
        return await to_thread.run_sync(self._take, lambda text: [self._intake.record(text)], said)

    def _take(self, read: Callable[[Any], list[LogEntry]], said: Any) -> int:
        with self._lock:
            try:
                entries = read(said)
            except WireError as error:
                self._refused.add(last=str(error))
                return -1
        return len(entries) if self._given(entries) else -1

    def _given(self, entries: list[LogEntry]) -> bool:
        try:
            with self._giving:
                if entries:
                    self._on_entries(entries)
        except Closed:
            return False
        except Exception as error:  # noqa: BLE001 - of whoever was given them
            self._failed.add(last=f"{type(error).__name__}: {error}")
            return False
        return True


class _Door:
    """Before the library: the guard, for WebSockets too, and no more senders than there may be."""

    def __init__(self, app: App, engine: Any, guard: Guard) -> None:
        self._app = app
        self._engine = engine
        self._guard = guard
        self._guarded = Guarded(self._bounded, guard, most_body=MOST_MESSAGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._guarded(scope, receive, send)
        elif self._refusal(scope) or self._is_full(_session(scope)):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        return self._guard.refusal(scope["path"], scope["query_string"].decode("latin-1"), headers)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = _session(scope)
        if self._is_full(session):
            await send({"type": "http.response.start", "status": int(HTTPStatus.SERVICE_UNAVAILABLE)})
            await send({"type": "http.response.body", "body": b"too many senders\n"})
            return
        one = self._engine.sockets.get(session)
        await self._app(scope, receive, send)
        if one is not None:
            if one.queue.qsize() > MOST_UNREAD:
                await self._engine.disconnect(session)
            if one.closed:
                _let_go(one)

    def _is_full(self, session: str | None) -> bool:
        return session is None and len(self._engine.sockets) >= MOST_SENDERS


def _session(scope: Scope) -> str | None:
    """That of a sender who is there; read as the library does it."""
    query: bytes = scope["query_string"]
    return next(iter(parse_qs(query.decode("latin-1")).get("sid", ())), None)


def _let_go(one: Any) -> None:
    """Whoever waits for what is to be sent to that sender waits no more; the library lets it wait 45 s."""
    one.queue.put_nowait(None)


def _connection() -> Any:
    """Uvicorn's, which keeps answers for senders that do not read them; here they are let go."""
    from uvicorn.protocols.websockets.wsproto_impl import WSProtocol  # noqa: PLC0415 - of the extra
    from wsproto.events import Ping  # noqa: PLC0415 - it comes with python-socketio

    class Connection(WSProtocol):
        def pause_writing(self) -> None:
            super().pause_writing()
            self.transport.abort()

        def handle_ping(self, event: Ping) -> None:
            if not self.transport.is_closing():
                super().handle_ping(event)

    return Connection


class _Server(PageServer):
    def __init__(self, app: App, engine: Any) -> None:
        super().__init__(app)
        self._engine = engine
        self.config.ws = _connection()
        self.config.ws_max_size = MOST_MESSAGE
        self.config.ws_per_message_deflate = False  # a little that is unpacked may be much

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for one in list(self._engine.sockets.values()):
            _let_go(one)
        await super().shutdown(sockets)
