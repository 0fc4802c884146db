"""`sightline deepstream generate`: all files of an instance of the fleet's document."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from sightline.cli.deepstream_showing import shown
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.deepstream.generating import Debug, Found, Generated
    from sightline.deepstream.models import DsInstance

_MAX_BYTES: Final = 4 << 20


def generate_files(
    document: Path,
    folder: Path,
    to: str,
    debug: str | None,
    *,
    rtsp_port: int,
    force: bool,
    as_json: bool,
) -> None:
    from sightline.deepstream.document import Form
    from sightline.deepstream.generating import generate

    made = generate(_instance(document), form=Form(to), debug=_debug(debug, rtsp_port))
    if not force and _would_change(made, folder):
        raise ConfigError(
            f"{folder}: holds another instance or another state of it; --force moves on from it"
        )
    try:
        found = made.write(folder)
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None
    _tell(made, found, folder, as_json=as_json)


def _debug(word: str | None, rtsp_port: int) -> bool | Debug | None:
    from sightline.deepstream.generating import Debug

    if word is None or word == "off":
        return None if word is None else False
    return Debug(file=None, rtsp_port=rtsp_port) if word == "rtsp" else Debug()


def _would_change(made: Generated, folder: Path) -> bool:
    """Whether other files are the current ones there."""
    from sightline.deepstream.generating import CURRENT

    current = folder / CURRENT
    if not current.is_dir():
        return False
    there = {path.name: path.read_bytes() for path in current.iterdir()}
    return there != {name: content.data for name, content in made.contents.items()}


def _instance(path: Path) -> DsInstance:
    """Raises ConfigError."""
    from sightline.deepstream.models import DsInstance

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than {_MAX_BYTES >> 20} MiB: this is no instance")
    try:
        if path.suffix == ".json":
            return DsInstance.model_validate_json(data)
        return DsInstance.model_validate(_yaml(data))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _yaml(data: bytes) -> Any:
    """The values of YAML, variables of the environment filled in as in a site file."""
    from sightline.site.document import parse
    from sightline.site.syntax import NotYaml

    try:
        document = parse(data.decode("utf-8"), os.environ)
    except UnicodeDecodeError:
        raise ConfigError("expected text in UTF-8") from None
    except NotYaml as error:
        raise ConfigError(f"line {error.finding.place.line}: {error.finding.message}") from None
    for finding in document.findings:
        raise ConfigError(f"line {finding.place.line}: {finding.message}")
    return document.value


def _tell(made: Generated, found: Found, folder: Path, *, as_json: bool) -> None:
    from sightline.deepstream.generating import CURRENT

    command = made.command(found.folder)
    if as_json:
        told = {
            "folder": str(found.folder),
            "changed": list(found.changed),
            "digest": found.digest,
            "files": sorted(made.contents),
            "command": list(command),
            "environment": dict(made.environment),
            "notes": list(made.notes),
        }
        typer.echo(json.dumps(told, indent=2))
        return
    typer.echo(f"{folder / CURRENT}: {'changed' if found.changed else 'nothing changed'}")
    for name in sorted(made.contents):
        typer.echo(f"  {shown(name)}{'  (may be read by its owner alone)' if name in made.secret else ''}")
    for note in made.notes:
        typer.echo(f"note: {shown(note)}")
    before = (f"{name}={shlex.quote(value)}" for name, value in made.environment.items())
    typer.echo(" ".join([*before, shlex.join(command)]))
