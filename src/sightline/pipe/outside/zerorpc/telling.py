"""What a client of zerorpc may ask of any server: the methods that it serves, and whether it is there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sightline.errors import ConfigError
from sightline.hub.rpc.serving import Served

PREFIX: Final = "_zerorpc_"
_PLAIN: Final = (str, int, float, bool)
_EMPTY: Final = inspect.Parameter.empty


def introspection(name: str, methods: Mapping[str, Served]) -> dict[str, Served]:
    """The methods that are not listed, by name.

    Args:
        name: of the server.
        methods: those that are.
    """
    told = {each: {"args": _args(served), "doc": _doc(served)} for each, served in methods.items()}
    asked: dict[str, Callable[..., Any]] = {
        "list": lambda: list(methods),
        "name": lambda: name,
        "ping": lambda: ["pong", name],
        "help": lambda method: _doc(_found(methods, method)),
        "args": lambda method: _spec(_found(methods, method)),
        "inspect": lambda: {"name": name, "methods": told},
    }
    return {PREFIX + what: Served.of(PREFIX + what, answer) for what, answer in asked.items()}


def _found(methods: Mapping[str, Served], method: object) -> Served:
    if not isinstance(method, str) or method not in methods:
        raise ConfigError(f"no such method is served (known: {', '.join(methods)})")
    return methods[method]


def _doc(served: Served) -> str:
    return served.described().doc


def _args(served: Served) -> list[dict[str, Any]]:
    return [_arg(parameter) for parameter in served.signature.parameters.values()]


def _arg(parameter: inspect.Parameter) -> dict[str, Any]:
    shown = {"name": parameter.name}
    return shown if parameter.default is _EMPTY else {**shown, "default": _default(parameter.default)}


def _spec(served: Served) -> list[Any]:
    """As `inspect.getargspec` had it."""
    parameters = served.signature.parameters.values()
    defaults = [_default(each.default) for each in parameters if each.default is not _EMPTY]
    return [[each.name for each in parameters], None, None, defaults or None]


def _default(value: object) -> Any:
    return value if value is None or isinstance(value, _PLAIN) else repr(value)


def method_lines(told: Any) -> list[tuple[str, str]]:
    """Methods with their arguments, and what each does in a line, of what `_zerorpc_inspect` answered.

    Raises msgspec.ValidationError: it is no such answer.
    """
    methods = msgspec.convert(told, _Inspected).methods
    return [
        (f"{name}({', '.join(map(_shown, each.args or ()))})", (each.doc or "").partition("\n")[0])
        for name, each in methods.items()
    ]


class _Arg(msgspec.Struct):
    name: str
    default: Any = _EMPTY


class _Method(msgspec.Struct):
    args: list[_Arg] | None = None
    doc: str | None = None


class _Inspected(msgspec.Struct):
    methods: dict[str, _Method]


def _shown(arg: _Arg) -> str:
    return arg.name if arg.default is _EMPTY else f"{arg.name}={arg.default!r}"
