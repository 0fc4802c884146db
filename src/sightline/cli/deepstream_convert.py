"""`sightline deepstream convert`: a file in the other form."""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer

from sightline.cli.deepstream_showing import plain_values, print_findings, shown
from sightline.cli.deepstream_writing import write_all
from sightline.deepstream.comparing.converting import Converted, convert, write
from sightline.deepstream.comparing.twin_files import relative_paths
from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import would_load
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load, loads
from sightline.errors import ConfigError

_NOTHING: Final = "nothing was written; --lossy writes what can be said"


def convert_file(
    path: Path, to: str, output: Path | None, *, follow: bool, lossy: bool, force: bool, as_json: bool
) -> int:
    """The exit code."""
    form = Form(to)
    if Form.of(path) is form:
        raise typer.BadParameter(f"{path} is a file of the form {form} already", param_hint="--to")
    target = output or path.with_suffix(f".{form}")
    if Form.of(target) is not form:
        raise typer.BadParameter(
            f"DeepStream would not read {target.name} as {form}: it goes by the end of the name",
            param_hint="--output",
        )
    file = load(path)
    made = convert(file, form, with_named=follow, name=target.name)
    if not would_load(made.findings) and not lossy:
        _tell(made, [], as_json=as_json)
        if not as_json:
            typer.echo(f"{shown(str(path))}: {_NOTHING}", err=True)
        return 1
    files = {target: write(made)} | {target.parent / each.name: each.data for each in made.beside}
    if os.path.realpath(path) in map(os.path.realpath, files):
        raise ConfigError(f"{path}: would be written over by what is made of it")
    write_all(files, force=force, like=path)
    _tell(made, [*files], as_json=as_json)
    if not as_json:
        _tell_of_paths(file, made, target)
    return 0


def _tell(made: Converted, written: list[Path], *, as_json: bool) -> None:
    if as_json:
        told = {"written": [str(path) for path in written], "findings": plain_values(made.findings)}
        typer.echo(json.dumps(told, indent=2))
        return
    print_findings(made.findings, err=True)
    for path in written:
        typer.echo(f"wrote {shown(str(path))}")


def _tell_of_paths(file: ConfigFile, made: Converted, target: Path) -> None:
    """Relative paths are meant from the folder of the file that they stand in."""
    if file.path is None or os.path.realpath(file.path.parent) == os.path.realpath(target.parent):
        return
    converted = {each.name for each in made.beside}
    named = [path for each in _all(made, file) for path in relative_paths(*each)]
    if moved := [path for path in dict.fromkeys(named) if path not in converted]:
        told = f"relative paths are meant from {target.parent} now: {', '.join(moved)}"
        typer.echo(shown(told), err=True)


def _all(made: Converted, file: ConfigFile) -> Iterator[tuple[ConfigFile, Kind]]:
    """The file and those that were converted with it; a table of sources has no paths of files."""
    yield made, kind_of(file)
    for each in made.beside:
        if Path(each.name).suffix != ".csv":
            named = loads(each.data, made.form)
            yield named, kind_of(named)
