"""What all pages have in common: the frame that they are shown in, who asks, forms, and the way on.

It promises: a page is rendered with who asks and what that allows; what a page said before going on is shown
once. Every answer to a form of a browser without scripts is a whole page.

Deliberately not here: what a page shows (`pages`), and who is let in (`letting_in`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import sightline
from sightline.clock import NS_PER_MS, SYSTEM_CLOCK, Clock
from sightline.cockpit.assets import Assets
from sightline.cockpit.cookies import Said, Tone, drop_said, keep_said, said_before
from sightline.cockpit.news import News
from sightline.cockpit.rendering import environment
from sightline.fleet.api.app import PageParts
from sightline.fleet.api.entitled import NotLoggedIn, asked_by
from sightline.fleet.entrance.entrance import Asked
from sightline.fleet.people.rights import OPEN, RIGHTS

_NAV: Final = (
    ("/", "Overview", "page_overview"),
    ("/cameras", "Cameras", "page_cameras"),
    ("/instances", "Instances", "page_instances"),
    ("/agents", "Agents", "page_agents"),
    ("/plan", "Plan", "page_plan"),
    ("/events", "Events", "page_events"),
    ("/audit", "Audit", "page_audit"),
    ("/users", "Users", "page_users"),
)
_HTMX: Final = json.dumps(
    {
        "includeIndicatorCSS": False,
        "history": False,
        "defaultSwap": "outerMorph",
        "morphIgnore": ["data-htmx-powered", "open", "data-touched", "data-sent"],
        "morphSkip": "[data-touched], [data-stays]",
    }
)
"""No style that the policy would refuse. What is morphed keeps its focus; what is open stays open, and a form
that somebody began to fill in, and a picture that plays, stay as they are."""


class Entry(NamedTuple):
    """Of the navigation."""

    path: str
    word: str
    is_here: bool


class Shell:
    """Of one fleet's pages. Any thread may use it.

    Args:
        parts: what pages show and act on.
        secure: whether cookies go over TLS alone; None: where the request came by it. Behind a proxy that the
            coordinator was told of, the address that was typed says so, and no header (`fleet.api.proxied`).
        clock: its time.

    Attributes:
        parts: what pages show and act on.
        news: what changed of them; a page says of which number it is.
        served: names of the routes that there are; the navigation shows no other.
    """

    def __init__(self, parts: PageParts, *, secure: bool | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self.parts = parts
        self.clock = clock
        self.assets = Assets()
        self.news = News(clock.utc_ns() // NS_PER_MS)
        self.served: frozenset[str] = frozenset()
        self._secure = secure
        self._templates = environment(
            asset=self.assets.path, assets=self.assets, htmx_config=_HTMX, version=sightline.__version__
        )

    # Who asks

    def asked(self, request: Request) -> Asked:
        """Who asks; for a route that not everybody may use."""
        asked = asked_by(request)
        if asked is None:
            raise NotLoggedIn
        return asked

    def may(self, request: Request, name: str) -> bool:
        """Whether who asks may use the route of that name, of the pages or of the API."""
        asked = asked_by(request)
        if name in OPEN:
            return True
        return asked is not None and name in RIGHTS and asked.principal.role.allows(RIGHTS[name])

    def is_secure(self, request: Request) -> bool:
        """Whether cookies are for TLS alone."""
        return request.url.scheme == "https" if self._secure is None else self._secure

    def form(self, request: Request) -> FormData:
        """What was filled in; it was read before the page's function was called."""
        form: FormData = request.state.form
        return form

    def text(self, request: Request, name: str) -> str:
        """One field of it, without blanks around it; "" where it is missing, or is a file."""
        value = self.form(request).get(name, "")
        return value.strip() if isinstance(value, str) else ""

    # What is answered

    def page(self, request: Request, name: str, /, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """A template of the package within the frame, with `values` and what each page has."""
        said = said_before(request) if _is_opened(request) else None
        text = self._templates.get_template(name).render(self._common(request, said) | values)
        response = HTMLResponse(text, status)
        if said is not None:
            drop_said(response, secure=self.is_secure(request))
        return response

    def part(self, request: Request, name: str, /, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
        """A template that is a part of a page, for htmx to put in; what was said before waits for a page."""
        return HTMLResponse(
            self._templates.get_template(name).render(self._common(request, None) | values), status
        )

    def go(self, request: Request, path: str, said: str = "", tone: Tone = "good") -> Response:
        """Have the browser go on to a page of ours, which says what was done."""
        response: Response = RedirectResponse(path, HTTPStatus.SEE_OTHER)
        if "hx-request" in request.headers:
            response = Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": path})
        if said:
            keep_said(response, Said(tone, said), secure=self.is_secure(request))
        return response

    def _common(self, request: Request, said: Said | None) -> dict[str, Any]:
        asked = asked_by(request)
        return {
            "who": asked and asked.principal,
            "is_in": asked is not None,
            "csrf": (asked and asked.csrf) or "",
            "here": request.url.path,
            "news": self.news.newest,
            "nav": self._nav(request) if asked else [],
            "said": said,
            "may": lambda name: self.may(request, name),
            "now": datetime.fromtimestamp(self.clock.utc_ns() / 1e9, UTC),
            "query": request.query_params,
        }

    def _nav(self, request: Request) -> list[Entry]:
        here = request.url.path
        return [
            Entry(path, word, here == path or (path != "/" and here.startswith(f"{path}/")))
            for path, word, name in _NAV
            if name in self.served and self.may(request, name)
        ]


def own_path(path: str) -> str:
    """Where to go on after a login: a path of this server, and of no other."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own and "\\" not in path else "/"


def with_errors(errors: Mapping[str, str], *names: str) -> dict[str, str]:
    """For a template: `why_NAME` of each field, "" where nothing is wrong with it."""
    return {f"why_{name}": errors.get(name, "") for name in names}


def _is_opened(request: Request) -> bool:
    """Whether a page is shown, and not looked through for what is new of it."""
    return request.headers.get("sec-fetch-mode", "navigate") == "navigate"
