"""A pipe's methods at a hub: a client there that serves them under its name.

Promises: after `request_stop` calls in hand are still answered, for at most `GRACE_S`; a hub that is away is
tried again.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from sightline.errors import BusError
from sightline.hub import StreamClient
from sightline.hub.address import HubAddress

GRACE_S: Final = 25.0
_REACHED_S: Final = 10.0
_LOOK_S: Final = 0.02


class HubDoor:
    """Serves from now until `close`.

    Args:
        service: whose methods; see `sightline.hub.rpc`.
        place: of the hub.
        name: of the client.
        key: what callers must know; None: nothing.

    Attributes:
        address: where, for whoever calls.

    Raises:
        BusError: no hub answers, or another client has that name.
    """

    def __init__(self, service: object, place: HubAddress, name: str, *, key: str | None = None) -> None:
        self.address = f"{place.shown}?name={name}"
        self._client = StreamClient(
            name, **place.client_settings(), service=service, rpc_key=key, agent="sightline pipe"
        )
        self._lock = threading.Lock()
        self._ending: threading.Thread | None = None
        self._over = threading.Event()
        try:
            self._client.start()
            self._client.wait_until_alive(_REACHED_S)
        except BaseException as error:
            self._client.stop_client()
            if isinstance(error, TimeoutError):
                raise BusError(f"no hub answers at {place.shown}") from None
            raise

    def request_stop(self) -> None:
        """End when the calls in hand are answered. From any thread."""
        with self._lock:
            if self._ending is None:
                self._ending = threading.Thread(target=self._end, name="rpc hub door", daemon=True)
                self._ending.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it has ended; False: time was up first."""
        return self._over.wait(timeout_s)

    def close(self) -> None:
        """Stop, and wait for that. Again is allowed."""
        self.request_stop()
        self.wait()

    def _end(self) -> None:
        until_s = time.monotonic() + GRACE_S
        try:
            while self._client.statistics().calls and time.monotonic() < until_s:
                time.sleep(_LOOK_S)
            self._client.stop_client()
        finally:
            self._over.set()
