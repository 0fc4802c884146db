"""What is wrong with a site file, and where: a line for a person, an entry for a program.

Mistakes are collected, never raised one by one. A message says what was expected, what came and the
nearest right word. It never shows a secret, nor a value that was read from a variable; of a URL it may
name the scheme and, for a drawn camera, the settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from sightline.errors import ConfigError
from sightline.kinds import nearest

Where: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and positions in lists, from the top."""

MAX_MISTAKES: Final = 100
"""As many are told at once; the rest is one more line with their number. More would only scroll away."""


class Place(NamedTuple):
    """A position in a text, both counted from 1."""

    line: int
    column: int


class Finding(NamedTuple):
    """One thing wrong, before it is known which file it stands in.

    `word` is what stands there where one of `words` was meant. The nearest is looked for only in what is
    told: among thousands of names it takes time.
    """

    place: Place
    where: Where
    message: str
    word: str = ""
    words: Iterable[str] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a site file.

    Attributes:
        path: the file, as the caller named it.
        line, column: where in it, from 1; None where the file could not be read as text at all.
        where: the way to the value, such as `cameras.gate.url`; empty for the file as a whole.
        message: what was expected, what came and the nearest right word.
    """

    path: str
    line: int | None
    column: int | None
    where: str
    message: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        return f"{place} {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class SiteError(ConfigError):
    """A site file is wrong. `mistakes` has every mistake, in the order of the file; the text has them all."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def mistakes_of(path: str, findings: Iterable[Finding]) -> list[Mistake]:
    """Findings as mistakes in `path`: in order, each place and message once, and not without end."""
    once = {(finding.place, finding.message): finding for finding in findings}
    found = [once[key] for key in sorted(once)]
    told = [
        Mistake(
            path,
            *finding.place,
            dotted(finding.where),
            finding.message + nearest(finding.word, finding.words),
        )
        for finding in found[:MAX_MISTAKES]
    ]
    if len(found) > MAX_MISTAKES:
        told.append(Mistake(path, None, None, "", f"and {len(found) - MAX_MISTAKES:,} more mistakes"))
    return told


def dotted(where: Where) -> str:
    """`("workers", "people", "sinks", 0, "path")` as `workers.people.sinks[0].path`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" for part in where)
    return text.removeprefix(".")


def shown_key(key: str) -> str:
    """A key as it may be shown: what follows a colon may be a password that lacks the space before it."""
    before, colon, _ = key.partition(":")
    return printable(before) + (":…" if colon else "")


def quoted(text: str) -> str:
    return f'"{printable(text)}"'


def printable(text: str) -> str:
    """Short, and with nothing in it that a terminal would obey."""
    cut = text if len(text) <= 60 else text[:60] + "…"
    return "".join(letter if letter.isprintable() else "?" for letter in cut)


def listed(words: Sequence[str]) -> str:
    """`["a", "b", "c"]` as `a, b or c`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
