"""`sightline doctor [SITE]`: what is here, what is missing, and the command that adds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from sightline.doctor import Finding
    from sightline.site import Site

_COLOURS: Final = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(
    context: typer.Context,
    site: Annotated[
        Path | None, typer.Argument(metavar="SITE", help="The site file, YAML.", show_default=False)
    ] = None,
    timeout_s: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds that one wait for a camera may take.")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say what this machine has for Sightline, what is missing, and what to do about it.

    With SITE also whether it is enough for that: limits, libraries, ports, paths, and one look at each
    camera. Exit code 1 where there is a problem.

    Examples:

        sightline doctor

        sightline doctor site.yaml

        sightline doctor site.yaml --json
    """
    from rich.console import Console

    from sightline.log import configure

    if not context.obj:
        configure("critical")  # what is wrong with a camera is a part of the answer
    with Console(stderr=True).status("looking"):
        findings = list(_findings(site, timeout_s))
    if as_json:
        typer.echo(_as_json(findings))
    else:
        _print_table(findings)
    if _has_problem(findings):
        raise typer.Exit(1)


def _findings(path: Path | None, timeout_s: float) -> Iterator[Finding]:
    """A site file that is wrong is a problem like any other, and the rest is told all the same."""
    from sightline.doctor import Finding, State, examine
    from sightline.site import SiteError

    try:
        yield from examine(_site(path), timeout_s=timeout_s)
    except SiteError as error:
        yield from examine()
        for mistake in error.mistakes:
            do = f"sightline check {path}"
            yield Finding(area="site", name="file", state=State.PROBLEM, told=str(mistake), do=do)


def _site(path: Path | None) -> Site | None:
    from sightline.site import load_site

    return None if path is None else load_site(path)


def _has_problem(findings: list[Finding]) -> bool:
    return any(finding.state == "problem" for finding in findings)


def _as_json(findings: list[Finding]) -> str:
    import msgspec

    told = {"ok": not _has_problem(findings), "findings": msgspec.to_builtins(findings)}
    return json.dumps(told, indent=2, ensure_ascii=False)


def _print_table(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    table.add_column("state", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("found, and what to do", overflow="fold")
    area = None
    for finding in findings:
        if area not in {None, finding.area}:
            table.add_section()
        area = finding.area
        found = Text(finding.told)
        if finding.do:
            found.append(f"\n{finding.do}", style="italic")
        state = Text(finding.state, style=_COLOURS[finding.state])
        table.add_row(state, Text(f"{finding.area}: {finding.name}"), found)
    Console().print(table)
