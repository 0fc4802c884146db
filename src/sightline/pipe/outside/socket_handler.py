"""A handler of `logging` that sends records to a receiver over socket.io, and never holds up who writes them.

It promises: whoever writes a record waits for no receiver, whatever that one does; what is held is bounded;
each record is delivered or counted as dropped, by reason, and none is sent twice. One thread sends, begun by
the first record. It tells the log `sightline.logs` when the receiver goes and when it takes records again,
and nothing for each record. A forked process is a sender of its own, without what waited in the other.
"""

from __future__ import annotations

import logging
import math
import os
import random
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

from sightline.log import REDACTOR, get_logger, redact
from sightline.pipe.flow.bell import Bell
from sightline.pipe.outside.log_address import LogAddress
from sightline.pipe.outside.log_entry import MOST_ENTRY_BYTES, entry_of, without_secrets
from sightline.pipe.outside.log_link import LogLink, NoReceiver
from sightline.pipe.outside.log_outbox import LogOutbox, LogStats

if TYPE_CHECKING:
    import structlog

BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = MOST_ENTRY_BYTES
"""By `LogEntry.size`: JSON may be three times that, which a receiver of ours takes."""
GATHER_S: Final = 0.1
"""How long the first record of a batch waits for others."""
LEAST_DELAY_S: Final = 0.25
MOST_DELAY_S: Final = 15.0
CLOSE_S: Final = 5.0
"""What records that wait have at the end, where the receiver was there when it was last tried."""


class SocketHandler(logging.Handler):
    """Sends what it is given to the receiver at `address`.

    Args:
        address: of the receiver.
        pipe: the name of the pipe's logger.
    """

    def __init__(self, address: LogAddress, pipe: str) -> None:
        super().__init__()
        self.address = address
        self.pipe = pipe
        self._structure: Mapping[str, Any] | None = None
        self._close_by_s = math.inf
        self._prepare()

    def _prepare(self) -> None:
        """For this process."""
        self._process = os.getpid()
        self._id = uuid.uuid4().hex
        self._bell = Bell()
        self._outbox = LogOutbox(self._bell.ring)
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._away = ""
        if self.closed:
            self._outbox.close()

    @property
    def closed(self) -> bool:
        return self._close_by_s < math.inf

    def emit(self, record: logging.LogRecord) -> None:
        """Put it in line; it takes some microseconds."""
        if self._process != os.getpid():
            self._prepare()
        try:
            self._outbox.put(entry_of(record, self.pipe, self._outbox.number()))
        except Exception:  # noqa: BLE001 - of anybody's record
            self._outbox.turn_away("unreadable")
        if self._thread is None and not self.closed:
            self._begin()

    def tell_structure(self, structure: Mapping[str, Any]) -> None:
        """What the pipe is made of; receivers are told when they are connected to."""
        self._structure = REDACTOR.value(structure)

    def stats(self) -> LogStats:
        return self._outbox.stats()

    def close(self) -> None:
        """Send what waits, for `CLOSE_S` at most, drop the rest, and end. Again is allowed."""
        self._close_by_s = min(self._close_by_s, time.monotonic() + CLOSE_S)
        if self._process != os.getpid():
            self._prepare()
        self._ending.set()
        self._bell.ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S + 1)
        self._outbox.close()
        super().close()

    def _begin(self) -> None:
        name = f"sightline-logs-{self.pipe}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        with suppress(RuntimeError):  # no thread is left: the next record tries again
            thread.start()
            self._thread = thread

    # In its thread.

    def _run(self) -> None:
        failures = 0
        while self._wanted():
            delivered, reason = self._outbox.stats().delivered, "the connection ended"
            try:
                with closing(LogLink(self.address, self._sender(), self._structure)) as link:
                    self._send_over(link)
            except Exception as error:  # noqa: BLE001 - a thread that ended would send nothing more
                reason = str(error) if isinstance(error, NoReceiver) else repr(error)
            failed = self._outbox.stats().delivered == delivered
            failures = failures + 1 if failed else 0
            if failed or not self._ending.is_set():
                self._tell_away(reason)
                self._rest(failures)
        self._outbox.close()

    def _wanted(self) -> bool:
        """Wait until there is something to send. False: nothing will be sent any more."""
        while not self._has_some():
            if self._ending.is_set():
                return False
            self._bell.clear()
            if not (self._has_some() or self._ending.is_set()):
                self._bell.wait(math.inf)
        return not (self._late() or (self._away and self._ending.is_set()))

    def _has_some(self) -> bool:
        return self._outbox.held > 0

    def _send_over(self, link: LogLink) -> None:
        while link.alive:
            self._bell.clear()
            batch = self._outbox.begin(BATCH_RECORDS, BATCH_BYTES)
            if batch:
                shown = [without_secrets(entry) for entry in batch]
                delivered = link.send(shown, self._outbox.stats().dropped, self._late)
                self._outbox.end(delivered=delivered)
                if not delivered:
                    return
                self._tell_back()
                if self._late():
                    return
            elif self._ending.is_set():
                return
            else:
                self._bell.wait(1.0)  # to see that the receiver went, although nothing is to be sent
            if len(batch) < BATCH_RECORDS:
                self._ending.wait(GATHER_S)

    def _late(self) -> bool:
        return time.monotonic() >= self._close_by_s

    def _rest(self, failures: int) -> None:
        """Until it is time to try again, or to end."""
        delay_s = min(LEAST_DELAY_S * 2.0 ** min(max(failures, 1) - 1, 10), MOST_DELAY_S)
        self._ending.wait(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 - many senders, one receiver

    def _sender(self) -> dict[str, Any]:
        return {"sender": self._id, "pipe": redact(self.pipe), "process": os.getpid()}

    def _tell_away(self, reason: str) -> None:
        if not self._away:
            self._away = reason
            _log().warning("no receiver of logs", receiver=self.address.url, reason=reason, pipe=self.pipe)

    def _tell_back(self) -> None:
        if self._away:
            self._away = ""
            dropped = self._outbox.stats().dropped
            _log().warning("logs are sent again", receiver=self.address.url, pipe=self.pipe, dropped=dropped)


def _log() -> structlog.stdlib.BoundLogger:
    return get_logger("sightline.logs")
