"""The API of a fleet of one: where it is to be, and how those who ask it know its token.

It needs the extra `fleet`; nothing of it is imported before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from sightline.errors import ConfigError, MissingExtra
from sightline.fleet.coordinator.places import made_token, token_file
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.pages.guard import check_token

if TYPE_CHECKING:
    from sightline.fleet.api.app import Pages
    from sightline.fleet.entrance.entrance import Entrance
    from sightline.fleet.one.viewed import ViewAt

_HERE = "127.0.0.1"
_EXAMPLE = "expected a port, or an address and a port, such as 8420 or 127.0.0.1:8420"


class OneApi(NamedTuple):
    """An API that is served: its address, where its token stands in words, and who knows its users."""

    url: str
    token_at: str
    entrance: Entrance

    def lines(self) -> Iterator[str]:
        yield f"fleet: {self.url}"
        yield f"token: in {self.token_at}"


class ApiWish(NamedTuple):
    """Where an API is to be served.

    Attributes:
        host, port: of it; port 0: a free one.
        token: who asks must know it; None: one that is made, and kept beside the database.
        token_at: where that one was said, for people.
        pages: beside it; None: there are none.
    """

    host: str
    port: int
    token: str | None = None
    token_at: str = ""
    pages: Pages | None = None

    @classmethod
    def parse(cls, text: str, token: str | None = None, token_at: str = "") -> ApiWish:
        """Of `[HOST:]PORT`. Raises ConfigError, and MissingExtra where nothing can serve it."""
        host, _, port = text.rpartition(":")
        host = host.strip("[]") or _HERE
        if not port.isdecimal() or int(port) > 65535:
            raise ConfigError(f"{_EXAMPLE}, got {text[:100]!r}")
        # Others may reach it: there always is a token, also where none was given.
        check_token("a fleet's API", _HERE, token, such_as="--token-env SIGHTLINE_FLEET_TOKEN")
        _check_extra()
        return cls(host, int(port), token, token_at)

    def serve(self, service: CoordinatorService, opened: ExitStack, view: ViewAt) -> OneApi:
        """Until `opened` is closed. Raises ConfigError where it cannot be there."""
        from sightline.fleet.api.serving import ApiServer, listening_at  # noqa: PLC0415 - see the module
        from sightline.fleet.entrance.entrance import Entrance  # noqa: PLC0415
        from sightline.fleet.viewing.viewing import Viewing  # noqa: PLC0415

        listening = listening_at(self.host, self.port)
        opened.callback(listening.close)
        path = token_file(service.database.path)
        token = made_token(path) if self.token is None else self.token
        entrance = Entrance(service.database, root_token=token)
        viewing = Viewing(service, view.where, prefix=view.prefix)
        opened.callback(viewing.close)
        server = ApiServer(
            service, listening, host=self.host, entrance=entrance, viewing=viewing, pages=self.pages
        )
        opened.callback(server.close)
        return OneApi(server.url, self.token_at or str(path), entrance)


def _check_extra() -> None:
    for name in ("fastapi", "argon2", "jinja2", "python_multipart"):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != name:
                raise
            raise MissingExtra(
                f"{name} is not installed; it comes with: pip install 'sightline[fleet]'"
            ) from error
