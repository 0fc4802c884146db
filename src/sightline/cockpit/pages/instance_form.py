"""The form of an instance, new or there already. As with cameras: what is refused is told at its fields, with
the line of the text, and who comes too late is shown both.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk, Form, check_generation, clashed, refused, sent, status_of
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.addresses import name_in, path_to
from sightline.cockpit.views.instance_form import ALIASES, FIELDS, NEW, fill_instance, instance_texts
from sightline.fleet.store.refusals import Conflict, Mistake, Refused
from sightline.fleet.store.rows import DsInstanceOut


def routes(shell: Shell) -> list[Route]:
    """To make one, and to change one."""
    page = _Form(Desk(shell))
    return [
        Route("/new/instance", page.new, name="page_new_instance"),
        Route("/new/instance", page.make, methods=["POST"], name="create_instance"),
        Route("/instances/{name}/edit", page.edit, name="page_edit_instance"),
        Route("/instances/{name}/edit", page.change, methods=["POST"], name="change_instance"),
    ]


class _Form:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell, self._instances = desk, desk.shell, desk.database.instances

    def new(self, request: Request) -> Response:
        """With an example in it."""
        return self._show(request, Form(NEW))

    def make(self, request: Request) -> Response:
        """Filled in, of one that is to be made."""
        filled = fill_instance(sent(self._desk, request))
        if filled.mistakes:
            return self._show(request, refused(filled, (), FIELDS, ALIASES))
        try:
            made = self._instances.add(filled.values)
        except Refused as error:
            return self._show(request, refused(filled, error.mistakes, FIELDS, ALIASES))
        except Conflict as error:
            taken = [Mistake("instance_name", str(error))]
            return self._show(request, refused(filled, taken, FIELDS, ALIASES))
        return self._saved(request, made.instance_name, "is made")

    def edit(self, request: Request) -> Response:
        """Of one that is there."""
        row = self._row(request)
        return self._show(request, Form(instance_texts(row)), row)

    def change(self, request: Request) -> Response:
        """Filled in, of one that is there."""
        row = self._row(request)
        filled = fill_instance(sent(self._desk, request), row)
        name = row.instance_name
        try:
            check_generation(self._desk, request, row)
            if filled.mistakes:
                return self._show(request, refused(filled, (), FIELDS, ALIASES), row)
            self._instances.change(name, filled.values, row.generation)
        except Conflict:
            now, again = self._row(request), path_to("instances", name, "edit")
            form = clashed(self._desk, ("instance", name), filled, instance_texts(now), again)
            return self._show(request, form, now)
        except Refused as error:
            return self._show(request, refused(filled, error.mistakes, FIELDS, ALIASES), row)
        return self._saved(request, name, "is changed" if filled.values else "is as it was")

    def _row(self, request: Request) -> DsInstanceOut:
        return self._instances.get(name_in(request.path_params["name"]))

    def _show(self, request: Request, form: Form, row: DsInstanceOut | None = None) -> Response:
        names = self._desk.names()["agent_names"]
        return self._shell.page(
            request, "instance_form.html", status=status_of(form), form=form, row=row, agent_names=names
        )

    def _saved(self, request: Request, name: str, what: str) -> Response:
        told = f"{name} {what} in the draft. It holds once it is applied: start it alone, or apply the plan."
        return self._shell.go(request, path_to("instances", name), told)
