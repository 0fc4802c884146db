"""What the pages of rows have in common: the fleet as it is now, lists, forms, and what an act comes to.

It promises: a page is shown whatever the bus and the agents do; what the coordinator's thread has no time for
is left out, and said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from sightline.cockpit.shell import Shell
from sightline.cockpit.views.forms import Both, Filled, both, errors_at
from sightline.cockpit.views.listing import Listing
from sightline.cockpit.views.plans import plan_view
from sightline.cockpit.views.rows import Around
from sightline.errors import BufferFull, CallTimedOut, Closed, SightlineError
from sightline.fleet.coordinator.acts import Acted, Acts
from sightline.fleet.deciding.coordinator.explaining import Explanation
from sightline.fleet.store.refusals import Conflict, Mistake
from sightline.fleet.store.row import Page

T = TypeVar("T")
MOST_NAMES: Final = 200
_ASK_S: Final = 3.0
_OF_LATE: Final = 12


class Clash(NamedTuple):
    """Somebody changed a row while another one filled in its form.

    Attributes:
        who: changed it; at: when; None: it is not known.
        both: fields that are not the same.
        again: the address of the form as it is now.
    """

    who: str
    at: datetime | None
    both: list[Both]
    again: str


class Form(NamedTuple):
    """A form as a template shows it."""

    texts: Mapping[str, str]
    errors: Mapping[str, list[str]] = {}
    clash: Clash | None = None


class Desk:
    """Of one fleet's pages. Any thread may use it."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.service = shell.parts.service
        self.database = self.service.database
        self.acts = Acts(self.service)

    def agents(self) -> dict[str, str]:
        """Names of machines, by node_id."""
        return self.database.agents.names()

    def around(self) -> Around:
        """What lines are compared with."""
        return Around(self.service.applied, self.agents(), away=not self.service.connected)

    def names(self) -> dict[str, Any]:
        """What may be chosen in a form: some of the machines and instances that there are."""
        agents = self.database.agents.page(limit=MOST_NAMES, sort="agent_name").items
        instances = self.database.instances.page(limit=MOST_NAMES, sort="instance_name").items
        return {
            "agent_names": [row.agent_name for row in agents],
            "instance_names": [row.instance_name for row in instances],
        }

    def events(self, **of: Any) -> list[Any]:
        """The last ones of something."""
        return list(self.database.events.page(limit=_OF_LATE, **of).items)

    def explained(self, name: str, kind: str) -> Explanation | None:
        """Why it is as it is; None: nothing of it is applied, or nobody has time to say."""
        with suppress(CallTimedOut, BufferFull, Closed):
            found = self.service.asking.explain(name, _ASK_S)
            return found if found.kind == kind else None
        return None

    def acted(self, request: Request, after: str, act: Callable[[bool], Acted]) -> Response:
        """Do it and go on to a page that says so; with `dry_run` in the form: say what it would change."""
        if not self.shell.text(request, "dry_run"):
            return self.told(request, after, lambda: act(False).detail)
        try:
            done = act(True)
        except SightlineError as error:
            return self.shell.go(request, after, sentence(str(error)), "bad")
        plan = None if done.plan is None else plan_view(done.plan, self.agents())
        own = {"csrf", "dry_run"}
        hidden = {name: text for name, text in sent(self, request).items() if name not in own}
        return self.shell.page(request, "would.html", acted=done, plan=plan, hidden=hidden, after=after)

    def told(self, request: Request, after: str, act: Callable[[], str]) -> Response:
        """Do it and go on to a page that says so; what cannot be is said there, too."""
        try:
            return self.shell.go(request, after, sentence(act()))
        except SightlineError as error:
            return self.shell.go(request, after, sentence(str(error)), "bad")

    def changed_by(self, kind: str, name: str) -> tuple[str, datetime | None]:
        """Who changed it last, and when."""
        for entry in self.database.audit.page(kind=kind, name=name, limit=_OF_LATE).items:
            of = [one for one in entry.changes if (one.kind, one.name) == (kind, name)]
            if any(one.before or one.after for one in of):  # who tests or restarts it changes nothing
                return entry.who, entry.at
        return "Somebody", None


class HasGeneration(Protocol):
    @property
    def generation(self) -> int: ...


def listed(listing: Listing, page: Callable[..., Page[T]]) -> list[T]:
    """The rows of a list's page, of the last one where there are not so many."""
    found = page(**listing.asked())
    if not listing.found(found.total):
        found = page(**listing.asked())
        listing.found(found.total)
    return list(found.items)


def refused(
    filled: Filled, mistakes: Sequence[Mistake], fields: Sequence[str], aliases: Mapping[str, str]
) -> Form:
    """A form that cannot be taken as it is, each mistake at its field."""
    return Form(filled.texts, errors_at([*filled.mistakes, *mistakes], fields, aliases, filled.lines))


def clashed(desk: Desk, row: tuple[str, str], filled: Filled, now: Mapping[str, str], again: str) -> Form:
    """A form that came too late. `row`: kind and name; `now`: as its form would show it."""
    who, at = desk.changed_by(*row)
    return Form(filled.texts, {}, Clash(who, at, both(filled.texts, now, now), again))


def status_of(form: Form) -> int:
    """Of a page with that form."""
    if form.clash is not None:
        return HTTPStatus.CONFLICT
    return HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK


def check_generation(desk: Desk, request: Request, row: HasGeneration) -> None:
    """Raises Conflict where the row was changed since its form was shown."""
    text = desk.shell.text(request, "generation")
    if text != str(row.generation):
        raise Conflict("expected the row as its form showed it", generation=row.generation)


def sent(desk: Desk, request: Request) -> dict[str, str]:
    """The texts of a form as they are, blanks and all: a password may have some."""
    return {name: text for name, text in desk.shell.form(request).items() if isinstance(text, str)}


def sentence(text: str) -> str:
    """A detail on a page; its first word stays as it is, for it may be a name."""
    return text if text.endswith(".") else f"{text}."
