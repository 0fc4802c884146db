"""What commands of `sightline deepstream` say of findings: tables for people, plain values for programs.

Promises: tables fit the terminal, words that were somebody else's cannot steer it, and secrets that look like
such are hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sightline.cli.terminal import visible
from sightline.log import redact

if TYPE_CHECKING:
    from rich.table import Table

    from sightline.deepstream.findings import Finding

_STYLES: Final = {"refused": "bold red", "warning": "yellow", "note": "dim"}


def shown(text: str) -> str:
    """Somebody else's text, for a terminal."""
    return visible(redact(text))


def table_of(findings: Iterable[Finding]) -> Table:
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(
        Column("line", justify="right", no_wrap=True), Column("", no_wrap=True), Column("", overflow="fold")
    )
    for finding in findings:
        style = _STYLES[finding.severity]
        line = str(finding.line) if finding.line else "-"
        table.add_row(line, Text(finding.severity, style), Text(shown(finding.message)))
    return table


def print_findings(findings: Sequence[Finding], *, err: bool = False) -> None:
    """Those of the file itself, then those of each that it names."""
    from rich.console import Console

    console = Console(stderr=err, highlight=False)
    files = dict.fromkeys(finding.file for finding in findings)
    for file in sorted(files, key=lambda file: file is not None):
        if file is not None:
            console.print(f"in {shown(file)}:", markup=False, soft_wrap=True)
        console.print(table_of(finding for finding in findings if finding.file == file))


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def plain_values(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    import msgspec

    values = (msgspec.to_builtins(finding) for finding in findings)
    return [
        {name: redact(value) if isinstance(value, str) else value for name, value in each.items()}
        for each in values
    ]
