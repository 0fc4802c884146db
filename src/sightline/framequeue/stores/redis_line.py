"""The way to one Redis: a few kept connections, one script, and a time within which each call has an answer.

What breaks off is tried again as long as there is time, on a new connection: a server that was started anew
is met without anybody's help, and where it forgot the script it is told it again. So a script may run twice
for one call, and is written for that.

Deliberately not here: clusters and sentinels. It is one server, or what a provider shows as one.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from sightline.errors import BusError, Closed, ConfigError, MissingExtra
from sightline.log import hide_secret, redact

try:
    from redis import BlockingConnectionPool, Redis
    from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
    from redis.exceptions import (
        AuthenticationError,
        ConnectionError,  # noqa: A004 - theirs, which is none of Python's
        NoPermissionError,
        NoScriptError,
        OutOfMemoryError,
        ReadOnlyError,
        RedisError,
        ResponseError,
        TimeoutError,  # noqa: A004
    )
    from redis.retry import Retry
except ModuleNotFoundError as error:
    if error.name != "redis":
        raise
    raise MissingExtra(
        "redis is not installed; it comes with: pip install 'sightline[framequeue]'"
    ) from error

Command: TypeAlias = tuple[str | bytes | int | float, ...]

CONNECTIONS: Final = 16
"""Of a handle; more threads than that wait for each other."""
OPTIONS: Final = {
    *("db", "username", "password", "socket_keepalive"),
    *("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password"),
    *("ssl_cert_reqs", "ssl_check_hostname", "ssl_min_version"),
}
"""Of a URL."""
_BROKEN: Final = (ConnectionError, TimeoutError, ReadOnlyError)
_REFUSED: Final = (AuthenticationError, NoPermissionError)


class Trip(NamedTuple):
    """What goes in one trip: the script of each call's words, and plain commands before and after.

    They are no transaction: others may come in between. What a server that is full does not take of `before`
    is left for the script to see.
    """

    calls: Sequence[Command]
    before: Sequence[Command] = ()
    after: Sequence[Command] = ()


class RedisLine:
    """Commands go in and replies come out, as bytes, many in one trip. Any thread may use it.

    Args:
        url: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, or `unix://path`; some
            options of redis-py in its query, as `ssl_ca_certs`.
        timeout_s: how long a call takes at most, about.
        script: in Lua; what `run` runs.

    Raises:
        ConfigError: it is no such URL.
    """

    def __init__(self, url: str, *, timeout_s: float, script: str) -> None:
        self.name = redact(url)
        self._timeout_s = timeout_s
        self._script = script
        self._sha = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        # Theirs would try again in each part of a trip; this does so round all of it while there is time.
        self._retry = Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.02), -1, _BROKEN)
        self._pool = _pool(checked_url(url), timeout_s / 2)
        self._redis = Redis(connection_pool=self._pool)
        self._closed = threading.Event()

    def run(self, key: str, calls: Sequence[Command]) -> list[Any]:
        """Runs the script of each call's words, in one trip.

        Raises:
            BusError: it cannot be reached, or refuses; the message has no secrets.
            Closed: this was closed, maybe after the call had begun: the server may have done it then.
        """
        return self.go(key, lambda: Trip(calls))

    def go(self, key: str, trip: Callable[[], Trip]) -> list[Any]:
        """The answers to the calls of a trip, and then those to what comes after them.

        `trip` is asked for each try: what an earlier one left at the server may have other names.

        Raises:
            BusError, Closed: as `run`.
        """
        return self._within_time(lambda: self._go(key, trip()))

    def ask(self, *commands: Command) -> list[Any]:
        """The replies to some commands, in one trip. What Redis refuses is a `ResponseError` among them."""
        return self._within_time(lambda: self._send(commands))

    def close(self) -> None:
        """Who waits for an answer gets Closed."""
        self._closed.set()
        self._pool.disconnect()

    def _within_time(self, trip: Callable[[], list[Any]]) -> list[Any]:
        if self._closed.is_set():
            raise Closed("this store is closed")
        end_s = time.monotonic() + self._timeout_s / 2

        def may_go_on(error: Exception) -> bool:
            final = self._closed.is_set() or isinstance(error, AuthenticationError)
            return not final and time.monotonic() < end_s

        try:
            return self._retry.call_with_retry(trip, self._broke, may_go_on)
        except RedisError as error:
            raise self._error(error) from None
        finally:
            if self._closed.is_set():  # meanwhile, and another connection may have been opened after that
                self._pool.disconnect()

    def _go(self, key: str, trip: Trip) -> list[Any]:
        calls, begin = trip.calls, len(trip.before)
        scripts = [("EVALSHA", self._sha, 1, key, *call) for call in calls]
        replies = self._send([*trip.before, *scripts, *trip.after])
        _raise_refused(each for each in replies[:begin] if not isinstance(each, OutOfMemoryError))
        replies = replies[begin:]
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            first, *others = ([key, *calls[at]] for at in unknown)
            again = [
                ("EVAL", self._script, 1, *first),
                *(("EVALSHA", self._sha, 1, *call) for call in others),
                *trip.after,
            ]
            places = *unknown, *range(len(calls), len(replies))
            for at, reply in zip(places, self._send(again), strict=True):
                replies[at] = reply
        _raise_refused(replies)
        return replies

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            replies = pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, _BROKEN):
                raise reply
        return replies

    def _broke(self, error: Exception) -> None:
        if isinstance(error, ReadOnlyError):  # it is a replica now; the name may lead to another by now
            self._pool.disconnect(inuse_connections=False)

    def _error(self, error: RedisError) -> BusError | Closed:
        if self._closed.is_set():
            return Closed("this store was closed")
        if isinstance(error, _REFUSED):
            return BusError(f"{self.name} refuses this user or password: {redact(str(error))}")
        if isinstance(error, TimeoutError):
            return BusError(f"{self.name} gave no answer within {self._timeout_s:g} s: {redact(str(error))}")
        return BusError(f"{self.name}: {redact(str(error))}")


def _raise_refused(replies: Iterable[Any]) -> None:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply


def checked_url(url: str) -> str:
    """`url`, with its password hidden from now on. Raises ConfigError where it leads to no Redis."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("redis", "rediss", "unix") and (parts.port is None or parts.port > 0)
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError as error:
        raise ConfigError(f"expected the URL of a Redis, got {redact(url)!r}: {redact(str(error))}") from None
    hide_secret(unquote(parts.password or ""))
    hide_secret(options.get("password", ""))
    if not known or not (parts.hostname or parts.path):
        raise ConfigError(
            f"expected redis://, rediss:// or unix:// and where the server is, got {redact(url)!r}"
        )
    if parts.scheme != "unix" and not parts.path.strip("/").isdecimal() and parts.path.strip("/"):
        raise ConfigError(f"expected the number of a database after the host, got {redact(url)!r}")
    if unknown := options.keys() - OPTIONS:
        raise ConfigError(
            f"expected options of {', '.join(sorted(OPTIONS))} in the URL, got {', '.join(sorted(unknown))}"
        )
    return url


def _pool(url: str, timeout_s: float) -> BlockingConnectionPool:
    try:
        return BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # as all servers and providers speak it; nothing here is better said in 3
            driver_info=None,  # else each connection begins with two more trips
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"expected the URL of a Redis, got {redact(url)!r}: {redact(str(error))}") from None
