"""Names of classes: from the user, from a file with one a line, or from the metadata that exporters write."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sightline.errors import ModelError

KEY: Final = "names"


def labels_in(metadata: Mapping[str, str]) -> tuple[str, ...] | None:
    """The names in the metadata, as ultralytics writes them: `{0: 'person', 1: 'bicycle'}`, or a list.

    None where there are none. Raises ModelError where they cannot be read.
    """
    if KEY not in metadata:
        return None
    names = literal(metadata[KEY])
    if isinstance(names, Mapping) and list(names) == list(range(len(names))):
        names = list(names.values())
    if not isinstance(names, list) or not names:
        shown = metadata[KEY][:80]
        raise ModelError(f"names in the metadata: expected {{0: 'person', ...}}, got {shown!r}; give labels")
    return tuple(map(str, names))


def labels_from(path: Path) -> tuple[str, ...]:
    """One name a line, UTF-8; empty lines at the end are none. Raises ModelError."""
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ModelError(f"labels: cannot read {path}: {why}") from None
    return tuple(line.strip() for line in lines)


def checked(labels: Sequence[str], classes: int | None, source: str) -> tuple[str, ...]:
    """The labels, if they are as many as the head has classes. Raises ModelError."""
    if classes is not None and len(labels) != classes:
        raise ModelError(
            f"labels: expected {classes}, one for each class of the head, got {len(labels)} from {source}"
        )
    return tuple(labels)


def literal(text: str) -> Any:
    """The value that a text stands for in Python or JSON; None where it is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
