"""A store and a queue by their URLs. One line a back end; nothing here knows more of any of them.

    memory:  memory:NAME                           within this process
    folder:PATH                                    a store of the processes of one machine
    redis://HOST  rediss://HOST  unix://PATH       a store of many machines: Redis
    sqlite:PATH                                    a queue of the processes of one machine
    hub://HOST                                     a queue that somebody serves on our hub
    amqp://HOST  amqps://HOST                      a queue of RabbitMQ
    celery+amqp://HOST  celery+amqps://HOST        the queues of Celery's workers, to send to

What a back end may be told besides stands behind a `?`, by the names of its class and of `QueueLimits`, with
sizes as in `limit_bytes=2GiB` and `none` for None; whatever else its own URLs have there stays in them:

    folder:/var/lib/sightline/frames?limit_bytes=20GiB&durable=true
    amqps://me:secret@host/cameras?tls_ca=ca.pem&queue=frames&max_keys=50000&when_full=drop_oldest

Limits that are given hold for the queue; of those, what is left out is as `QueueLimits` has it. Messages show
neither a URL nor what might be a secret of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple, cast, get_type_hints
from urllib.parse import parse_qsl, unquote, urlencode

from sightline.bus.address import size_bytes
from sightline.errors import ConfigError, MissingExtra
from sightline.framequeue.queue import KeyQueue
from sightline.framequeue.queues.limits import QueueLimits
from sightline.framequeue.store import FrameStore
from sightline.kinds import nearest, read_options
from sightline.log import redact


class _BackEnd(NamedTuple):
    """Where its class is, how a URL is written, and what of the options are the URL's own."""

    place: str
    example: str
    own: str | Collection[str] = ()  # the names, or the place of them
    from_url: Callable[[str, str], str] | None = None  # scheme, rest: the class's first argument


def _name(_scheme: str, rest: str) -> str:
    return unquote(rest.removeprefix("//"))


def _path(scheme: str, rest: str) -> str:
    path = unquote(rest.removeprefix("//") if rest.startswith("///") else rest)
    if not path or path.startswith("//"):
        raise ConfigError(f"expected a path as in {scheme}:/var/lib/sightline/NAME, or {scheme}:NAME")
    return str(Path(path).expanduser())


_HERE: Final = "sightline.framequeue"
_REDIS: Final = _BackEnd(f"{_HERE}.stores.redis:RedisStore", "redis://", f"{_HERE}.stores.redis_line:OPTIONS")
_RABBIT: Final = _BackEnd(
    f"{_HERE}.rabbitmq.queue:RabbitMqQueue", "amqp://", f"{_HERE}.rabbitmq.address:OPTIONS"
)
_CELERY: Final = _BackEnd(
    f"{_HERE}.tasks.queue:CeleryQueue", "celery+amqp://", f"{_HERE}.tasks.queue:OPTIONS"
)
_STORES: Final = {
    "memory": _BackEnd(f"{_HERE}.stores.memory:MemoryStore", "memory:", from_url=_name),
    "folder": _BackEnd(f"{_HERE}.stores.folder:FolderStore", "folder:PATH", from_url=_path),
    "redis": _REDIS,
    "rediss": _REDIS._replace(example="rediss://"),
    "unix": _REDIS._replace(example="unix://"),
}
_QUEUES: Final = {
    "memory": _BackEnd(f"{_HERE}.queues.memory:MemoryQueue", "memory:", from_url=_name),
    "sqlite": _BackEnd(f"{_HERE}.queues.sqlite:SqliteQueue", "sqlite:PATH", from_url=_path),
    "hub": _BackEnd(
        f"{_HERE}.queues.hub:HubQueue", "hub://", ("queue", "tls_ca", "tls_certificate", "tls_key")
    ),
    "amqp": _RABBIT,
    "amqps": _RABBIT._replace(example="amqps://"),
    "celery+amqp": _CELERY,
    "celery+amqps": _CELERY._replace(example="celery+amqps://"),
}
_LIBRARIES: Final = ("pika", "redis")
_NOT_OPTIONS: Final = ("clock", "limits")
_OPTION: Final = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,19}", re.ASCII)


def open_store(url: str) -> FrameStore:
    """The store at `url`.

    Raises:
        ConfigError: no back end has this scheme, or what is behind it is wrong: all mistakes at once.
        MissingExtra: the library that it needs is not installed.
        BusError: it is out of reach, where that shows at once.
    """
    return cast("FrameStore", _open("store", _STORES, url))


