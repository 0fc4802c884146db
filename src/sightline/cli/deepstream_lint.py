"""`sightline deepstream lint`: what DeepStream would make of files."""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import typer

from sightline.cli.deepstream_showing import counted, plain_values, print_findings, shown
from sightline.deepstream.document import Form
from sightline.deepstream.findings import Finding, Severity, would_load
from sightline.deepstream.judging.linting import lint_path
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load
from sightline.deepstream.refusal import Refused
from sightline.errors import ConfigError

_ENDS: Final = (".txt", ".yml", ".yaml")
_HEADER: Final = re.compile(r"^\s*\[[^\]\n]+\]\s*$", re.MULTILINE)


def lint_files(paths: list[Path], *, notes: bool, as_json: bool) -> int:
    """The exit code."""
    judged = {path: lint_path(path) for path in _files(paths)}
    told = {path: _wanted(findings, judged, notes=notes) for path, findings in judged.items()}
    loads = {path: would_load(findings) for path, findings in judged.items()}
    if as_json:
        files = [
            {
                "path": str(path),
                "kind": _kind(path),
                "loads": loads[path],
                "findings": plain_values(told[path]),
            }
            for path in judged
        ]
        typer.echo(json.dumps({"loads": all(loads.values()), "files": files}, indent=2))
    else:
        for path in judged:
            _show(path, told[path], loads=loads[path])
        _sum_up(loads)
    return 0 if all(loads.values()) else 1


def _wanted(findings: tuple[Finding, ...], judged: Collection[Path], *, notes: bool) -> tuple[Finding, ...]:
    """Those that are asked for, without what is told of a file that is judged by itself."""
    itself = {str(path) for path in judged} | {os.path.realpath(path) for path in judged}
    return tuple(
        finding
        for finding in findings
        if (notes or finding.severity is not Severity.NOTE) and finding.file not in itself
    )


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in dict.fromkeys(paths):
        if os.path.isdir(path):  # noqa: PTH112 - `Path` raises for a name that is too long
            found = [file for file in sorted(path.rglob("*")) if _is_configuration(file)]
            if not found:
                raise ConfigError(f"{path}: there is no file of DeepStream in this folder")
            yield from found
        else:
            yield path


def _is_configuration(path: Path) -> bool:
    """Whether a file of a folder is DeepStream's: labels and words about it have the same ends."""
    if path.suffix not in _ENDS or not path.is_file():
        return False
    try:
        return kind_of(load(path)) not in {Kind.UNKNOWN, Kind.NVINFERSERVER}
    except Refused:
        return Form.of(path) is Form.YML or _has_header(path)


def _has_header(path: Path) -> bool:
    with path.open("rb") as file:
        return _HEADER.search(file.read(1 << 20).decode("utf-8", "replace")) is not None


def _kind(path: Path) -> str | None:
    try:
        return kind_of(load(path))
    except Refused:
        return None


def _show(path: Path, findings: tuple[Finding, ...], *, loads: bool) -> None:
    count = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    parts = [
        _kind(path) or "not to be read",
        "loads" if loads else "is refused",
        *(counted(count[severity], str(severity)) for severity in _COUNTED if count[severity]),
    ]
    typer.echo(f"{shown(str(path))}: {', '.join(parts)}")
    print_findings(findings)


_COUNTED: Final = (Severity.WARNING, Severity.NOTE)


def _sum_up(loads: dict[Path, bool]) -> None:
    if len(loads) != 1:
        refused = sum(not each for each in loads.values())
        typer.echo(f"{counted(len(loads), 'file')}, {refused} of them refused")
