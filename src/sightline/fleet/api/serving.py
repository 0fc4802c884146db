"""A coordinator whole: its database and keys, the service, and the API on a port.

It promises: where it cannot begin, nothing of it is left; it ends within seconds, and what was answered
holds.
"""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError
from sightline.fleet.api.app import PageParts, Pages, fleet_app
from sightline.fleet.api.proxied import Proxy, whose
from sightline.fleet.coordinator.places import identity_file, made_token, token_file
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.entrance.entrance import Entrance
from sightline.fleet.keys.identity import Identity
from sightline.fleet.store import Database
from sightline.fleet.timing import Timing
from sightline.fleet.viewing.viewing import Viewing
from sightline.pages.guard import check_token
from sightline.pages.server import PageServer, address_of, listen, url_of
from sightline.site.stopping import Stopping

MOST_CONNECTIONS: Final = 1024
"""Who looks at a camera has two: its picture, and what is new."""


class ApiServer:
    """The API of a coordinator that runs, and its pages, on a socket that listens: from now until `close`.

    Args:
        service: that it is of.
        listening: where.
        host: what that was called.
        entrance: knows who asks.
        viewing: live pictures of its cameras.
        pages: beside the API; None: there are none.
        proxy: before it; None: there is none.

    Attributes:
        url: as `http://127.0.0.1:8420`.
    """

    def __init__(
        self,
        service: CoordinatorService,
        listening: socket.socket,
        *,
        host: str,
        entrance: Entrance,
        viewing: Viewing | None = None,
        pages: Pages | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self.url = url_of(listening).removesuffix("/")
        self._viewing = viewing
        parts = PageParts(service, entrance, viewing)
        self._server = PageServer(
            fleet_app(parts, host=host, address=address_of(listening), pages=pages, proxy=proxy),
            most_connections=MOST_CONNECTIONS,
            whose=partial(whose, proxy=proxy),
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([listening],), name="fleet api", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Again is allowed."""
        if self._viewing is not None:
            self._viewing.end()
        self._server.should_exit = True
        self._thread.join()


class CoordinatorServer:
    """From now until `close`.

    Args:
        bus: its URL.
        database: the file; what else it needs lies beside it.
        host, port: of the API and the pages; 0: a free port.
        token: who knows it may do everything; None: one that is made, and kept in `token_path`.
        prefix, open_topics: as `CoordinatorService` has them.
        pages: for people, beside the API; None: there are none.
        proxy: that has TLS before it; None: there is none.
        timing, clock: for tests.

    Attributes:
        url: of the API, as `http://127.0.0.1:8420`.
        token: of it. token_path: where it was kept; None: it was given.
        service: what is behind it.
        entrance: knows who asks: users, their logins and tokens.
        viewing: live pictures of its cameras.

    Raises:
        ConfigError, StoreError, MissingExtra: it cannot begin, and why. A bus that is away is none of this.
    """

    def __init__(
        self,
        *,
        bus: str,
        database: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        prefix: str = "",
        open_topics: bool = False,
        pages: Pages | None = None,
        proxy: Proxy | None = None,
        timing: Timing | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        # Others may reach it: there always is a token, also where none was given.
        check_token("a coordinator", "127.0.0.1", token, such_as="--token-env SIGHTLINE_FLEET_TOKEN")
        self._stopping = Stopping()
        _make_folder(database.parent)
        with ExitStack() as opened:
            listening = listening_at(host, port)
            opened.callback(listening.close)
            self.token_path = token_file(database) if token is None else None
            self.token = made_token(self.token_path) if self.token_path else str(token)
            store = Database(database)
            opened.callback(store.close)
            identity = Identity.load_or_make(identity_file(database))
            self.service = CoordinatorService(
                bus,
                store,
                identity,
                prefix=prefix,
                open_topics=open_topics,
                timing=timing or Timing(),
                clock=clock,
            )
            opened.callback(self.service.close)
            self.entrance = Entrance(store, root_token=self.token, clock=clock)
            self.viewing = Viewing(self.service, lambda: bus, prefix=prefix)
            opened.callback(self.viewing.close)
            server = ApiServer(
                self.service,
                listening,
                host=host,
                entrance=self.entrance,
                viewing=self.viewing,
                pages=pages,
                proxy=proxy,
            )
            opened.callback(server.close)
            self.url = server.url
            self._opened = opened.pop_all()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it was asked to stop; False: `timeout_s` went by."""
        return self._stopping.wait(lambda: False, timeout_s)

    def request_stop(self) -> None:
        """Have `wait` end; safe in a signal handler."""
        self._stopping.ask()

    def close(self) -> None:
        """Again is allowed."""
        self.request_stop()
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def listening_at(host: str, port: int) -> socket.socket:
    """For `ApiServer`. Raises ConfigError."""
    try:
        return listen(host, port)
    except OSError as error:
        raise ConfigError(
            f"cannot serve the fleet's API on host {host!r} port {port}: {error.strerror}; expected an "
            "address of this machine, and a free port (0: any)"
        ) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder} for the database: {error.strerror}") from None
