"""The methods of another client as an object: `ptz.camera.zoom(2, tto=5)`.

Promises: names, signatures and docstrings are those of the other side, so `help()`, `dir()` and completion
work; a call is bound to the signature first, and one that does not fit is a TypeError before anything is
sent; the keyword `tto` (or the name that was chosen instead) is this call's time in seconds and goes no
further.

What a method gives is what `call` gave: a value, or something to await. Types of arguments are not checked.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sightline.errors import ConfigError
from sightline.hub.rpc.description import Method
from sightline.hub.rpc.fitting import Fitting

Caller: TypeAlias = Callable[[str, tuple[Any, ...], dict[str, Any], float | None], Any]
"""`call(method, args, kwargs, timeout_s)`; None: no end."""

TIMEOUT_NAME: Final = "tto"


class Remote:
    """A group of methods of another client."""

    __slots__ = ("_group", "_methods")

    def __init__(self, group: str, methods: Sequence[Method]) -> None:
        self._group = group
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        near = difflib.get_close_matches(name, _public(type(self)), n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise AttributeError(f"{self._group} serves no {name!r}{hint}")

    def __dir__(self) -> list[str]:
        return _public(type(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{method.name}{method.signature}" for method in self._methods)
        return f"<{self._group}: {shown}>"


def make_proxy(
    client: str,
    methods: Sequence[Method],
    call: Caller,
    *,
    timeout_name: str = TIMEOUT_NAME,
    timeout_s: float | None = None,
) -> Remote:
    """An object with these methods, grouped as their names say.

    Args:
        client: who serves them, for messages.
        methods: as `description_from_bytes` gave them.
        call: does a call that fits.
        timeout_name: of the keyword that sets one call's time.
        timeout_s: where that is not given; None: no end.

    Raises:
        ConfigError: a method has a parameter of the name `timeout_name`.
    """
    calls = {
        method.name: _method(client, method, call, timeout_name, _seconds(timeout_s)) for method in methods
    }
    return _group(client, "", methods, calls)


def _group(
    path: str, prefix: str, methods: Sequence[Method], calls: Mapping[str, Callable[..., Any]]
) -> Remote:
    """A class of its own for each group: `help()` looks at classes."""
    inside: dict[str, list[Method]] = {}
    for method in methods:
        inside.setdefault(method.name.removeprefix(prefix).partition(".")[0], []).append(method)
    members: dict[str, Any] = {"__slots__": (), "__doc__": f"The methods that {path} serves."}
    for name, below in inside.items():
        direct = calls.get(prefix + name)
        members[name] = (
            staticmethod(direct) if direct else _group(f"{path}.{name}", f"{prefix}{name}.", below, calls)
        )
    made: Remote = type("Remote", (Remote,), members)(path, methods)
    return made


def _method(
    client: str, method: Method, call: Caller, timeout_name: str, default_s: float | None
) -> Callable[..., Any]:
    signature = method.signature
    if timeout_name in signature.parameters:
        raise ConfigError(
            f"{client}.{method.name} has a parameter {timeout_name!r}: choose another name for a call's time"
        )

    fitting = Fitting(signature)

    def remote(*args: Any, **kwargs: Any) -> Any:
        timeout_s = _seconds(kwargs.pop(timeout_name)) if timeout_name in kwargs else default_s
        try:
            fitting.check(args, kwargs)
        except TypeError as error:
            raise TypeError(f"{client}.{method.name}{signature}: {error}") from None
        return call(method.name, args, kwargs, timeout_s)

    remote.__name__ = method.name.rpartition(".")[2]
    remote.__qualname__ = f"{client}.{method.name}"
    remote.__doc__ = method.doc or None
    remote.__signature__ = signature  # type: ignore[attr-defined]
    return remote


def _seconds(timeout_s: Any) -> float | None:
    if timeout_s is None:
        return None
    if not isinstance(timeout_s, int | float) or not 0 < timeout_s < math.inf:
        raise ConfigError(f"expected a call's time as seconds above 0, or None, got {timeout_s!r}")
    return float(timeout_s)


def _public(group: type[Remote]) -> list[str]:
    return sorted(name for name in vars(group) if not name.startswith("_"))
