"""What happens to containers, as Docker tells it: a thread that hears it, and asks again where it is cut off.

Promises: `changed` is called for each event of a container of ours, when the engine is lost, and when it is
back, as what happened meanwhile is told to nobody. An engine that is stopped and does not answer is not
noticed here; whoever asks it something finds that out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from sightline.errors import RuntimeFault
from sightline.fleet.runtime.docker.containers import INSTANCE
from sightline.fleet.runtime.docker.engine import Engine
from sightline.log import get_logger

Event = Mapping[str, Any]
_AGAIN_S: Final = 0.5
_MOST_AGAIN_S: Final = 5.0
_TOLD: Final = {
    "die",
    "oom",
    "destroy",
    "pause",
    "unpause",
    "update",
    "rename",
    "start",
    "stop",
    "kill",
    "health_status",
}


class Happened(NamedTuple):
    """To an instance, in a container; "" for both: it may have been anything."""

    instance: str
    container: str
    ended: bool = False


ANYTHING: Final = Happened("", "")


class Events:
    """Between `__init__` and `close`.

    Args:
        labels: that containers of ours have.
        changed: called with what happened.
    """

    def __init__(
        self, address: str | None, labels: Sequence[str], changed: Callable[[Happened], object]
    ) -> None:
        # It says nothing for as long as nothing happens: no time limit.
        self._engine = Engine(address, call_s=None)
        self._filters = {"type": "container", "label": list(labels)}
        self._changed = changed
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._stream: Any = None
        self._heard = threading.Event()
        self._log = get_logger("sightline.fleet.runtime")
        self._thread = threading.Thread(target=self._run, name="sightline-docker-events", daemon=True)
        self._thread.start()

    def ready(self, timeout_s: float) -> bool:
        """Wait until it hears."""
        return self._heard.wait(timeout_s)

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            stream = self._stream
        if stream is not None:
            with suppress(Exception):  # it is another library's, and on its way out in another thread
                stream.close()
        self._thread.join(_MOST_AGAIN_S)
        self._engine.close()

    def _run(self) -> None:
        again_s, lost = _AGAIN_S, False
        while not self._closed.is_set():
            try:
                self._hear(was_lost=lost)
                again_s = _AGAIN_S
            except RuntimeFault as error:
                if not lost and not self._closed.is_set():
                    self._log.warning("Docker's events are lost", error=str(error))
            if not lost:
                self._changed(ANYTHING)
            lost = True
            self._heard.clear()
            self._closed.wait(again_s)
            again_s = min(again_s * 2, _MOST_AGAIN_S)

    def _hear(self, *, was_lost: bool) -> None:
        """Until it is cut off. Raises RuntimeFault."""
        stream = self._engine.ask(
            "its events", lambda client: client.events(filters=self._filters, decode=True)
        )
        with self._lock:
            self._stream = stream
        if self._closed.is_set():  # and whoever closes this may have looked for a stream before
            stream.close()
        if was_lost:
            self._log.info("Docker's events are back")
            self._changed(ANYTHING)
        self._heard.set()
        try:
            for event in stream:
                self._tell(event)
        except Exception as error:  # noqa: BLE001 - of sockets, HTTP and JSON, by what library ever
            raise RuntimeFault(f"Docker's events broke off: {type(error).__name__}") from None
        finally:
            self._engine.close()

    def _tell(self, event: Event) -> None:
        action = str(event.get("Action", "")).partition(":")[0]
        if action in _TOLD:
            actor = event.get("Actor") or {}
            name = (actor.get("Attributes") or {}).get(INSTANCE, "")
            self._changed(Happened(name, str(actor.get("ID", "")), ended=action == "die"))
