"""One connection to a receiver of logs, over socket.io by WebSocket.

A receiver that answers `logs_hello` gets batches, as `logs`, and says of each that it has it. To any other
each record goes as PipeRT sends them: an event `log` with one JSON text; that it has arrived is taken from
its having been sent, as such receivers say nothing.

Whoever has a link asks it to send and waits; python-socketio's own threads do the rest. It is closed hard, as
the library's own way waits for a receiver that reads nothing.
"""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final

import msgspec

from sightline.errors import MissingExtra
from sightline.pipe.outside.log_address import LogAddress
from sightline.pipe.outside.log_entry import LogEntry

HELLO: Final = "logs_hello"
BATCH: Final = "logs"
PIPERT_RECORD: Final = "log"
PIPERT_STRUCTURE: Final = "pipe_creation"
VERSION: Final = 1
CONNECT_S: Final = 5.0
HELLO_S: Final = 1.5
CONFIRM_S: Final = 60.0
"""Longer than the library takes to see that nobody is there any more."""
STEP_S: Final = 0.05
LEAVE_S: Final = 1.0
JOIN_S: Final = 5.0
MOST_HEARD: Final = 2 << 20
"""Bytes of a message of the receiver; it has little to say."""

SILENT: Final = logging.Logger("socketio", logging.CRITICAL + 1)  # noqa: LOG001 - of nobody, in no tree
"""For the library, which else adds handlers to its loggers and shows URLs, tokens too."""


class NoReceiver(Exception):
    """Nobody answers there, or somebody else."""


def socketio() -> Any:
    """The library. Raises MissingExtra where it, or what its client needs, is not installed."""
    try:
        import socketio as library  # noqa: PLC0415 - an extra
        import websocket  # noqa: F401, PLC0415 - it comes with the same extra, and the library needs no telling
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "python-socketio is not installed; it comes with: pip install 'sightline[logs]'"
        ) from error
    return library


class LogLink:
    """A connection, from when it is made.

    Args:
        address: of the receiver.
        sender: what is told of who sends.
        structure: what the pipe is made of, if that is known.

    Attributes:
        batched: whether the receiver takes batches, by what it said so far.

    Raises:
        NoReceiver: it cannot be reached, with why.
        MissingExtra: the library is not installed.
    """

    def __init__(
        self, address: LogAddress, sender: Mapping[str, Any], structure: Mapping[str, Any] | None
    ) -> None:
        self._sender = sender
        self._sockets: list[Any] = []
        self.batched = False
        try:
            self._client = self._connected(address)
            self._greet(structure)
            if not self.batched and structure is not None:
                self._client.emit(PIPERT_STRUCTURE, _creation_text(sender, structure))
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        return bool(self._client.connected)

    def send(
        self, entries: Sequence[LogEntry], dropped: Mapping[str, int], give_up: Callable[[], bool]
    ) -> bool:
        """Send these. False: nobody knows whether they have arrived, or it was to give up."""
        try:
            return (
                self._send_batch(entries, dropped, give_up)
                if self.batched
                else self._send_each(entries, give_up)
            )
        except Exception:  # noqa: BLE001 - whatever the library raises where a connection ends
            return False

    def close(self) -> None:
        """End it, and its threads; what was sent has a moment to be read."""
        self._hang_up(socket.SHUT_WR, LEAVE_S)
        self._hang_up(socket.SHUT_RDWR, JOIN_S)
        for one in self._sockets:
            one.shutdown()

    def _hang_up(self, how: int, timeout_s: float) -> None:
        for one in self._sockets:
            if one.sock is not None:
                with suppress(OSError):  # a thread that sends or receives is told
                    one.sock.shutdown(how)
        engine = getattr(getattr(self, "_client", None), "eio", None)
        for task in (getattr(engine, "read_loop_task", None), getattr(engine, "write_loop_task", None)):
            if task is not None:
                task.join(timeout_s)

    def _connected(self, address: LogAddress) -> Any:
        library = socketio()
        reasons = []
        for path in address.paths:
            self._client = library.Client(
                reconnection=False,
                handle_sigint=False,
                logger=SILENT,
                engineio_logger=SILENT,
                request_timeout=CONNECT_S,
                serializer=text_alone(library),
                websocket_extra_options={"class_": self._socket},
            )
            self._client.eio.on("message", self._heard)
            headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
            try:
                self._client.connect(
                    address.url,
                    headers=headers,
                    transports=["websocket"],
                    socketio_path=path,
                    wait_timeout=CONNECT_S,
                )
            except Exception as error:  # noqa: BLE001 - what a stranger answers makes the library raise anything
                reasons.append(f"/{path}: {_why(error)}")
                self.close()
            else:
                return self._client
        raise NoReceiver("; ".join(reasons))

    def _heard(self, said: Any) -> None:
        """In a thread of the library, which lets it end with what is raised here."""
        try:
            self._client._handle_eio_message(said)  # noqa: SLF001 - what it has there itself
        except Exception:  # noqa: BLE001 - of what a stranger says
            for one in self._sockets:
                one.shutdown()

    def _socket(self, **options: Any) -> Any:
        """The library's own, bounded and remembered: it leaves it open where a handshake fails."""
        self._sockets.append(one := _bounded_socket()(**options))
        return one

    def _greet(self, structure: Mapping[str, Any] | None) -> None:
        """Ask whether it takes what we send, and wait a little for that. It may say so later, too."""
        came = threading.Event()

        def answered(answer: Any = None, *_more: Any) -> None:
            self.batched = isinstance(answer, dict) and answer.get("version") == VERSION
            came.set()

        hello = {"version": VERSION, **self._sender, "structure": structure}
        self._client.emit(HELLO, hello, callback=answered)
        self._wait(came, HELLO_S, lambda: False)

    def _send_batch(
        self, entries: Sequence[LogEntry], dropped: Mapping[str, int], give_up: Callable[[], bool]
    ) -> bool:
        batch = {**self._sender, "dropped": dropped, "entries": msgspec.to_builtins(list(entries))}
        answers: list[Any] = []
        came = threading.Event()

        def answered(*answer: Any) -> None:
            answers.extend(answer)
            came.set()

        self._client.emit(BATCH, batch, callback=answered)
        self._wait(came, CONFIRM_S, give_up)
        return answers[:1] == [len(entries)]

    def _wait(self, came: threading.Event, timeout_s: float, give_up: Callable[[], bool]) -> None:
        until_s = time.monotonic() + timeout_s
        while self.alive and time.monotonic() < until_s and not give_up():
            if came.wait(STEP_S):
                break

    def _send_each(self, entries: Sequence[LogEntry], give_up: Callable[[], bool]) -> bool:
        for entry in entries:
            self._client.emit(PIPERT_RECORD, piperts_text(entry))
        unsent = self._client.eio.queue
        until_s = time.monotonic() + CONFIRM_S
        while unsent.unfinished_tasks:  # of the library's thread: what is not sent yet
            if not self.alive or time.monotonic() > until_s or give_up():
                return False
            time.sleep(STEP_S / 10)
        return self.alive


