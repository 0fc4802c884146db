"""Whether what one routine gives may be what another takes, by the annotations of their `main_logic`. Pure.

Annotations are read leniently: only what certainly cannot fit is said not to. What is not annotated, cannot
be looked up, or cannot be told without a value (protocols, the items of a list) fits.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Literal, NamedTuple, NoReturn, Union

_NUMBERS: Final[dict[type, tuple[type, ...]]] = {float: (int,), complex: (int, float)}
"""PEP 484: an int will do where a float is expected, either where a complex is."""
_MAIN: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Signature(NamedTuple):
    """What a `main_logic` takes and gives; Any where it does not say.

    `needs_data`: it has to be (True) or cannot be (False) called with data; None: either.
    """

    takes: Any
    gives: Any
    needs_data: bool | None


def signature_of(main_logic: Callable[..., Any]) -> Signature:
    """What a bound `main_logic`, or a plain function, says of itself."""
    try:
        parameters = list(inspect.signature(main_logic).parameters.values())
    except (TypeError, ValueError):  # written in C
        return Signature(Any, Any, None)
    hints = _hints(main_logic)
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return Signature(Any, hints.get("return", Any), None)
    data = next((parameter for parameter in parameters if parameter.kind in _MAIN), None)
    if data is None:
        return Signature(Any, hints.get("return", Any), False)
    needed = True if data.default is inspect.Parameter.empty else None
    return Signature(hints.get(data.name, Any), hints.get("return", Any), needed)


def item_of(annotation: Any) -> Any:
    """What a list of that annotation holds, for a routine that takes batches; Any where it does not say."""
    arguments = typing.get_args(annotation)
    return arguments[0] if arguments and typing.get_origin(annotation) is not Union else Any


def fits(gives: Any, takes: Any) -> bool:
    """Whether a value of annotation `gives` may be one of `takes`. None does not count: it is never sent."""
    given = [kind for kind in _kinds(gives) if kind is not type(None)]
    if not given:
        return False
    taken = list(_kinds(takes))
    return any(_may_be(one, other) for one in given for other in taken)


def shown(annotation: Any) -> str:
    """An annotation as a person writes it."""
    if annotation in {None, type(None)}:
        return "None"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _hints(main_logic: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(main_logic)
    except Exception:  # noqa: BLE001 - a name that is only there for a type checker, or anything it evaluates
        return {}


def _kinds(annotation: Any) -> Iterator[Any]:
    """The classes that an annotation stands for; Any where that cannot be told."""
    annotation = _bare(annotation)
    origin = typing.get_origin(annotation)
    if origin is Union or origin is types.UnionType:
        for one in typing.get_args(annotation):
            yield from _kinds(one)
    elif origin is Literal:
        yield from (type(value) for value in typing.get_args(annotation))
    elif annotation is None or annotation is NoReturn:
        yield type(None)
    else:
        kind = dict if typing.is_typeddict(annotation) else origin or annotation
        yield kind if isinstance(kind, type) else Any


def _bare(annotation: Any) -> Any:
    """Without what says more of a class than which it is: Annotated, and the name of a NewType."""
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        else:
            return annotation


def _may_be(one: Any, other: Any) -> bool:
    """Whether a value may be of both kinds: the same, one below the other, or not known."""
    if Any in (one, other) or object in (one, other):
        return True
    if one in _NUMBERS.get(other, ()):
        return True
    if any(getattr(kind, "_is_protocol", False) for kind in (one, other)):
        return True
    return issubclass(one, other) or issubclass(other, one)
