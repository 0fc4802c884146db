"""Into the draft and out of the database as files: site files, CSV, and rows as JSON.

What comes in changes all of it or nothing, and is a draft until it is applied. No password goes out: in a
site file variables of the environment stand for them, in CSV nothing does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path as FilePath
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sightline.fleet.api.answers import PlanAnswer
from sightline.fleet.api.described import failing
from sightline.fleet.api.examples import EXAMPLES
from sightline.fleet.coordinator.bringing import Brought, Look, bring_csv, brought
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.store.csv_file import Kind, export_csv
from sightline.fleet.store.importing import Imported, import_rows
from sightline.fleet.store.site_file import export_site, import_site

_NOTHING: Final = "there is nothing to export, or it cannot stand in one file"
_YAML: Final = "cameras:\n  gate: {url: rtsp://10.0.0.5/main}\nworkers:\n  look: {model: {kind: motion}}\n"
_CSV: Final = "camera_id,address\r\ngate,rtsp://10.0.0.5/main\r\n"
Origin = Annotated[
    str | None, Query(max_length=200, description="what the rows are marked by; they are found by it again")
]
Prune = Annotated[bool, Query(description="rows of this origin that are not named are removed")]
Adopt = Annotated[bool, Query(description="rows of these names that are another's are taken over")]
DryRun = Annotated[bool, Query(description="nothing is changed")]


async def _text(request: Request) -> bytes:
    """As it came, whatever it says of its type."""
    return await request.body()


Text = Annotated[bytes, Depends(_text)]


def _body(content_type: str, example: str) -> dict[str, Any]:
    """What comes with a request, for programs that read it; FastAPI never sees it."""
    content = {content_type: {"schema": {"type": "string"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


class Rows(BaseModel):
    """Rows of any of the three tables, each as when it is made; what they do not name stays."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    origin: str = Field(min_length=1, max_length=200, examples=["site:office.yaml"])
    instances: list[dict[str, Any]] = Field(default=[], examples=[[EXAMPLES["DsInstanceIn"]]])
    cameras: list[dict[str, Any]] = Field(default=[], examples=[[EXAMPLES["CameraIn"]]])
    agents: list[dict[str, Any]] = Field(default=[], examples=[[EXAMPLES["AgentIn"]]])
    prune: bool = False
    adopt: bool = False
    dry_run: bool = False


class ImportedRows(Imported):
    """What an import does, or would do; of a dry run also what applying it would change."""

    plan: PlanAnswer | None = Field(default=None, examples=[None])

    @classmethod
    def of(cls, done: Brought) -> Self:
        plan = None if done.plan is None else PlanAnswer.of(done.plan)
        return cls(**dict(done.imported), plan=plan)


class SiteFile(BaseModel):
    """A site file."""

    text: str = Field(description="YAML", examples=[_YAML])
    variables: dict[str, str] = Field(
        description="of the environment that it needs, and what each one is",
        examples=[{"CAMERA_GATE_PASSWORD": "the password of camera gate"}],
    )
    left_out: list[str] = Field(description="what a site file cannot say", examples=[[]])


def transfer_routes(service: CoordinatorService) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/api/v1", tags=["files"])
    _add_imports(router, service)
    _add_exports(router, service)
    return router


def _add_imports(router: APIRouter, service: CoordinatorService) -> None:
    @router.post("/import")
    def import_all(rows: Rows) -> ImportedRows:
        """Bring rows into the draft, all or none. A dry run says also what applying it would change then."""
        return ImportedRows.of(
            brought(
                service,
                lambda look: import_rows(service.database, **rows.model_dump(), look=look),
                dry_run=rows.dry_run,
            )
        )

    @router.post("/import/site", openapi_extra=_body("application/yaml", _YAML))
    def import_a_site(
        text: Text, *, origin: Origin = None, prune: Prune = False, adopt: Adopt = False,
        dry_run: DryRun = False,
    ) -> ImportedRows:  # fmt: skip
        """Bring a site file into the draft: its cameras, and an instance for workers that share cameras. It
        may name no variables of the environment, which is not the coordinator's to give.
        """
        with tempfile.TemporaryDirectory(prefix="sightline-import-") as folder:
            path = FilePath(folder) / "site.yaml"
            path.write_bytes(text)
            how: dict[str, Any] = {"prune": prune, "adopt": adopt, "dry_run": dry_run}
            origin = origin or "site:api"

            def bring(look: Look | None) -> Imported:
                return import_site(service.database, path, origin=origin, environ={}, look=look, **how)

            return ImportedRows.of(brought(service, bring, dry_run=dry_run))

    @router.post("/import/{kind}.csv", openapi_extra=_body("text/csv", _CSV))
    def import_a_table(
        kind: Annotated[Kind, Path(description="of which rows", examples=["cameras"])], text: Text, *,
        origin: Origin = None, prune: Prune = False, dry_run: DryRun = False,
    ) -> ImportedRows:  # fmt: skip
        """Bring the rows of a CSV file into the draft; empty cells are as in a new row."""
        return ImportedRows.of(bring_csv(service, kind, text, origin=origin, prune=prune, dry_run=dry_run))


def _add_exports(router: APIRouter, service: CoordinatorService) -> None:
    @router.get("/export/site", responses=failing(conflict=_NOTHING))
    def export_a_site(
        instance: Annotated[list[str] | None, Query(description="of these; left out: of all workers")] = None,
    ) -> SiteFile:
        """The fleet's own workers and their cameras as a site file."""
        made = export_site(service.database, instance)
        return SiteFile(text=made.text, variables=made.variables, left_out=list(made.left_out))

    @router.get(
        "/export/{kind}.csv",
        response_class=Response,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV}}}},
    )
    def export_a_table(
        kind: Annotated[Kind, Path(description="of which rows", examples=["cameras"])],
    ) -> Response:
        """All rows of a table as CSV, which goes in again and changes nothing."""
        return Response(export_csv(service.database, kind), media_type="text/csv")
