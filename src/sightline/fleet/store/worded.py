"""What pydantic found wrong with a row, in words, without any value that came.

Promises: all mistakes at once, each with the way to it; of an unknown key the nearest right one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from sightline.fleet.store.refusals import Mistake, Refused
from sightline.kinds import nearest
from sightline.log import redact
from sightline.site.mistakes import dotted
from sightline.site.wording import EXPECTED

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], values: Mapping[str, Any]) -> M:
    """A row of these values. Raises Refused."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Refused(mistakes_of(error, model)) from None


def mistakes_of(error: ValidationError, model: type[BaseModel], within: str = "") -> list[Mistake]:
    """Its mistakes; `within` is where `model` stands itself."""
    found = []
    for one in error.errors(include_url=False, include_input=False):
        where = dotted(one["loc"]).removesuffix(".[key]")
        if one["type"] == "rows":  # several that a check of the whole row found
            found += one["ctx"]["mistakes"]
        else:
            found.append(Mistake(".".join(filter(None, (within, where))), redact(_told(one, model))))
    return found


def refusal(mistakes: list[Mistake]) -> PydanticCustomError:
    """What a validator of a row raises for all that it found."""
    told = "; ".join(map(str, mistakes)).replace("{", "{{").replace("}", "}}")
    return PydanticCustomError("rows", told, {"mistakes": mistakes})


def _told(one: ErrorDetails, model: type[BaseModel]) -> str:
    limits = one.get("ctx", {})
    if one["type"] == "extra_forbidden":
        words = model.model_fields if len(one["loc"]) == 1 else ()
        return f"unknown key{nearest(str(one['loc'][-1]), words)}"
    if one["type"] in _WORDS:
        return _WORDS[one["type"]](limits)
    if one["type"] in EXPECTED:
        return f"expected {EXPECTED[one['type']](limits)}"
    return f"{one['msg'][:1].lower()}{one['msg'][1:]}"


_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": lambda _: "missing",
    "literal_error": lambda limits: f"expected {limits['expected']}",
    "enum": lambda limits: f"expected {limits['expected']}",
    "value_error": lambda limits: str(limits["error"]),
    "union_tag_not_found": lambda _: "missing kind",
    "union_tag_invalid": lambda limits: f"expected as kind {limits['expected_tags']}",
}
