"""The form of a camera, new or there already, and a test of what stands in it before anything is saved.

It promises: what is refused is told at its fields, nothing of it is saved, and no password comes back. Who
saves what somebody else changed meanwhile is shown both, and decides.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.cockpit.pages.desk import Desk, Form, check_generation, clashed, refused, sent, status_of
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.addresses import name_in, path_to
from sightline.cockpit.views.camera_form import ALIASES, FIELDS, NEW, camera_texts, fill_camera
from sightline.errors import SightlineError
from sightline.fleet.coordinator.camera_tests import Tested
from sightline.fleet.store.refusals import Conflict, Mistake, Refused
from sightline.fleet.store.rows import CameraOut


def routes(shell: Shell) -> list[Route]:
    """To make one, to change one, and to test."""
    page = _Form(Desk(shell))
    return [
        Route("/new/camera", page.new, name="page_new_camera"),
        Route("/new/camera", page.make, methods=["POST"], name="create_camera"),
        Route("/test/camera", page.test_new, methods=["POST"], name="test_new_camera"),
        Route("/cameras/{name}/edit", page.edit, name="page_edit_camera"),
        Route("/cameras/{name}/edit", page.change, methods=["POST"], name="change_camera"),
        Route("/cameras/{name}/test", page.test, methods=["POST"], name="test_camera"),
    ]


class _Form:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell, self._cameras = desk, desk.shell, desk.database.cameras

    def new(self, request: Request) -> Response:
        """Empty."""
        return self._show(request, Form(NEW))

    def make(self, request: Request) -> Response:
        """Filled in, of one that is to be made."""
        filled = fill_camera(sent(self._desk, request))
        if filled.mistakes:
            return self._show(request, refused(filled, (), FIELDS, ALIASES))
        try:
            made = self._cameras.add(filled.values)
        except Refused as error:
            return self._show(request, refused(filled, error.mistakes, FIELDS, ALIASES))
        except Conflict as error:
            taken = [Mistake("camera_id", str(error))]
            return self._show(request, refused(filled, taken, FIELDS, ALIASES))
        return self._saved(request, made.camera_id, "is made")

    def edit(self, request: Request) -> Response:
        """Of one that is there."""
        row = self._row(request)
        return self._show(request, Form(camera_texts(row)), row)

    def change(self, request: Request) -> Response:
        """Filled in, of one that is there."""
        row = self._row(request)
        filled = fill_camera(sent(self._desk, request), row)
        try:
            check_generation(self._desk, request, row)
            if filled.mistakes:
                return self._show(request, refused(filled, (), FIELDS, ALIASES), row)
            self._cameras.change(row.camera_id, filled.values, row.generation)
        except Conflict:
            now = self._row(request)
            again = path_to("cameras", row.camera_id, "edit")
            form = clashed(self._desk, ("camera", row.camera_id), filled, camera_texts(now), again)
            return self._show(request, form, now)
        except Refused as error:
            return self._show(request, refused(filled, error.mistakes, FIELDS, ALIASES), row)
        return self._saved(request, row.camera_id, "is changed" if filled.values else "is as it was")

    def test_new(self, request: Request) -> Response:
        """Look through a camera as the form has it; nothing is saved."""
        texts = sent(self._desk, request)
        of = self._shell.text(request, "of")
        row = self._cameras.get(of) if of else None
        filled = fill_camera({**texts, "camera_id": of or texts.get("camera_id") or "camera"})
        filled.texts["camera_id"] = texts.get("camera_id", "")
        if filled.mistakes:
            return self._show(request, refused(filled, (), FIELDS, ALIASES), row, is_test=True)
        try:
            tested = self._desk.acts.test_source(filled.values)
        except Refused as error:
            return self._show(request, refused(filled, error.mistakes, FIELDS, ALIASES), row, is_test=True)
        except SightlineError as error:
            form = refused(filled, [Mistake("", f"the camera could not be tested: {error}")], FIELDS, ALIASES)
            return self._show(request, form, row, is_test=True)
        return self._show(request, Form(filled.texts), row, tested, is_test=True)

    def test(self, request: Request) -> Response:
        """Look through one that is saved, from where it is."""
        row = self._row(request)
        try:
            tested = self._desk.acts.test_camera(row.camera_id)
        except SightlineError as error:
            path = path_to("cameras", row.camera_id)
            return self._shell.go(request, path, f"The camera could not be tested: {error}", "bad")
        return self._shell.page(request, "camera_test.html", name=row.camera_id, tested=_shown(tested))

    def _row(self, request: Request) -> CameraOut:
        return self._cameras.get(name_in(request.path_params["name"]))

    def _show(
        self,
        request: Request,
        form: Form,
        row: CameraOut | None = None,
        tested: Tested | None = None,
        *,
        is_test: bool = False,
    ) -> Response:
        found = None if tested is None else _shown(tested)
        values: Mapping[str, Any] = {"form": form, "row": row, "tested": found, "is_test": is_test}
        status = status_of(form)
        return self._shell.page(request, "camera_form.html", status=status, **values, **self._desk.names())

    def _saved(self, request: Request, name: str, what: str) -> Response:
        told = f"{name} {what} in the draft. It holds once it is applied: start it alone, or apply the plan."
        return self._shell.go(request, path_to("cameras", name), told)


def _shown(tested: Tested) -> dict[str, Any]:
    """A test as a template shows it, its picture in the page: nothing of it is kept."""
    picture = f"data:image/jpeg;base64,{base64.b64encode(tested.jpeg).decode()}" if tested.jpeg else ""
    return {
        "ok": tested.ok,
        "on": tested.on,
        "fault": tested.fault,
        "report": tested.report,
        "picture": picture,
    }