def open_queue(url: str) -> KeyQueue:
    """The queue at `url`. Raises as `open_store`."""
    return cast("KeyQueue", _open("queue", _QUEUES, url))


def _open(what: str, back_ends: Mapping[str, _BackEnd], url: str) -> object:
    scheme, colon, rest = url.strip().partition(":")
    scheme = scheme.lower()
    back_end = back_ends.get(scheme) if colon else None
    if back_end is None:
        raise ConfigError(_unknown(what, back_ends, scheme if colon else ""))
    address, _, query = rest.partition("?")
    maker, own = _found(back_end.place), _names(back_end.own)
    options = _read(f"{what} {scheme}:", maker, own, query)
    theirs = {name: options.pop(name) for name in tuple(options) if name in own}
    if back_end.from_url is not None:
        return maker(back_end.from_url(scheme, address), **options)
    return maker(f"{scheme}:{address}" + (f"?{urlencode(theirs)}" if theirs else ""), **options)


def _unknown(what: str, back_ends: Mapping[str, _BackEnd], scheme: str) -> str:
    """No more than a scheme is shown: the rest may hold a password, and so may what is no scheme."""
    known = ", ".join(back_end.example for back_end in back_ends.values())
    shown = scheme if _SCHEME.fullmatch(scheme) else ""
    return (
        f"expected the URL of a {what} that begins with {known}; got {shown!r} as scheme"
        f"{nearest(shown, back_ends) if shown else ''}"
    )


def _read(what: str, maker: Callable[..., object], own: Collection[str], query: str) -> dict[str, Any]:
    """The options of a query, in their types; limits as one. Raises ConfigError with every mistake."""
    signature = _signature(maker, own)
    texts, mistakes = _texts(query, own)
    read = read_options(signature, texts)
    mistakes |= read.mistakes
    for name in mistakes.keys() & inspect.signature(signature).parameters.keys() & texts.keys():
        if name.endswith("_bytes") and isinstance(texts[name], str):
            mistakes[name] = f"expected a size such as 64MiB, got {redact(texts[name])!r:.60}"
    if mistakes:
        raise ConfigError(f"{what} " + "; ".join(f"{name}: {text}" for name, text in mistakes.items()))
    values = read.values
    limits = {name: values.pop(name) for name in QueueLimits.__struct_fields__ if name in values}
    return values | ({"limits": QueueLimits(**limits)} if limits else {})


def _texts(query: str, own: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What is written there, and by name what is wrong with it."""
    texts: dict[str, Any] = {}
    mistakes: dict[str, str] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if _OPTION.fullmatch(name) is None:  # it may be the end of a password
            mistakes["?"] = (
                "expected options as in ?name=value&name=value; in passwords ? and & are %3F and %26"
            )
        elif name in texts:
            mistakes[name] = "expected once, got it again"
        else:
            texts[name] = text if name in own else _prepared(name, text)
    return texts, mistakes


def _prepared(name: str, text: str) -> object:
    """A text as far as its types do not tell how to read it."""
    if text == "none":
        return None
    try:
        return size_bytes(text) if name.endswith("_bytes") else text
    except ConfigError:
        return text


def _signature(maker: Callable[..., object], own: Collection[str]) -> Callable[..., object]:
    """What may be given to a class by a URL, as a function with these options."""
    parameters = list(inspect.signature(maker).parameters.values())[1:]  # the first is the address
    hints = get_type_hints(maker.__init__)
    named = [each for each in parameters if each.name not in _NOT_OPTIONS]
    if len(named) < len(parameters) and any(each.name == "limits" for each in parameters):
        named += inspect.signature(QueueLimits).parameters.values()
        hints |= get_type_hints(QueueLimits)
    named += [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="") for name in sorted(own)]
    hints |= dict.fromkeys(own, str)

    def options() -> None: ...

    options.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in named]
    )
    options.__annotations__ = {each.name: hints[each.name] for each in named}
    return options


def _names(own: str | Collection[str]) -> Collection[str]:
    return cast("Collection[str]", _found(own)) if isinstance(own, str) else own


def _found(place: str) -> Callable[..., object]:
    module, _, name = place.partition(":")
    try:
        found: Callable[..., object] = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _LIBRARIES:
            raise
        raise MissingExtra(
            f"{library} is not installed; it comes with: pip install 'sightline[framequeue]'"
        ) from error
    return found
