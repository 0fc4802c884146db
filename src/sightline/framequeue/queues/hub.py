"""The queue over a hub: what another process serves there (`queues.host`), for workers on any machine.

What it keeps is the served queue's. This handle connects again by itself, and asks again what it did not hear
the answer of, for `reach_s`; so a key may then be in line twice, and a delivery that was settled may be told
to be no longer ours. Every third of the host's lease it tells that it lives and what it has in hand; one that
could not for a whole lease has lost that, and it is handed to others.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from sightline.errors import BusError, CallError, Closed, ConfigError, NoResponder, RemoteError
from sightline.framequeue.queue import (
    DeadKey,
    Delivery,
    Outcome,
    QueueDepth,
    Sent,
    checked_delay,
    checked_receive,
    checked_texts,
)
from sightline.framequeue.queues.host import MOST_TEXTS, WAIT_S, address_of, unreachable
from sightline.framequeue.queues.sessions import Tag
from sightline.framequeue.reason import checked_reason
from sightline.hub import StreamClient

REACH_S: Final = 10.0
ANSWER_S: Final = 5.0
"""How long one answer is waited for."""
_AGAIN_S: Final = 0.1
_GOODBYE_S: Final = 1.0


class HubQueue:
    """One handle. `sightline.framequeue.KeyQueue` says what its methods do; limits are the served queue's.

    Args:
        url: `hub://host:port?queue=NAME`; `frames` where it names none. Who serves it may come later.
        reach_s: how long a hub, or a host, that is away is waited for.

    Raises:
        ConfigError: `url` is no such address.
        BusError: no hub answers there, or it does not take us.
    """

    def __init__(self, url: str, *, reach_s: float = REACH_S) -> None:
        address, self._served = address_of(url)
        self._where = f"{self._served} at {address.shown}"
        self._reach_s = reach_s
        self._session = secrets.token_hex(16)
        self._held: set[Tag] = set()
        self._lock = threading.Lock()  # of what is held, and of closing
        self._closing = threading.Event()
        self._remote: Any = None
        self._client = StreamClient(
            **address.client_settings(), tto=ANSWER_S, agent="sightline framequeue", sharing=None
        )
        self._client.start()
        try:
            self._client.wait_until_alive(reach_s)
        except BaseException as error:
            self._client.stop_client()
            if isinstance(error, TimeoutError):
                raise unreachable(address) from error
            raise
        self._renewer = threading.Thread(target=self._renew, name=f"queue {self._where}", daemon=True)
        self._renewer.start()

    def send(self, texts: Sequence[str]) -> list[Sent]:
        keys = [text for text, _ in checked_texts(texts)]
        sent: list[Sent] = []
        for begin in range(0, len(keys), MOST_TEXTS):
            some = keys[begin : begin + MOST_TEXTS]
            sent += map(Sent, some, map(Outcome, self._call("send", some)))
        return sent

    def receive(self, most: int, timeout_s: float) -> list[Delivery]:
        checked_receive(most, timeout_s)
        until_s = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, until_s - time.monotonic())
            try:
                got = self._once("receive", self._session, most, min(left_s, WAIT_S))
            except CallError:
                got = ()
                self._closing.wait(min(left_s, _AGAIN_S))
            if got or time.monotonic() >= until_s:
                return self._taken(got)

    def ack(self, delivery: Delivery) -> bool:
        return self._settle("ack", delivery)

    def retry(self, delivery: Delivery, delay_s: float = 0.0) -> bool:
        return self._settle("retry", delivery, float(checked_delay(delay_s)))

    def dead(self, delivery: Delivery, reason: str) -> bool:
        return self._settle("dead", delivery, checked_reason(reason))

    def dead_letters(self, limit: int = 100) -> list[DeadKey]:
        return [DeadKey(*fields) for fields in self._call("dead_letters", limit)]

    def dead_retry(self, texts: Iterable[str] | None = None) -> int:
        count: int = self._call("dead_retry", None if texts is None else list(texts))
        return count

    def depth(self) -> QueueDepth:
        return QueueDepth(**self._call("depth"))

    def close(self) -> None:
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
        with contextlib.suppress(CallError, BusError):  # else its silence tells
            self._asked("leave", self._session, tto=_GOODBYE_S)
        self._client.stop_client()
        self._renewer.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _taken(self, rows: Iterable[Sequence[Any]]) -> list[Delivery]:
        got = [Delivery(text, again, at_ns, tuple(tag)) for text, again, at_ns, tag in rows]
        with self._lock:
            self._held.update(delivery.tag for delivery in got)
        return got

    def _settle(self, how: str, delivery: Delivery, *more: object) -> bool:
        try:
            done: bool = self._call(how, self._session, delivery.tag, *more)
        finally:  # what could not be settled is not told to be here any more, so it comes back
            with self._lock:
                self._held.discard(delivery.tag)
        return done

    def _call(self, method: str, *args: object) -> Any:
        """The answer, asked for again while nobody is there to give it."""
        until_s = time.monotonic() + self._reach_s
        while True:
            try:
                return self._once(method, *args)
            except CallError as error:
                if time.monotonic() >= until_s:
                    raise BusError(f"nobody serves {self._where}: {error}") from error
            self._closing.wait(_AGAIN_S)

    def _once(self, method: str, *args: object) -> Any:
        """Raises CallError where nobody is there, and what the served queue raised."""
        if self._closing.is_set():
            raise Closed("this queue is closed")
        return self._asked(method, *args, tto=ANSWER_S + WAIT_S)

    def _asked(self, method: str, *args: object, tto: float) -> Any:
        if not self._client.is_alive:
            raise NoResponder("the hub is away")
        if self._remote is None:
            self._remote = self._client.create_rpc_client_service(self._served)
        try:
            return getattr(self._remote, method)(*args, tto=tto)
        except RemoteError as error:
            raise _as_it_was(error) from error

    def _renew(self) -> None:
        """Tells that this lives, as often as the host wants to hear it."""
        every_s = 0.0
        while not self._closing.wait(every_s):
            with self._lock:
                held = list(self._held)
            try:
                every_s = self._once("renew", self._session, held) / 3
            except Closed:
                return
            except (CallError, BusError):
                every_s = _AGAIN_S


def _as_it_was(error: RemoteError) -> Exception:
    """What the served queue raised there, here."""
    if error.type == Closed.__name__:  # its host is about to end
        return NoResponder(error.message)
    kind = ConfigError if error.type == ConfigError.__name__ else BusError
    return kind(error.message)