def text_alone(library: Any) -> Any:
    """Packets without attachments: of these a stranger could announce any number, and each would be kept."""

    class TextAlone(library.packet.Packet):  # type: ignore[misc]  # a library without types
        def decode(self, encoded_packet: str) -> int:
            if super().decode(encoded_packet):
                raise ValueError("expected no attachments")
            return 0

    return TextAlone


@cache
def _bounded_socket() -> Any:
    """The library's WebSocket, which a receiver ends that says too much, or reads nothing."""
    import websocket  # noqa: PLC0415 - an extra

    class BoundedSocket(websocket.WebSocket):
        _heard = 0

        def recv(self) -> Any:
            self._heard = 0
            return super().recv()

        def _recv(self, bufsize: int) -> Any:
            data: bytes = super()._recv(bufsize)  # type: ignore[no-untyped-call]
            self._heard += len(data)
            if self._heard > MOST_HEARD:
                raise websocket.WebSocketConnectionClosedException("expected no such long message")
            return data

        def _send(self, data: Any) -> int:
            try:
                return super()._send(data)
            except websocket.WebSocketTimeoutException as error:  # of it the library's thread would die
                raise websocket.WebSocketConnectionClosedException(str(error)) from error

    return BoundedSocket


def _why(error: BaseException) -> str:
    """What the library was told: it says of all that there is no connection."""
    first = error
    while first.__context__ is not None:
        first = first.__context__
    return str(first) or type(first).__name__


def piperts_text(entry: LogEntry) -> str:
    """A record as PipeRT's cockpit reads it, with more of ours that it does not look at."""
    message = f"{entry.message}\n{entry.traceback}" if entry.traceback else entry.message
    if entry.picture:
        image = base64.b64encode(entry.picture).decode()
        kind = entry.side or "extra_image"
        named = "" if entry.side else f"'name': '{entry.message.replace(chr(39), ' ')}', "
        data = f"{{{named}'image_base64': '{image}'}}"
        message = f"{kind}: , 'data': {data}" if entry.side else f"{kind}: {data}"
    told = {name: value for name, value in msgspec.to_builtins(entry).items() if name != "picture"}
    return msgspec.json.encode({**told, "level": entry.level, "message": message}).decode()


def _creation_text(sender: Mapping[str, Any], structure: Mapping[str, Any]) -> str:
    """What PipeRT's cockpit makes its list of routines of: it reads a `repr`."""
    told = {"source": sender.get("pipe", ""), "level": "INFO", "message": repr(dict(structure))}
    return msgspec.json.encode(told).decode()
