"""What pydantic found wrong, as our `ConfigError`: field, what was expected and why, and what came.

Promises: every mistake of one model is told at once, each by its way (`sourceconfig.sources[0].address`); an
unknown field with the nearest right name; a number that stands for a word with all its words. A value that
may hold a password is not shown (`shown`).

Deliberately not here: lines and columns. A model does not know the file that it was read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, get_args

from pydantic import AnyUrl, BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sightline.deepstream.models.numbers import Numbered
from sightline.deepstream.models.shown import printable, shown
from sightline.errors import ConfigError
from sightline.kinds import nearest

Way = tuple[str | int, ...]

_EXPECTED: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number that is not that long",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "string_type": lambda _: "text",
    "string_too_short": lambda limit: f"text of at least {limit['min_length']} letter",
    "path_type": lambda _: "a path",
    "list_type": lambda _: "a list",
    "tuple_type": lambda _: "a list",
    "too_long": lambda limit: f"a list of at most {limit['max_length']:,}",
    "too_short": lambda limit: f"a list of at least {limit['min_length']}",
    "model_type": lambda _: "a mapping of fields",
    "model_attributes_type": lambda _: "a mapping of fields",
    "greater_than": lambda limit: f"a number above {limit['gt']:.12g}",
    "greater_than_equal": lambda limit: f"a number of at least {limit['ge']:.12g}",
    "less_than": lambda limit: f"a number below {limit['lt']:.12g}",
    "less_than_equal": lambda limit: f"a number of at most {limit['le']:.12g}",
    "url_type": lambda _: "an address such as rtsp://host/path",
    "url_parsing": lambda why: (
        f"an address such as rtsp://host/path, with : / ? # of a password percent-encoded ({why['error']})"
    ),
    "uuid_type": lambda _: "a random UUID (version 4)",
    "uuid_parsing": lambda _: "a random UUID (version 4)",
    "uuid_version": lambda _: "a random UUID (version 4)",
}


def refused(error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """What pydantic raised for `model`, as the error that we raise."""
    told = dict.fromkeys(_told(each, model) for each in error.errors(include_url=False))
    return ConfigError(f"{model.__name__}: " + "; ".join(told))


def _told(error: ErrorDetails, model: type[BaseModel]) -> str:
    steps = [*_along(error["loc"], model)]
    where = _dotted([step for step, _, _ in steps])
    if error["type"] == "json_invalid":  # what came may be half of an address
        return f"expected JSON: {error['ctx']['error']}"
    if error["type"] in {"extra_forbidden", "no_such_attribute"}:
        _, owner, _ = steps[-1]
        return f"{where}: unknown field{nearest(str(error['loc'][-1]), owner.model_fields)}"
    told = _mistake(error, steps[-1][2] if steps else None)
    return f"{where}: {told}{_meaning(steps)}" if where else told


def _mistake(error: ErrorDetails, annotation: Any) -> str:
    if error["type"] == "missing":
        return "missing, and it has no default"
    came = shown(error["input"], of_address=_is_address(annotation))
    if error["type"] == "value_error":
        return _own(error, came)
    if error["type"] == "enum":
        return f"expected {_words(annotation)}, got {came}"
    if (expected := _EXPECTED.get(error["type"])) is not None:
        told = expected(error.get("ctx", {}))
        whole = told.startswith("a number ") and int in _types(annotation)
        return f"expected {told.replace('a number', 'a whole number') if whole else told}, got {came}"
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}, got {came}"


def _own(error: ErrorDetails, came: str) -> str:
    """Of a validator of ours; of a whole model, what came is no help."""
    reason = str(error["ctx"]["error"])
    return reason if isinstance(error["input"], BaseModel | dict) else f"{reason}, got {came}"


def _meaning(steps: list[tuple[str | int, type[BaseModel], Any]]) -> str:
    """What the field is, from the first sentence of its description."""
    for step, owner, _ in reversed(steps):
        field = owner.model_fields.get(str(step))
        if field is not None and field.description:
            return f" ({field.description.partition('. ')[0].rstrip('.')})"
    return ""


def _along(loc: Way, model: type[BaseModel]) -> Iterator[tuple[str | int, type[BaseModel], Any]]:
    """Each step with the model it is taken in and the type that is there.

    Steps that pydantic adds for the member of a union are no fields, and are left out.
    """
    annotation: Any = None
    owner = model
    for step in loc:
        field = owner.model_fields.get(str(step))
        if field is not None and annotation is None:
            annotation = field.annotation
        elif isinstance(step, str) and annotation is not None:
            continue
        yield step, owner, annotation
        inner = _model_in(annotation)
        if inner is not None and not (isinstance(step, str) and _is_list(annotation)):
            owner, annotation = inner, None


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in {list, tuple}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    return next((each for each in _types(annotation) if issubclass(each, BaseModel)), None)


def _is_address(annotation: Any) -> bool:
    return any(issubclass(each, AnyUrl) for each in _types(annotation))


def _words(annotation: Any) -> str:
    enum = next(each for each in _types(annotation) if issubclass(each, Enum))
    if issubclass(enum, Numbered):
        return enum.told()
    *most, last = [f'"{each.value}"' for each in enum]
    return f"{', '.join(most)} or {last}"


def _types(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for each in get_args(annotation):
        yield from _types(each)


def _dotted(way: list[str | int]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in way)
    return text.removeprefix(".")


def _key(step: str) -> str:
    """A field's name as it may be shown: what follows a colon may be a password."""
    before, colon, _ = step.partition(":")
    return printable(before) + (":…" if colon else "")
