"""Variables in text: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar.

As a POSIX shell has it, a default holds for a variable that is unset or empty; without one, an empty
variable is an empty text and an unset one is a mistake. A dollar before anything else stays as it is.
There is no nesting and nothing is expanded twice: what a variable holds is taken as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_REFERENCE: Final = re.compile(
    r"""
    (?P<dollar>\$\$)
    | \$\{ (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?: :- (?P<default>(?:[^}$]|\$\$|\$(?!\{))*) )? \}
    | (?P<broken>\$\{)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its variables filled in.

    Attributes:
        text: the text; where a variable is missing, nothing stands in its place.
        names: the variables that it names.
        missing: those of them that have no value and no default.
        broken: whether it holds a `${` that is not the beginning of a variable.
    """

    text: str
    names: tuple[str, ...]
    missing: tuple[str, ...]
    broken: bool


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Fill in the variables of `text` from `environ`."""
    references = list(_REFERENCE.finditer(text))
    named = [reference for reference in references if reference["name"]]
    return Expanded(
        text=_REFERENCE.sub(lambda reference: _value(reference, environ), text),
        names=tuple(reference["name"] for reference in named),
        missing=tuple(r["name"] for r in named if r["default"] is None and r["name"] not in environ),
        broken=any(reference["broken"] for reference in references),
    )


def _value(reference: re.Match[str], environ: Mapping[str, str]) -> str:
    if reference["name"] is None:
        return "$" if reference["dollar"] else reference[0]
    value = environ.get(reference["name"], "")
    if reference["default"] is None:
        return value
    return value or reference["default"].replace("$$", "$")
