"""Many cameras, instances or machines at once, out of a CSV file: first what it would change, then the rest.

It promises: nothing is changed before somebody saw what would be; what was shown is what comes in; the file,
which may hold passwords, stands in no page in clear, and is kept nowhere between the two.
"""

from __future__ import annotations

import json
from typing import Any, Final, cast, get_args

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightline.clock import NS_PER_S
from sightline.cockpit.pages.desk import Desk, Form, sentence, status_of
from sightline.cockpit.shell import Shell
from sightline.cockpit.views.plans import plan_view
from sightline.cockpit.views.words import counted
from sightline.errors import ConfigError, StoreError
from sightline.fleet.api.front import MOST_BODY
from sightline.fleet.coordinator.bringing import Brought
from sightline.fleet.store.csv_file import Kind
from sightline.fleet.store.importing import Imported
from sightline.fleet.store.refusals import Refused

_PURPOSE: Final = "import page"
"""The vault seals text that a stranger to it wrote: for nothing else."""
_HOLDS_S: Final = 3600
_MOST_TEXT: Final = (MOST_BODY - 64 * 1024) * 3 // 4
"""Of a file: sealed it is a third longer, and comes back as a field among others."""
_MOST_ROWS: Final = 500
_MOST_MISTAKES: Final = 50
_EXAMPLE: Final = "camera_id,address,username,password\ngate,rtsp://10.0.0.5/main,eye,secret\n"


def routes(shell: Shell) -> list[Route]:
    """The form, what it would change, and the import."""
    page = _Importing(Desk(shell))
    return [
        Route("/import", page.show, name="page_import"),
        Route("/import", page.send, methods=["POST"], name="import_a_table"),
    ]


class _Importing:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._shell = desk, desk.shell

    def show(self, request: Request) -> Response:
        """Which file."""
        kind = request.query_params.get("kind", "cameras")
        return self._form(request, Form({"kind": kind, "text": ""}))

    def send(self, request: Request) -> Response:
        """A file: what it would change; or one that was looked at: bring it in."""
        sealed = self._shell.text(request, "sealed")
        try:
            kind, prune, text = self._opened(request, sealed) if sealed else self._sent(request)
            done = self._desk.acts.import_csv(kind, text, prune=prune, dry_run=not sealed)
        except Refused as error:
            told = [str(one) for one in error.mistakes[:_MOST_MISTAKES]]
            if len(error.mistakes) > len(told):
                told.append(f"and {len(error.mistakes) - len(told):,} more mistakes")
            form = Form({"kind": self._shell.text(request, "kind")}, {"text": told})
            return self._form(request, form)
        if sealed:
            return self._shell.go(request, f"/{kind}", sentence(_told(kind, done.imported)))
        return self._would(request, kind, prune, text, done)

    def _sent(self, request: Request) -> tuple[Kind, bool, str]:
        """A file, or what was written in its place."""
        found = self._shell.form(request).get("file")
        data = found.file.read() if isinstance(found, UploadFile) else b""
        try:
            text = data.decode("utf-8-sig") or self._shell.text(request, "text")
        except UnicodeDecodeError:
            raise ConfigError("expected a file of text in UTF-8") from None
        if len(json.dumps(text)) > _MOST_TEXT:
            raise ConfigError("expected a smaller file: bring it in as several")
        return _kind(self._shell.text(request, "kind")), bool(self._shell.text(request, "prune")), text

    def _opened(self, request: Request, sealed: str) -> tuple[Kind, bool, str]:
        """What was looked at before, by the same one, and not long ago."""
        try:
            said = json.loads(self._desk.database.vault.open(sealed, _PURPOSE))
            is_own = said["who"] == self._shell.asked(request).principal.name
        except (StoreError, ValueError, KeyError, TypeError):
            raise ConfigError("expected a file that was looked at here before; choose it again") from None
        if not is_own or self._shell.clock.utc_ns() > said["until_ns"]:
            raise ConfigError("expected a file that you looked at within the last hour; choose it again")
        return _kind(said["kind"]), bool(said["prune"]), str(said["text"])

    def _would(self, request: Request, kind: Kind, prune: bool, text: str, done: Brought) -> Response:
        said = {
            "who": self._shell.asked(request).principal.name,
            "until_ns": self._shell.clock.utc_ns() + _HOLDS_S * NS_PER_S,
            "kind": kind,
            "prune": prune,
            "text": text,
        }
        rows = done.imported.rows
        return self._shell.page(
            request,
            "import_would.html",
            kind=kind,
            told=_told(kind, done.imported),
            is_nothing=done.imported.is_nothing,
            rows=rows[:_MOST_ROWS],
            more=max(0, len(rows) - _MOST_ROWS),
            plan=None if done.plan is None else plan_view(done.plan, self._desk.agents()),
            sealed=self._desk.database.vault.seal(json.dumps(said), _PURPOSE),
        )

    def _form(self, request: Request, form: Form) -> Response:
        kinds: list[Any] = [(kind, kind) for kind in get_args(Kind)]
        status = status_of(form)
        return self._shell.page(
            request, "import.html", status=status, form=form, kinds=kinds, example=_EXAMPLE
        )


def _kind(text: str) -> Kind:
    if text not in get_args(Kind):
        raise ConfigError(f"expected {', '.join(get_args(Kind))}")
    return cast(Kind, text)


def _told(kind: Kind, imported: Imported) -> str:
    changes = getattr(imported, kind)
    of = {
        "new": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "as before": changes.unchanged,
    }
    parts = [f"{len(names):,} {word}" for word, names in of.items() if names]
    total = sum(map(len, of.values()))
    return f"{counted(total, 'row')}: {', '.join(parts)}" if parts else "the file has no rows"
