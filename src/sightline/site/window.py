"""A window into what runs here: a Unix socket in its private folder, for programs of the same user.

Whoever connects may look and send events to the pipes, by one line of JSON each way. It promises: a visitor
who is slow, silent or talks nonsense holds up nobody else, and nobody looks where nobody asks. There are at
most `MOST_VISITORS` at once. Who may come in is what the folder says, which is its user's alone.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, UnixStreamServer
from typing import Any, Final, Protocol, Self, TypeAlias

import msgspec

from sightline.errors import ConfigError, SightlineError, WireError
from sightline.hub.broker.statistics import HubStats
from sightline.log import get_logger, redact
from sightline.pipe.counts.stats import PipeStats
from sightline.pipe.outside.actions import Actions
from sightline.pipe.outside.plain import plain
from sightline.site.private_folder import private_folder
from sightline.site.status import SiteStatus

WINDOW: Final = "window.sock"
"""The socket's name in the folder."""
MOST_VISITORS: Final = 16
MOST_ASKED_BYTES: Final = 64 * 1024
"""Of a line that a visitor says."""
MOST_WAIT_S: Final = 5.0
"""How long an event is waited for, at most."""
_LEAVES_S: Final = 2.0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a process uses: memory now, what it shares with others included, and time of processors so far."""

    pid: int
    rss_bytes: int
    cpu_s: float


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told at one moment.

    Attributes:
        name: what runs, as its user knows it.
        at_ns: when that was so, on whatever clock only grows there: for rates between two looks.
        site: its cameras, sinks and processes; None: it is no site.
        pipes: the counts of its pipes by name, without what routines tell of themselves.
        hub: its hub's figures; None: it has none, or `trouble`.
        usage: of its processes that are no flows, by name.
        trouble: what could not be asked, and why.
    """

    name: str
    at_ns: int
    site: SiteStatus | None = None
    pipes: dict[str, PipeStats] = {}
    hub: HubStats | None = None
    usage: dict[str, Usage] = {}
    trouble: str = ""


class LookAsked(msgspec.Struct, frozen=True, tag="look", forbid_unknown_fields=True):
    """How is it?"""


class EventsAsked(msgspec.Struct, frozen=True, tag="events", forbid_unknown_fields=True):
    """Which events does this pipe answer?"""

    pipe: str


class SendAsked(msgspec.Struct, frozen=True, tag="send", forbid_unknown_fields=True):
    """Send an event to this pipe, and tell what became of it; `targets` as `Pipe.notify_event` has them."""

    pipe: str
    event: str
    targets: dict[str, list[str]] | None = None
    params: dict[str, Any] = {}


Asked: TypeAlias = LookAsked | EventsAsked | SendAsked
_read: Final[msgspec.json.Decoder[Asked]] = msgspec.json.Decoder(Asked)


class Visit(Protocol):
    """What one visitor may see and do, as long as it is here; one thread uses it."""

    def look(self) -> Look: ...
    def actions(self, pipe: str) -> Actions: ...
    def close(self) -> None: ...


class Window:
    """A window that is open from now until `close()`.

    Args:
        path: of its socket, which is not there yet.
        visit: called for each visitor, in its thread.

    Raises:
        OSError: no socket can be there.
    """

    def __init__(self, path: Path, visit: Callable[[], Visit]) -> None:
        self._path = path
        self._server = _Server(str(path), visit)
        self._thread = threading.Thread(target=self._server.serve_forever, name="window", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let nobody in, and everybody go. Again is allowed."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.see_out()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def open_window(visit: Callable[[], Visit], opened: ExitStack, folder: Path | None = None) -> None:
    """Open one until `opened` is closed, in this private folder, or in one of its own.

    Where it cannot be, the log says so, and that is all: what runs does not need it.
    """
    try:
        folder = folder or opened.enter_context(private_folder())
        opened.enter_context(Window(folder / WINDOW, visit))
    except (ConfigError, OSError) as error:
        get_logger("sightline.site").warning("nobody can look at this", error=str(error))


def answer(visit: Visit, line: bytes) -> bytes:
    """The line of JSON for a line that was asked: `{"answer": ...}`, or `{"error": "why"}`."""
    try:
        told = {"answer": _told(visit, _asked(line))}
    except (SightlineError, TimeoutError) as error:
        told = {"error": redact(str(error))}
    except Exception as error:  # noqa: BLE001 - it is told, and the visitor may ask on
        get_logger("sightline.site").exception("a visitor could not be answered")
        told = {"error": redact(f"this went wrong: {error!r}")}
    return msgspec.json.encode(told) + b"\n"


def _asked(line: bytes) -> Asked:
    if not line.endswith(b"\n"):
        raise WireError(f"expected a line of at most {MOST_ASKED_BYTES} bytes")
    try:
        return _read.decode(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"expected what may be asked, as JSON: {error}") from None


def _told(visit: Visit, asked: Asked) -> Any:
    match asked:
        case LookAsked():
            return plain(visit.look())
        case EventsAsked(pipe=pipe):
            return visit.actions(pipe).events()
        case SendAsked(pipe=pipe, event=event, targets=targets, params=params):
            return visit.actions(pipe).event(event, targets, params=params, wait_s=MOST_WAIT_S)


class _Server(UnixStreamServer):
    request_queue_size = MOST_VISITORS

    def __init__(self, path: str, visit: Callable[[], Visit]) -> None:
        self.visit = visit
        self._room = threading.Semaphore(MOST_VISITORS)
        self._lock = threading.Lock()
        self._visitors: dict[threading.Thread, socket.socket] = {}
        super().__init__(path, _Visitor)

    def server_bind(self) -> None:
        super().server_bind()
        Path(str(self.server_address)).chmod(0o600)  # a folder that is opened to others does not open this

    def see_out(self) -> None:
        """Hang up on everybody, and wait until all are gone; those that wait for a flow are left to it."""
        with self._lock:
            visitors = dict(self._visitors)
            for theirs in visitors.values():
                with suppress(OSError):  # it hung up
                    theirs.shutdown(socket.SHUT_RDWR)
        until_s = time.monotonic() + _LEAVES_S
        for thread in visitors:
            thread.join(max(0.0, until_s - time.monotonic()))

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - as the base class has it
        return self._room.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._receive, args=(request, client_address), name="visitor", daemon=True
        )
        with self._lock:
            self._visitors[thread] = request
        try:
            thread.start()
        except RuntimeError:  # no thread is left for it
            self._gone(thread)
            raise

    def _receive(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:  # it hung up in the middle
            pass
        except Exception:  # noqa: BLE001 - it costs this visitor alone
            self.handle_error(request, client_address)
        finally:
            self._gone(threading.current_thread())
            self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class has it
        get_logger("sightline.site").warning("a visitor could not be let in", exc_info=True)

    def _gone(self, thread: threading.Thread) -> None:
        with self._lock:
            del self._visitors[thread]
        self._room.release()


class _Visitor(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with closing(self.server.visit()) as visit:
            while line := self.rfile.readline(MOST_ASKED_BYTES):
                self.wfile.write(answer(visit, line))
                if not line.endswith(b"\n"):
                    return
