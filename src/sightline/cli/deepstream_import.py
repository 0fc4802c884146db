"""`sightline deepstream import`: a site file of a file of DeepStream."""

from __future__ import annotations

import io
import json
import os
import textwrap
from pathlib import Path
from typing import Final

import typer

from sightline.cli.deepstream_showing import plain_values, print_findings, shown
from sightline.cli.deepstream_writing import write_all
from sightline.deepstream.importing.site import Imported, import_file
from sightline.deepstream.refusal import Refused
from sightline.errors import ConfigError
from sightline.site import SiteError, parse_site

_ADDRESS: Final = "rtsp://placeholder.example/"


def import_into(path: Path, output: Path | None, *, force: bool, as_json: bool) -> None:
    if output and os.path.realpath(output) == os.path.realpath(path):
        raise ConfigError(f"{path}: would be written over by what is made of it")
    folder = output.absolute().parent if output else Path.cwd()
    made = import_file(path, folder=folder)
    text = _text(made, path)
    _check(text, made, folder)
    if output is not None:
        write_all({output: text.encode()}, force=force)
    if as_json:
        told = {
            "site": made.site,
            "variables": made.variables,
            "notes": plain_values(made.notes),
            "written": str(output) if output else None,
        }
        typer.echo(json.dumps(told, indent=2))
        return
    print_findings(made.notes, err=True)
    for name, what in made.variables.items():
        typer.echo(f"set {name}: {shown(what)}", err=True)
    typer.echo(f"wrote {shown(str(output))}" if output else text, nl=output is not None)


def _check(text: str, made: Imported, folder: Path) -> None:
    """As `sightline check` will, with something in the place of each login."""
    values = {name: _ADDRESS if name.endswith("_URL") else "placeholder" for name in made.variables}
    try:
        parse_site(text, {**os.environ, **values}, name="site", folder=folder)
    except SiteError as error:
        raise Refused(f"what was made of it is no site file: {error}") from None


def _text(made: Imported, path: Path) -> str:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(made.site, text)
    return "".join(f"{line}\n" for line in _comment(made, path)) + text.getvalue()


def _comment(made: Imported, path: Path) -> list[str]:
    lines = [f"# Made of {shown(path.name)} by sightline deepstream import."]
    for note in made.notes:
        file = f"{Path(note.file).name}: " if note.file else ""
        wrapped = textwrap.wrap(shown(file + note.message), 96, break_on_hyphens=False)
        lines += [f"# {'- ' if number == 0 else '  '}{part}" for number, part in enumerate(wrapped)]
    for name, what in made.variables.items():
        lines.append(f"# {name}: {shown(what)}")
    return lines
