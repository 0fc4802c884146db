"""Logs that are kept: in files that take turns, and on a topic for who watches from elsewhere.

Promises: each line is one JSON object without secrets, made by `sightline.log`; files are bounded in size and
number; the topic is written by a thread of its own from a bounded buffer, so that a slow or broken broker
holds up nobody: the oldest lines go, and are counted in `lost`. What cannot be written is counted, never
raised. While they are kept, the logger `sightline` lets lines of their level through; other handlers of the
program see those too, unless they have a level. `close` puts back what it found.

Deliberately not here: what other libraries log, and one file for several processes; each needs its own.
"""

from __future__ import annotations

import logging
import os
import threading
from logging.handlers import RotatingFileHandler
from types import TracebackType
from typing import Final, Self

from sightline.buffer import Buffer
from sightline.bus import Bus
from sightline.bus.names import checked_topic
from sightline.errors import Closed, ConfigError, SightlineError
from sightline.log import formatter
from sightline.overflow import Capacity, Overflow

MOST_FILE_BYTES: Final = 10 * 2**20
FILES: Final = 5
LEVELS: Final = ("debug", "info", "warning", "error", "critical")

_LOGGER: Final = "sightline"
_WAITING: Final = Capacity(count=10_000, bytes=2**20)
_AT_ONCE: Final = 100
_CLOSE_S: Final = 5.0


class KeptLogs:
    """What Sightline logs, kept from when this is made until `close`. A `with` block closes it.

    Args:
        file: the newest lines; older ones are in `file.1`, `file.2` and so on. None: no file.
        bus, topic: where lines are published. The bus stays the caller's, and open until after `close`.
        level: the least level that is kept: debug, info, warning, error or critical.
        most_bytes: of one file.
        files: at most, the newest included; 2 or more.

    Raises:
        ConfigError: the file cannot be written, or another argument cannot be.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | None = None,
        *,
        bus: Bus | None = None,
        topic: str | None = None,
        level: str = "info",
        most_bytes: int = MOST_FILE_BYTES,
        files: int = FILES,
    ) -> None:
        if level.lower() not in LEVELS:
            raise ConfigError(f"expected a level of {', '.join(LEVELS)}, got {level!r}")
        if most_bytes < 1 or files < 2:
            raise ConfigError(
                f"expected files of 1 byte or more, and 2 or more, got {most_bytes} and {files}"
            )
        if topic is not None:
            checked_topic(topic)
        self._handlers: list[_FileHandler | _TopicHandler] = []
        if file is not None:
            self._handlers.append(_file_handler(file, most_bytes, files))
        if bus is not None and topic is not None:
            self._handlers.append(_TopicHandler(bus, topic))
        self._logger = logging.getLogger(_LOGGER)
        self._level_before = self._logger.level
        for handler in self._handlers:
            handler.setFormatter(formatter(as_json=True))
            handler.setLevel(level.upper())
            self._logger.addHandler(handler)
        if self._handlers:
            self._logger.setLevel(min(self._logger.getEffectiveLevel(), self._handlers[0].level))

    @property
    def lost(self) -> int:
        """Lines that could not be written, or went because too many waited."""
        return sum(handler.lost for handler in self._handlers)

    def close(self) -> None:
        """Writes what waits, within five seconds, and keeps nothing more. Again is allowed."""
        if self._handlers:
            self._logger.setLevel(self._level_before)
        for handler in self._handlers:
            self._logger.removeHandler(handler)
            handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _FileHandler(RotatingFileHandler):
    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's own name
        self.lost += 1


def _file_handler(file: str | os.PathLike[str], most_bytes: int, files: int) -> _FileHandler:
    try:
        return _FileHandler(
            file, maxBytes=most_bytes, backupCount=files - 1, encoding="utf-8", errors="backslashreplace"
        )
    except OSError as error:
        raise ConfigError(f"the log file {os.fspath(file)} cannot be written: {error.strerror}") from error


class _TopicHandler(logging.Handler):
    def __init__(self, bus: Bus, topic: str) -> None:
        super().__init__()
        self._bus = bus
        self._topic = topic
        self._refused = 0
        self._waiting: Buffer[bytes] = Buffer(_WAITING, Overflow.DROP_OLDEST, size=len)
        self._thread = threading.Thread(target=self._publish_all, name="sightline-logs", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        return self._refused + sum(self._waiting.stats().dropped.values())

    def emit(self, record: logging.LogRecord) -> None:
        # What a bus says of a line that it does not take would be the next such line.
        if threading.current_thread() is self._thread:
            return
        try:
            self._waiting.put(self.format(record).encode(errors="backslashreplace"))
        except Exception:  # noqa: BLE001 - as every handler of logging: a wrong argument is no crash
            self._refused += 1

    def close(self) -> None:
        self._waiting.close()
        self._thread.join(_CLOSE_S)
        self._waiting.close(discard=True)
        super().close()

    def _publish_all(self) -> None:
        while True:
            try:
                lines = self._waiting.take(_AT_ONCE)
            except Closed:
                return
            for line in lines:
                self._publish(line)

    def _publish(self, line: bytes) -> None:
        try:
            self._bus.publish(self._topic, line)
        except SightlineError:
            self._refused += 1
