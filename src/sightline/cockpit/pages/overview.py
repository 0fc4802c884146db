"""The overview."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.shell import Shell


def routes(shell: Shell) -> list[Route]:
    """Its one."""

    def overview(request: Request) -> Response:
        return shell.page(request, "overview.html")

    return [Route("/", overview, name="page_overview")]
