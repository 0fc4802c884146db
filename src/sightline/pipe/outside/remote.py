"""Methods that are called from here, by text: of whoever serves by zerorpc's protocol, or at a hub.

with remote("tcp://127.0.0.1:4242") as pipe:
    pipe.call("execute", ["join", {"to_kill": True}])
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Protocol

import msgspec

from sightline.errors import BusError, CallError, ConfigError, NoResponder, RemoteError
from sightline.hub.rpc import Remote
from sightline.pipe.outside.rpc import hub_place
from sightline.pipe.outside.zerorpc.endpoint import Endpoint, known_token
from sightline.pipe.outside.zerorpc.telling import method_lines

_REACHED_S: Final = 5.0


class Callee(Protocol):
    """Somebody's methods."""

    def methods(self) -> list[tuple[str, str]]:
        """Each with its arguments, and what it does in a line. Raises as `call`."""

    def call(self, method: str, args: Sequence[Any]) -> Any:
        """What it gives; an iterator where that is a stream.

        Raises:
            CallError: it raised, or there was no answer.
            BusError: nobody is there.
            ConfigError: arguments that do not fit, or cannot be sent.
        """


@contextmanager
def remote(url: str, timeout_s: float = 30.0) -> Iterator[Callee]:
    """The methods at `tcp://`, `ipc://` or `hub://...?name=`.

    Raises:
        ConfigError: no such address can be.
        MissingExtra: pyzmq is not installed, and it is no hub.
        BusError: no hub answers.
    """
    if url.startswith("hub:"):
        with _at_hub(url, timeout_s) as callee:
            yield callee
        return
    from sightline.pipe.outside.zerorpc.client import Client  # noqa: PLC0415 - needs the extra

    with Client(Endpoint.of(url), timeout_s=timeout_s) as client:
        yield _ByZerorpc(client)


@contextmanager
def _at_hub(url: str, timeout_s: float) -> Iterator[Callee]:
    from sightline.hub import StreamClient  # noqa: PLC0415 - not for who calls a socket

    place, name = hub_place(url)
    key = known_token()
    with ExitStack() as opened:
        try:
            client = opened.enter_context(
                StreamClient("", **place.client_settings(), agent="sightline rpc", tto=_REACHED_S)
            )
            service = client.create_rpc_client_service(name, key)
        except (NoResponder, TimeoutError) as error:
            raise BusError(f"{place.shown}: {error}") from None
        yield _AtHub(service, timeout_s)


class _ByZerorpc:
    def __init__(self, client: Any) -> None:
        self._client = client

    def methods(self) -> list[tuple[str, str]]:
        try:
            return method_lines(self._client.call("_zerorpc_inspect"))
        except RemoteError:  # servers of zerorpc cannot say it from Python 3.11 on
            return [(str(name), "") for name in self._client.call("_zerorpc_list")]
        except msgspec.ValidationError as error:
            raise CallError(f"expected a list of methods: {error}") from None

    def call(self, method: str, args: Sequence[Any]) -> Any:
        return self._client.call(method, *args)


class _AtHub:
    def __init__(self, remote: Remote, timeout_s: float) -> None:
        self._remote = remote
        self._timeout_s = timeout_s

    def methods(self) -> list[tuple[str, str]]:
        return [*_listed(self._remote)]

    def call(self, method: str, args: Sequence[Any]) -> Any:
        found: Any = self._remote
        try:
            for part in method.split("."):
                found = getattr(found, part)
            return found(*args, tto=self._timeout_s)
        except (AttributeError, TypeError) as error:
            raise ConfigError(str(error)) from None


def _listed(group: Remote, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name in dir(group):
        method = getattr(group, name)
        if isinstance(method, Remote):
            yield from _listed(method, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}{inspect.signature(method)}", (method.__doc__ or "").partition("\n")[0]
