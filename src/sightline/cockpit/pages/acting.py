"""What may be done with one camera or instance at once, each also as a dry run: start, stop, debug, move."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk
from sightline.cockpit.views.addresses import name_in, path_to
from sightline.fleet.coordinator.acts import Acted, Kind


def act_routes(desk: Desk, kind: Kind) -> list[Route]:
    """The same names as the API's, so that rights and audit are the same."""
    acts = _Acting(desk, kind)
    steps: dict[str, Callable[[Request, str, bool], Acted]] = {
        "start": acts.start,
        "stop": acts.stop,
        "debug": acts.debug,
        "move": acts.move,
    }
    return [
        Route(f"/{kind}s/{{name}}/{step}", acts.answer(do), methods=["POST"], name=f"{step}_{kind}")
        for step, do in steps.items()
    ]


class _Acting:
    def __init__(self, desk: Desk, kind: Kind) -> None:
        self._desk, self._kind = desk, kind

    def answer(self, do: Callable[[Request, str, bool], Acted]) -> Callable[[Request], Response]:
        """A page's function that does it, and goes on to the page of what it was done with."""

        def done(request: Request) -> Response:
            name = name_in(request.path_params["name"])
            after = path_to(f"{self._kind}s", name)
            return self._desk.acted(request, after, lambda dry: do(request, name, dry))

        return done

    def start(self, _request: Request, name: str, dry: bool) -> Acted:
        return self._desk.acts.start(self._kind, name, dry_run=dry)

    def stop(self, _request: Request, name: str, dry: bool) -> Acted:
        return self._desk.acts.stop(self._kind, name, dry_run=dry)

    def debug(self, request: Request, name: str, dry: bool) -> Acted:
        on = self._desk.shell.text(request, "on") == "yes"
        return self._desk.acts.debug(self._kind, name, on=on, dry_run=dry)

    def move(self, request: Request, name: str, dry: bool) -> Acted:
        agent = self._desk.shell.text(request, "agent") or None
        if self._kind == "instance":
            return self._desk.acts.move_instance(name, agent=agent, dry_run=dry)
        instance = self._desk.shell.text(request, "instance") or None
        return self._desk.acts.move_camera(name, instance=instance, agent=agent, dry_run=dry)
