"""A pipe over HTTP: to start, pause and kill it, to send it events, and to look at it.

It promises: a page of another site can do none of this (`sightline.pages.guard`); nobody but this machine is
answered without a token; who kills the pipe has the answer before the server ends. The pipe stays in the
process that made it, and its flows know nothing of it. It keeps no history and pushes nothing.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from sightline.errors import Closed, ConfigError, MissingExtra
from sightline.log import get_logger
from sightline.pages.guard import Guard, check_token

if TYPE_CHECKING:
    import socket

    from sightline.pages.guarded import App
    from sightline.pages.server import PageServer
    from sightline.pipe.pipe import Pipe

MOST_BODY: Final = 64 << 10
"""Bytes of an event's parameters as they come."""


class APIWrapper:
    """A pipe's server, once it was told to `run`.

    Args:
        host: the address to listen on. Any but this machine's own needs a token.
        port: 0: any free one; see `url`.
        pipe: built, or to be built.
        token: what who asks must know, as `?token=` or `Authorization: Bearer`; at least 8 characters.

    Attributes:
        url: where it is, as `http://127.0.0.1:8080`, without the token; "" before it runs.

    Raises:
        ConfigError: a host that others can reach, without a token.
        MissingExtra: fastapi is not installed.
    """

    def __init__(self, host: str, port: int, pipe: Pipe, token: str | None = None) -> None:
        check_token("APIWrapper", host, token, such_as='token=os.environ["PIPE_TOKEN"]')
        _check_fastapi()
        self.pipe = pipe
        self.url = ""
        self._host = host
        self._port = port
        self._token = token
        self._lock = threading.Lock()
        self._server: PageServer | None = None
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve from now on, and return at once.

        Until `close`, or somebody asks to `/kill` the pipe. A program that has nothing more to do goes on
        until then, or until the pipe is over.

        Raises:
            ConfigError: it ran before; the port is taken, or the host is not an address of this machine.
        """
        from sightline.pages.server import PageServer, listen, url_of  # noqa: PLC0415 - see `_app`

        with self._lock:
            if self._thread is not None:
                raise ConfigError("expected an APIWrapper that did not run yet")
            try:
                listening = listen(self._host, self._port)
            except OSError as error:
                raise ConfigError(
                    f"cannot serve a pipe on host {self._host!r} port {self._port!r}: {error.strerror}; "
                    "expected an address of this machine, and a free port (0: any)"
                ) from error
            self.url = url_of(listening).removesuffix("/")
            self._server = PageServer(self._app(listening), over=self._left_alone)
            thread = threading.Thread(target=self._server.run, args=([listening],), name="pipe-api")
            thread.start()
            self._thread = thread
        get_logger("sightline.pipe").info("the pipe is served", url=self.url)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it serves no more; False: time was up first. At once where it does not run."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Serve nothing more, within about a second; the pipe goes on. Again is allowed."""
        self._end()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _app(self, listening: socket.socket) -> App:
        from sightline.pages.guarded import Guarded  # noqa: PLC0415 - as fastapi, only where it is used
        from sightline.pages.server import address_of  # noqa: PLC0415
        from sightline.pipe.outside.api_page import PAGE_SECURITY  # noqa: PLC0415
        from sightline.pipe.outside.routes import LOOKS, make_app  # noqa: PLC0415

        guard = Guard(self._host, self._token, address=address_of(listening), looks=LOOKS)
        return Guarded(make_app(self.pipe, self._end), guard, most_body=MOST_BODY, security=PAGE_SECURITY)

    def _end(self) -> None:
        if self._server is not None:
            self._server.should_exit = True

    def _left_alone(self) -> bool:
        """Whether there is neither a program nor a pipe any more that it could be for."""
        if threading.main_thread().is_alive():
            return False
        with suppress(Closed):  # it broke, and is over too
            return self.pipe.wait(0)
        return True


def _check_fastapi() -> None:
    try:
        import fastapi  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise MissingExtra("fastapi is not installed; it comes with: pip install 'sightline[api]'") from error
