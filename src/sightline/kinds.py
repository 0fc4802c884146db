"""Things that are opened by a word, as a site file has them: `{kind: hog, threshold: 0.5}`.

Promises: an unknown kind or option, a missing one and a value that does not fit are told with what was
expected, what came and the nearest right word, all mistakes of one thing at once and before it is made.
What an option may be stands once, in the signature of the class that takes it. Modules are imported when
their kind is asked for, not before.

Deliberately not here: plugins found by scanning what is installed. A site names what it uses.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from sightline.errors import ConfigError
from sightline.log import REDACTOR

if TYPE_CHECKING:
    import pydantic

T = TypeVar("T")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Read(NamedTuple):
    """Options as they were read: those that fit, and by name what is wrong with the others."""

    values: dict[str, Any]
    mistakes: dict[str, str]


class Kinds(Generic[T]):
    """The kinds of one thing, each with the place (`module:Class`) of what makes it."""

    def __init__(self, what: str, places: Mapping[str, str]) -> None:
        self._what = what
        self._places = places

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def find(self, kind: str) -> Callable[..., T]:
        """What makes a thing of this kind; its signature says which options it takes.

        Raises:
            ConfigError: there is no such kind; the message has those that there are.
        """
        if kind not in self._places:
            known = ", ".join(self.names)
            raise ConfigError(
                f"unknown kind of {self._what} {kind!r}{nearest(kind, self.names)} (known: {known})"
            )
        module, _, name = self._places[kind].partition(":")
        made: Callable[..., T] = getattr(importlib.import_module(module), name)
        return made

    def open(self, kind: str, options: Mapping[str, Any]) -> T:
        """The thing itself. Raises ConfigError with every mistake in `kind` and `options`."""
        return make(f"{self._what} {kind}", self.find(kind), options)


def make(what: str, maker: Callable[..., T], options: Mapping[str, Any]) -> T:
    """`maker(**options)` with the options checked. Raises ConfigError with every mistake in them."""
    values, mistakes = read_options(maker, options)
    if mistakes:
        raise ConfigError(f"{what}: " + "; ".join(f"{name}: {text}" for name, text in mistakes.items()))
    return maker(**values)


def read_options(maker: Callable[..., object], options: Mapping[str, Any]) -> Read:
    """Check options against the signature of what takes them, and turn them into its types."""
    parameters = inspect.signature(maker).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    named = {name: p for name, p in parameters.items() if p.kind in _NAMED}
    read = Read({}, {})
    for name, value in options.items():
        if name not in named and not takes_any:
            known = ", ".join(named) or "none"
            read.mistakes[name] = f"unknown option{nearest(name, named)} (known: {known})"
        else:
            _read_one(read, name, value, _types(maker).get(name, Any))
    for name, parameter in named.items():
        if parameter.default is inspect.Parameter.empty and name not in options:
            read.mistakes[name] = "missing, and it has no default"
    return read


def _read_one(read: Read, name: str, value: Any, wanted: Any) -> None:
    import pydantic  # noqa: PLC0415 - many need `nearest` alone

    try:
        read.values[name] = _adapter(wanted).validate_python(value)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"]
        shown = REDACTOR.value({name: value})[name]
        read.mistakes[name] = f"{first[:1].lower()}{first[1:]}, got {shown!r}"


def _adapter(wanted: Any) -> pydantic.TypeAdapter[Any]:
    import pydantic  # noqa: PLC0415

    try:
        return pydantic.TypeAdapter(wanted)
    except pydantic.errors.PydanticSchemaGenerationError:  # a class of the user's own: not ours to check
        return pydantic.TypeAdapter(Any)


def _types(maker: Callable[..., object]) -> dict[str, Any]:
    """The annotations of a class's constructor or of a function; none where they cannot be read."""
    try:
        return typing.get_type_hints(
            maker.__init__ if isinstance(maker, type) else maker,  # type: ignore[misc]
            include_extras=True,
        )
    except (NameError, TypeError):
        return {}


def nearest(word: str, words: Iterable[str]) -> str:
    """`; did you mean "hog"?` with the nearest of the first 1000 `words`; empty where none is near."""
    spelled = {known.lower(): known for known in islice(words, 1000)}
    near = difflib.get_close_matches(word[:100].lower(), spelled, n=1)
    return f'; did you mean "{spelled[near[0]]}"?' if near else ""
