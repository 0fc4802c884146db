"""What a client says of the methods that it serves, and what another one reads of it.

A description is a list of methods with their full names (`camera.zoom`); a group is what such names share.
Promises: what was read is safe to make attributes of: every part of a name is an identifier that neither
begins with an underscore nor is a keyword, no method is also a group, and counts, lengths and depth are
bounded; anything else is a WireError.

It describes for people and for checking a call's shape. Types are told as texts and never checked.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from sightline.errors import ConfigError, WireError
from sightline.log import REDACTOR

PREFIX: Final = "rpc_"
MOST_METHODS: Final = 1000
MOST_DEPTH: Final = 8
DOC_CHARACTERS: Final = 4096
TEXT_CHARACTERS: Final = 200

Kind: TypeAlias = Literal["positional", "either", "many", "keyword", "options"]
_KINDS: Final[dict[Kind, inspect._ParameterKind]] = {
    "positional": inspect.Parameter.POSITIONAL_ONLY,
    "either": inspect.Parameter.POSITIONAL_OR_KEYWORD,
    "many": inspect.Parameter.VAR_POSITIONAL,
    "keyword": inspect.Parameter.KEYWORD_ONLY,
    "options": inspect.Parameter.VAR_KEYWORD,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_ANY: Final = inspect.signature(lambda *args, **kwargs: None)  # noqa: ARG005

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
Path: TypeAlias = Annotated[str, Meta(min_length=1, max_length=900)]
Text: TypeAlias = Annotated[str, Meta(max_length=TEXT_CHARACTERS)]
Doc: TypeAlias = Annotated[str, Meta(max_length=DOC_CHARACTERS)]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of a method. `default` and `annotation` are texts for people; None, "": there is none."""

    name: Name
    kind: Kind = "either"
    default: Text | None = None
    annotation: Text = ""


class Method(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One that is served, by its full name."""

    name: Path
    parameters: Annotated[tuple[Parameter, ...], Meta(max_length=255)] = ()
    returns: Text = ""
    doc: Doc = ""
    is_async: bool = False

    @property
    def signature(self) -> inspect.Signature:
        """As `inspect` has it; defaults and annotations show as they do at the other side.

        Raises:
            ValueError: the parameters do not stand in an order that Python allows.
        """
        return inspect.Signature(
            [_parameter(parameter) for parameter in self.parameters],
            return_annotation=_Shown(self.returns) if self.returns else inspect.Signature.empty,
        )


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What `Serve` carries."""

    v: Literal[1] = 1
    methods: Annotated[tuple[Method, ...], Meta(max_length=MOST_METHODS)]


class _Shown:
    """A value of the other side, of which only the text is known."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Description)


def describe(name: str, signature: inspect.Signature, doc: str, *, is_async: bool) -> Method:
    """The description of one method; texts too long for it are cut, and known secrets taken out."""
    return Method(
        name=name,
        parameters=tuple(_described(parameter) for parameter in signature.parameters.values()),
        returns=_annotation(signature.return_annotation),
        doc=doc[:DOC_CHARACTERS],
        is_async=is_async,
    )


def signature_of(function: Any) -> inspect.Signature:
    """Of a bound method; `(*args, **kwargs)` where Python does not know it, as of some written in C."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return _ANY


def description_to_bytes(methods: Sequence[Method]) -> bytes:
    """What `Serve` carries. Raises ConfigError where no reader would take it."""
    data = _ENCODER.encode(Description(methods=tuple(methods)))
    try:
        description_from_bytes(data)
    except WireError as error:
        raise ConfigError(f"these methods cannot be served: {error.message}") from error
    return data


def description_from_bytes(data: bytes | memoryview) -> tuple[Method, ...]:
    """The methods of a description that came from a network.

    Raises:
        WireError: it is none, or is not safe to be made an object of.
    """
    try:
        methods = _DECODER.decode(data).methods
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"expected a description of methods: {error}") from error
    for method in methods:
        _check(method)
    _check_groups([method.name for method in methods])
    return methods


def is_name(name: str) -> bool:
    """Whether it may be a method's or a group's: an identifier, public, and no keyword.

    Nor does it begin with `rpc_`: whoever holds the object that is made of it would serve it again.
    """
    return name.isidentifier() and not name.startswith(("_", PREFIX)) and not keyword.iskeyword(name)


def groups_of(path: str) -> list[str]:
    """`rig` and `rig.camera` for `rig.camera.zoom`."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _check(method: Method) -> None:
    parts = method.name.split(".")
    if len(parts) > MOST_DEPTH or not all(map(is_name, parts)):
        raise WireError(
            f"expected a name of at most {MOST_DEPTH} public identifiers joined by dots, got {method.name!r}"
        )
    try:
        _ = method.signature
    except ValueError as error:
        raise WireError(f"{method.name}: expected parameters as Python has them: {error}") from error


def _check_groups(names: Sequence[str]) -> None:
    groups = {group for name in names for group in groups_of(name)}
    twice = groups.intersection(names) or {name for name in names if names.count(name) > 1}
    if twice:
        raise WireError(f"expected one method or one group of a name, got more of {sorted(twice)}")


def _parameter(parameter: Parameter) -> inspect.Parameter:
    empty = inspect.Parameter.empty
    return inspect.Parameter(
        parameter.name,
        _KINDS[parameter.kind],
        default=empty if parameter.default is None else _Shown(parameter.default),
        annotation=_Shown(parameter.annotation) if parameter.annotation else empty,
    )


def _described(parameter: inspect.Parameter) -> Parameter:
    has_default = parameter.default is not inspect.Parameter.empty
    return Parameter(
        name=parameter.name,
        kind=_NAMES[parameter.kind],
        default=_text(_repr(parameter.default), parameter.name) if has_default else None,
        annotation=_annotation(parameter.annotation),
    )


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return _text(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  a default that cannot be shown must not keep a method from being served
        return "..."


def _text(text: str, name: str = "") -> str:
    """Without secrets, also where only the name says that it is one."""
    shown: str = REDACTOR.value({name: text})[name]
    return shown if len(shown) <= TEXT_CHARACTERS else "..."
