"""Which methods of an object are served, and how they are called.

Served are those whose names begin with `rpc_`, without that prefix, and those marked `@rpc`, under their own
names: of the object itself, and of public attributes that hold objects with served methods, as a group
(`client.camera.zoom`), at any depth. A class marked `@rpc` makes groups that have only groups in them.
Nothing else is: what a class has from `Thread` stays its own. A subclass that sets a name to None takes
the method back. No property is read to find out.

    class Camera:
        @rpc
        def zoom(self, factor: float) -> float: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import MemberDescriptorType, MethodType, ModuleType
from typing import Any, Final, NamedTuple, Self, TypeVar

from sightline.errors import ConfigError
from sightline.hub.rpc.description import MOST_DEPTH, PREFIX, Method, describe, is_name, signature_of
from sightline.hub.rpc.fitting import Fitting

_MARK: Final = "__sightline_rpc__"
T = TypeVar("T", bound=Callable[..., Any])


def rpc(served: T) -> T:
    """Marks a method as served under its own name; a class, as one whose objects may be groups."""
    setattr(served, _MARK, True)
    return served


class Served(NamedTuple):
    """A method that others may call."""

    name: str
    function: Callable[..., Any]
    signature: inspect.Signature
    is_async: bool
    fitting: Fitting

    @classmethod
    def of(cls, name: str, function: Callable[..., Any]) -> Self:
        """What is served as `name`."""
        is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  an object whose __call__ is async
        )
        signature = signature_of(function)
        return cls(name, function, signature, is_async, Fitting(signature))

    def described(self) -> Method:
        doc = inspect.getdoc(self.function) or ""
        return describe(self.name, self.signature, doc, is_async=self.is_async)


def find_served(service: object, *, needed: bool = True) -> dict[str, Served]:
    """All that `service` serves, by full name (`camera.zoom`).

    Raises:
        ConfigError: it serves nothing, and is `needed` to; a name cannot be served; two are the same; a group
            holds itself.
    """
    found: dict[str, Served] = {}
    for served in _walk(service, "", (service,)):
        if served.name in found:
            raise ConfigError(f"expected one method of a name, got two that are served as {served.name!r}")
        found[served.name] = served
    if needed and not found:
        raise ConfigError(
            f"{type(service).__name__} serves nothing: name methods {PREFIX}... or mark them @rpc"
        )
    return found


def _walk(holder: object, prefix: str, above: tuple[object, ...]) -> Iterator[Served]:
    for attribute, raw in _attributes(holder):
        name = _served_name(attribute, raw)
        if name is not None:
            yield Served.of(prefix + _checked(prefix, name), getattr(holder, attribute))
        elif not attribute.startswith("_") and _is_group(raw):
            yield from _walk_group(raw, prefix + _checked(prefix, attribute), above)


def _walk_group(group: object, path: str, above: tuple[object, ...]) -> Iterator[Served]:
    if any(group is holder for holder in above):
        raise ConfigError(
            f"the group {path!r} holds itself: begin the attribute's name with _ to keep it out"
        )
    if len(above) >= MOST_DEPTH:
        raise ConfigError(f"expected groups in groups to a depth of {MOST_DEPTH - 1}, got {path!r}")
    yield from _walk(group, f"{path}.", (*above, group))


def _attributes(holder: object) -> Iterator[tuple[str, Any]]:
    """Names with what stands behind them, as it is stored: an object's own, then its classes'."""
    classes = () if isinstance(holder, type) else type(holder).__mro__
    seen: set[str] = set()
    for space in (getattr(holder, "__dict__", {}), *map(vars, classes)):
        for attribute, raw in list(space.items()):
            if attribute not in seen:
                seen.add(attribute)
                is_slot = isinstance(raw, MemberDescriptorType)
                yield attribute, getattr(holder, attribute, None) if is_slot else raw


def _served_name(attribute: str, raw: Any) -> str | None:
    plain = raw.__func__ if isinstance(raw, staticmethod | classmethod | MethodType) else raw
    if isinstance(plain, type) or not callable(plain):
        return None
    if _is_marked(raw) or _is_marked(plain):
        return attribute.removeprefix(PREFIX)
    return attribute.removeprefix(PREFIX) if attribute.startswith(PREFIX) else None


def _is_group(value: object) -> bool:
    """By its class, or by what was put on it."""
    if isinstance(value, type | ModuleType) or inspect.isroutine(value):
        return False
    marked = _is_marked(type(value))
    return marked or any(_served_name(attribute, raw) is not None for attribute, raw in _attributes(value))


def _is_marked(value: object) -> bool:
    # Without asking the object: there are some that have any attribute that one asks for.
    return inspect.getattr_static(value, _MARK, None) is True


def _checked(prefix: str, name: str) -> str:
    if not is_name(name):
        raise ConfigError(f"expected a public identifier to be served as, got {prefix + name!r}")
    return name
