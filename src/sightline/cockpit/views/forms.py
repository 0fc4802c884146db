"""Forms: texts that people write, and the values of a row that they stand for.

Promises: each mistake stands at the field that it is of, or above the form where it is of none; a password
goes in and never comes back, also not within an address; of a row that is there only what was changed is
sent, so that what a form does not show stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sightline.capture.address import take_credentials
from sightline.errors import ConfigError
from sightline.fleet.store.refusals import Mistake
from sightline.log import hide_secret

Texts = Mapping[str, str]


class Filled(NamedTuple):
    """A form as it was sent.

    Attributes:
        values: for the store.
        texts: for the form, if it has to be shown again.
        mistakes: what cannot be values at all.
        lines: of texts in YAML, where a value stands; see `texts.Read.line_of`.
    """

    values: dict[str, Any]
    texts: dict[str, str]
    mistakes: list[Mistake]
    lines: Mapping[str, Any] = {}


class Both(NamedTuple):
    """A field that two people changed: as it was sent, and as it is now."""

    field: str
    mine: str
    now: str


def errors_at(
    mistakes: Iterable[Mistake],
    fields: Sequence[str],
    aliases: Mapping[str, str] | None = None,
    lines: Mapping[str, Any] | None = None,
) -> dict[str, list[str]]:
    """What is wrong, by field; at "" what is of no field of the form.

    `aliases`: ways that are fields of their own, such as `settings.transport`; `lines` see `Filled`.
    """
    found: dict[str, list[str]] = {}
    for one in mistakes:
        field, told = _told(one, fields, aliases or {}, lines or {})
        if told not in found.setdefault(field, []):
            found[field].append(told)
    return found


def _told(
    one: Mistake, fields: Sequence[str], aliases: Mapping[str, str], lines: Mapping[str, Any]
) -> tuple[str, str]:
    if one.where in aliases:
        return aliases[one.where], one.message
    field, _, rest = one.where.partition(".")
    field = field.partition("[")[0]
    if field not in fields:
        return "", str(one)
    if not rest:
        return field, one.message
    line = lines[field].line_of(rest) if field in lines else None
    return field, f"{'' if line is None else f'line {line}: '}{rest}: {one.message}"


def both(mine: Texts, now: Texts, fields: Iterable[str]) -> list[Both]:
    """Where what was sent is not what stands there now."""
    pairs = ((field, mine.get(field, ""), now.get(field, "")) for field in fields)
    return [Both(*one) for one in pairs if _same(one[1]) != _same(one[2])]


def changed(values: Mapping[str, Any], was: Mapping[str, Any]) -> dict[str, Any]:
    """What of these values is another than before."""
    return {name: value for name, value in values.items() if name not in was or was[name] != value}


def whole_number(texts: Texts, field: str, mistakes: list[Mistake]) -> int | None:
    """None: nothing stands there, or no number, which is a mistake then."""
    text = texts.get(field, "").strip()
    if not text:
        return None
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) < _MOST_DIGITS:
        return int(text)
    mistakes.append(Mistake(field, "expected a whole number"))
    return None


def is_on(texts: Texts, field: str) -> bool:
    """Of a box: a browser sends nothing of one that is empty."""
    return texts.get(field, "") not in {"", "false"}


def without_login(texts: dict[str, str], field: str) -> str | None:
    """Take a login out of an address: its user becomes the form's, its password is the answer. What is no
    address stays for whoever says so, without anything that may be a password.
    """
    address = texts.get(field, "").strip()
    try:
        found = take_credentials(address)
    except ConfigError:
        texts[field] = _LOGIN.sub("//", address)
        return None
    texts[field] = found.url
    if found.username is not None:
        texts["username"] = texts.get("username") or found.username
    hide_secret(found.password or "")
    return found.password


def _same(text: str) -> str:
    return "\n".join(text.strip().splitlines())  # a browser sends lines that end otherwise


_LOGIN: Final = re.compile("//[^/]*@")
_MOST_DIGITS: Final = 18
