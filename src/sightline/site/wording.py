"""What pydantic found wrong, in words for the person who wrote the file.

Every message says what was expected, what came and the nearest right word. A value in a secret field, or
one that was read from a variable, is never shown. Right words come from the JSON Schema of the model, which
knows the keys of every place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from pydantic_core import ErrorDetails

from sightline.log import redact
from sightline.site.document import Document
from sightline.site.mistakes import Finding, Place, Where, listed, quoted
from sightline.site.model import Site

EXPECTED: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "string_type": lambda _: "text",
    "string_too_short": lambda _: "text that is not empty",
    "string_too_long": lambda limit: f"text of at most {limit['max_length']} letters",
    "string_unicode": lambda _: "text in UTF-8",
    "path_type": lambda _: "a path",
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "model_type": lambda _: "a mapping (lines of key: value)",
    "model_attributes_type": lambda _: "a mapping (lines of key: value)",
    "dict_type": lambda _: "a mapping (lines of key: value)",
    "tuple_type": lambda _: "a list",
    "too_short": lambda limit: (
        f"at least {limit['min_length']} {'letters' if limit['min_length'] > 1 else 'entry'}"
    ),
    "greater_than": lambda limit: f"a number above {limit['gt']:g}",
    "greater_than_equal": lambda limit: f"a number of at least {limit['ge']:g}",
    "less_than": lambda limit: f"a number below {limit['lt']:g}",
    "less_than_equal": lambda limit: f"a number of at most {limit['le']:g}",
}


def finding_of(error: ErrorDetails, document: Document) -> Finding:
    """A pydantic error as a finding: where it stands in the text, and what is wrong there."""
    where = _where(error["loc"], document.value)
    if error["loc"][-1:] == ("[key]",):
        return Finding(document.place_of_key(where), where, str(error["ctx"]["error"]))
    if (find := _BY_TYPE.get(error["type"])) is not None:
        return find(where, document)
    if error["type"] == "complete":
        return Finding(_place_of_section(where, document), where, error["msg"])
    return Finding(document.place(where), where, _wrong_value(error, where, document))


def _place_of_section(where: Where, document: Document) -> Place:
    """Of a whole section the key, of a value the value."""
    is_section = isinstance(_value(where, document), dict)
    return document.place_of_key(where) if is_section else document.place(where)


def _where(loc: Where, value: Any) -> Where:
    """The way through the file; pydantic's own also names the kind chosen from a union, and `[key]`."""
    where: list[str | int] = []
    chosen = False
    for step in loc:
        if step == "[key]":
            continue
        # Only models and sinks are chosen by kind: elsewhere it is a key like any other, if a wrong one.
        if len(where) > 2 and not chosen and isinstance(value, dict) and value.get("kind") == step:
            chosen = True
            continue
        where.append(step)
        value, chosen = _child(value, step), False
    return tuple(where)


def _child(value: Any, step: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def _unknown_key(where: Where, document: Document) -> Finding:
    key, place = str(where[-1]), document.place_of_key(where)
    if ":" in key:
        return Finding(place, where, "unknown key; a key needs a space after its colon")
    return Finding(
        place, where, "unknown key", key, _schema_at(where[:-1], document.value).get("properties", {})
    )


def _missing_key(where: Where, document: Document) -> Finding:
    words = _schema_at(where, document.value).get("enum")
    message = f'missing key "{where[-1]}"' + (f": {listed(words)}" if words else "")
    return Finding(document.place_of_key(where[:-1]), where[:-1], message)


def _unknown_word(where: Where, document: Document) -> Finding:
    words = [str(word) for word in _schema_at(where, document.value)["enum"]]
    message = f"expected {listed(words)}, got {_came(where, document)}"
    return Finding(document.place(where), where, message, str(_value(where, document)), words)


_BY_TYPE: Final[dict[str, Callable[[Where, Document], Finding]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "union_tag_not_found": lambda where, document: _missing_key((*where, "kind"), document),
    "union_tag_invalid": lambda where, document: _unknown_word((*where, "kind"), document),
    "literal_error": _unknown_word,
}


def _wrong_value(error: ErrorDetails, where: Where, document: Document) -> str:
    came = _came(where, document)
    if error["type"] == "value_error":
        return f"{error['ctx']['error']}, got {came}"
    if (expected := EXPECTED.get(error["type"])) is None:
        return f"{error['msg'][:1].lower()}{error['msg'][1:]}"
    quotes = error["type"] == "string_type" and isinstance(_value(where, document), int | float)
    return f"expected {expected(error.get('ctx', {}))}, got {came}{'; put it in quotes' if quotes else ''}"


def _value(where: Where, document: Document) -> Any:
    value: Any = document.value
    for step in where:
        value = _child(value, step)
    return value


def _came(where: Where, document: Document) -> str:
    """The value at a place as it may be shown."""
    if names := document.variables.get(where):
        return f"what the variable {listed(names)} holds"
    value = _value(where, document)
    if _schema_at(where, document.value).get("writeOnly"):
        return _shown_of_secret(value)
    return _shown(value)


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
        case str() if "@" in value:  # an address may hold a password, and people do not encode it
            return "text with an @, which is not shown"
    return quoted(redact(value)) if isinstance(value, str) else str(value).lower()


def _shown_of_secret(value: object) -> str:
    if isinstance(value, str):
        return "a value that is not shown"
    return "a value without quotes" if isinstance(value, int | float) else _shown(value)


@cache
def _schema() -> dict[str, Any]:
    return Site.model_json_schema()


def _schema_at(where: Where, value: Any) -> dict[str, Any]:
    """The part of the JSON Schema that holds at a place of `value`; empty where none does."""
    part = _schema()
    for step in where:
        part = _chosen(part, value)
        named: dict[str, Any] = part.get("properties", {})
        others = [
            part.get("additionalProperties"),
            part.get("items"),
            *part.get("patternProperties", {}).values(),
        ]
        part = named.get(str(step)) or next((other for other in others if isinstance(other, dict)), {})
        value = _child(value, step)
    return _chosen(part, value)


def _chosen(part: dict[str, Any], value: Any) -> dict[str, Any]:
    """What a reference or a choice in the JSON Schema comes to for `value`."""
    if "discriminator" in part:
        kinds = part["discriminator"]["mapping"]
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind not in list(kinds):  # a list, as what came may be no word at all
            return {"properties": {"kind": {"enum": list(kinds)}}}
        part = {"$ref": kinds[kind]}
    elif "anyOf" in part and "properties" not in part:  # a site says there what it must have
        part = next(choice for choice in part["anyOf"] if choice.get("type") != "null")
    if reference := part.get("$ref"):
        part = _schema()["$defs"][reference.rpartition("/")[2]]
    return part
