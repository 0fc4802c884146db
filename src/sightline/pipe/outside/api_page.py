"""What there is at a pipe's server, as a page for people: made of its OpenAPI and of the pipe's structure.

It needs nothing from anywhere: no script, no file beside it, no other server's. Its buttons do what a
browser's address line may not.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from sightline.pages.guarded import SECURITY

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color-scheme: light dark }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #8884 }
code { font-size: .9em; overflow-wrap: anywhere }
"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<h1>{title}</h1>
<form method="post">{buttons}</form>
<h2>What may be asked</h2>
{asks}
<p>What an event needs to know comes with the request, as JSON: <code>{body}</code>. For programs, all of this
is at <code>/openapi.json</code>.
<h2>Routines</h2>
{routines}
<p>All of them answer {everybodys}.
</html>
"""
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_BUTTONS: Final = ("start", "pause", "kill")
_POLICY: Final = SECURITY["content-security-policy"].replace("form-action 'none'", "form-action 'self'")
PAGE_SECURITY: Final = {
    **SECURITY,
    "content-security-policy": f"{_POLICY}; img-src data:; style-src 'sha256-{_DIGEST}'",
    "referrer-policy": "same-origin",  # with none a browser does not say that a form is ours
}
"""What answers of a server with this page say."""


def page_of(openapi: Mapping[str, Any], structure: Mapping[str, Any], *, query: str) -> str:
    """The page; `query` is what it was asked for with, which its buttons need too: it may have the token."""
    return _PAGE.format(
        title=escape(openapi["info"]["title"]),
        style=_STYLE,
        buttons=" ".join(f'<button formaction="/{one}?{escape(query)}">{one}</button>' for one in _BUTTONS),
        asks=_table(("method", "path", ""), _asks(openapi["paths"])),
        body=escape('{"extra_args": {"name": value}}'),
        routines=_table(("routine", "flow", "events of its own"), _routines(structure)),
        everybodys=", ".join(f"<code>{escape(event)}</code>" for event in structure["Events"]),
    )


def _asks(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, methods in paths.items():
        told = next(iter(methods.values()))["description"]
        yield ", ".join(sorted(map(str.upper, methods))), path, told


def _routines(structure: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in structure["Routines"]:
        yield one["routine_name"], one["flow_name"], ", ".join(one["events"])


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(one)}" for one in heads)
    lines = ["".join(f"<td><code>{escape(cell)}</code>" for cell in row) for row in rows]
    return "\n".join(["<table>", *(f"<tr>{line}" for line in (head, *lines)), "</table>"])
