"""A page on this machine with the annotated pictures of all cameras, moving.

Nobody asks, nobody works: without a viewer a result costs an assignment. Drawing and encoding happen in the
server's threads, for cameras that somebody looks at, `max_fps` times a second at most. No viewer, however
slow, holds up the caller or takes more memory than a few pictures.

Deliberately not here: the live picture without transcoding, which is the cockpit's, and HTTPS: for other
machines put a proxy that has it in front.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, SkipValidation

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import Closed, SinkError
from sightline.frame import Frame
from sightline.pages.guard import Guard, check_token
from sightline.pages.server import PageServer, address_of, listen, url_of
from sightline.result import Result
from sightline.sink.board import Board
from sightline.sink.web import ASSETS, Show, make_app


def _nothing() -> Mapping[str, Any]:
    return {}


class Preview:
    """Serves from when it is made until it is closed.

    Args:
        host: the address to listen on. Any but this machine's own needs a token.
        port: 0 for any free one; see `url`.
        token: what a viewer must know: `?token=` or `Authorization: Bearer`.
        max_fps: pictures a second of one camera, at most.
        max_width: of a picture, in pixels.
        quality: of the JPEGs, 1 to 100.
        status: called about once a second from another thread while somebody looks. Gives what the page is
            to show beside the pictures: `{"cameras": {camera_id: facts}}`, where the facts may be `state`,
            `reason`, `fps` and `dropped` (counts by reason); also `{"processes": {name: facts}}`, with `pid`,
            `state`, `ends` and `reason`.
        clock: what ages and rates are measured with.

    Attributes:
        url: where the page is, without the token.

    Raises:
        ConfigError: a host that others can reach, without a token.
        SinkError: the port is taken, or the host is not an address of this machine.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: Annotated[int, Field(ge=0, le=65535)] = 8765,
        token: str | None = None,
        max_fps: Annotated[float, Field(gt=0, le=60)] = 10,
        max_width: Annotated[int, Field(ge=64, le=4096)] = 960,
        quality: Annotated[int, Field(ge=1, le=100)] = 80,
        status: Callable[[], Mapping[str, Any]] = _nothing,
        clock: SkipValidation[Clock] = SYSTEM_CLOCK,
    ) -> None:
        check_token("preview", host, token, such_as='token: "${PREVIEW_TOKEN}"')
        self._closing = threading.Event()
        self._board = Board(clock=clock, max_width=max_width, quality=quality)
        self._socket = _listen(host, port)
        self.url = url_of(self._socket)
        show = Show(self._board, status, max_fps, self._closing.is_set)
        guard = Guard(host, token, address=address_of(self._socket), open_paths=ASSETS)
        self._server = PageServer(make_app(show, guard))
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="preview", daemon=True
        )
        self._thread.start()

    @property
    def encoded(self) -> int:
        """Pictures that were drawn and made a JPEG, because somebody looked."""
        return self._board.encoded

    def write(self, result: Result, frame: Frame) -> None:
        """Put up the newest picture of its camera; takes microseconds."""
        if self._closing.is_set():
            raise Closed(f"the preview at {self.url} is closed")
        self._board.put(result, frame)

    def close(self) -> None:
        """End all streams and the server, within about a second."""
        self._closing.set()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self._board.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise SinkError(
            f"preview cannot listen on {host} port {port}: {error.strerror}; "
            "set another port, or port 0 for any free one"
        ) from error
