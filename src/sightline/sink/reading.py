"""The thread in which a sink reads packets off the bus, beside the worker that decodes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sightline.bus import Message, Subscription
from sightline.errors import BusError, Closed

_MOST: Final = 256
_READY_S: Final = 5.0
_DRAIN_S: Final = 2.0
_CLOSE_S: Final = 5.0


class Reading:
    """Reads from when it is made until it is closed.

    Args:
        subscription: what to read; closed with this.
        take: called with what came, and with nothing where nothing did for `look_s`. It must not raise.
        finish: called behind the last of it.
        name: of the thread.

    Attributes:
        broken: why it can no longer be read; None while it can.
    """

    def __init__(
        self,
        subscription: Subscription,
        take: Callable[[list[Message]], None],
        finish: Callable[[], None] = lambda: None,
        *,
        look_s: float,
        name: str,
    ) -> None:
        self._subscription = subscription
        self._take, self._finish = take, finish
        self._look_s = look_s
        self.broken: str | None = None
        self._closing = threading.Event()
        subscription.ready(_READY_S)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take what has been published, for some seconds at most, and end."""
        self._closing.set()
        self._thread.join(_CLOSE_S)
        self._subscription.close()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._take(self._subscription.poll(_MOST, self._look_s))
            until_s = time.monotonic() + _DRAIN_S
            while (messages := self._subscription.poll(_MOST, 0)) and time.monotonic() < until_s:
                self._take(messages)
            self._finish()
        except Closed:
            return
        except BusError as error:
            self.broken = str(error)
