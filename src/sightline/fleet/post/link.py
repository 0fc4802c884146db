"""One handle on a bus that may be away: made in the background when it can be, and anew where it broke off.

Deliberately not here: what is sent and read. A handle that merely waits for its broker stays: buses get over
that by themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import tenacity

from sightline.bus import Log, open_log
from sightline.bus.kafka_address import KafkaAddress
from sightline.bus.kafka_client import confluent_kafka
from sightline.errors import Closed, ConfigError, SightlineError
from sightline.hub.address import HubAddress
from sightline.log import get_logger

HISTORY: Final = "64MiB"
"""What a broker of our own keeps of each topic that the fleet makes."""
_FIRST_S: Final = 0.1
_MOST_S: Final = 5.0
_AWAY_S: Final = 1.0
"""What took longer than this came to a broker that was not there."""


def log_url(url: str) -> str:
    """`url`, of a log: hub:// and memory:// are told to keep something where they are not told how much.

    Raises:
        ConfigError: it is no URL of a bus. MissingExtra: its library is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "kafka":
        KafkaAddress.of(url)
        confluent_kafka()
    elif scheme == "hub":
        HubAddress.of(url)
    elif scheme != "memory":
        raise ConfigError("expected the URL of a bus: kafka://host:9092, hub://host:4820 or memory://name")
    if scheme == "kafka" or "history=" in urlsplit(url).query:
        return url
    return f"{url}{'&' if '?' in rest else '?'}history={HISTORY}"


class Link:
    """Any thread may use it.

    Args:
        url: of the bus.
        on_back: called, in a thread of the link's own, when there is a handle after there was none for a
            while.

    Raises:
        ConfigError, MissingExtra: as `log_url`.
    """

    def __init__(self, url: str, on_back: Callable[[], None]) -> None:
        self._url = log_url(url)
        self._on_back = on_back
        self._logger = get_logger(__name__)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._log: Log | None = None
        self.connections = 0
        self._thread = threading.Thread(target=self._live, name="fleet link", daemon=True)
        self._thread.start()

    def log(self, timeout_s: float | None) -> Log | None:
        """The handle, as soon as there is one; None: there was none in time. Raises Closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._log is not None or self._closing.is_set(), timeout_s)
            if self._closing.is_set():
                raise Closed("this post is closed")
            return self._log

    def broke(self, log: Log, error: SightlineError) -> None:
        """This handle is of no use any more: there will be another one."""
        with self._changed:
            if self._log is not log:
                return
            self._log = None
            self._changed.notify_all()
        self._logger.warning("the bus broke off", reason=str(error))
        self._end(log)

    def close(self) -> None:
        """Again is allowed."""
        with self._changed:
            self._closing.set()
            log, self._log = self._log, None
            self._changed.notify_all()
        if log is not None:
            self._end(log)
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _live(self) -> None:
        while not self._closing.is_set():
            begun_s = time.monotonic()
            try:
                log = self._retrying()(open_log, self._url)
            except tenacity.RetryError:
                return
            was_away = time.monotonic() - begun_s > _AWAY_S
            if self._take(log) and (self.connections > 1 or was_away):
                self._on_back()
            with self._changed:
                self._changed.wait_for(lambda: self._log is None or self._closing.is_set())

    def _take(self, log: Log) -> bool:
        with self._changed:
            taken = not self._closing.is_set()
            if taken:
                self._log = log
                self.connections += 1
                self._changed.notify_all()
        if not taken:
            self._end(log)
        return taken

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            # Whatever is wrong may be put right by whoever has the broker: only we end it.
            retry=tenacity.retry_if_exception_type(SightlineError),
            wait=tenacity.wait_random_exponential(multiplier=_FIRST_S, max=_MOST_S),
            stop=tenacity.stop_when_event_set(self._closing),
            sleep=tenacity.sleep_using_event(self._closing),
            before_sleep=self._told,
        )

    def _told(self, state: tenacity.RetryCallState) -> None:
        tell = self._logger.warning if state.attempt_number == 1 else self._logger.debug
        tell(
            "no bus yet", reason=str(state.outcome and state.outcome.exception()), tries=state.attempt_number
        )

    def _end(self, log: Log) -> None:
        try:
            log.close()
        except SightlineError as error:  # what it could not deliver is sent again by whoever sent it
            self._logger.warning("the bus did not take all", reason=str(error))
