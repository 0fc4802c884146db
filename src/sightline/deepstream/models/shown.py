"""What came, as an error may show it: short, in letters that can be printed, and without secrets.

Promises: no text with an `@` in it is shown, no address that may hold a password, and of no other text what
the redactor hides. Deliberately not here: a password that stands where none is looked for.
"""

from __future__ import annotations

from typing import Final

from sightline.log import redact

_SHOWN_LETTERS: Final = 60


def shown(value: object, *, of_address: bool = False) -> str:
    """What came, as it may be shown."""
    if isinstance(value, str):
        return _text(value, of_address=of_address)
    if value is None or isinstance(value, int | float):
        return "nothing" if value is None else _number(value)
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"a {type(value).__name__}"


def _text(text: str, *, of_address: bool) -> str:
    """An address may hold a password, and people neither encode it nor always write what comes behind it."""
    if "@" in text:
        return "text with an @, which is not shown"
    if of_address and ":" in text.replace("://", "", 1):
        return "text with a colon, which is not shown"
    return f'"{printable(redact(text))}"'


def _number(value: float) -> str:
    try:
        return repr(value)[:_SHOWN_LETTERS]
    except ValueError:  # Python writes no number of more than 4300 digits
        return "one of thousands of digits"


def printable(text: str) -> str:
    cut = text if len(text) <= _SHOWN_LETTERS else text[:_SHOWN_LETTERS] + "…"
    return "".join(letter if letter.isprintable() else "?" for letter in cut)
