"""The log of a pipe: what its flows write comes out in the parent, as if it had been written there.

So handlers, which no process can take along, need not go anywhere, and lines of all flows are whole. A record
is made into text where it was written: what it speaks of may be in that process alone.
"""

from __future__ import annotations

import logging
import logging.handlers
import pickle
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from sightline.log import get_logger

if TYPE_CHECKING:
    import structlog

DEFAULT_NAME: Final = "Pipe"
_STRUCTLOGS: Final = ("_logger", "_name")
"""Where a record has these, structlog's formatter takes what it says for a dict; here it is a text."""


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stdout` is at the moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


def default_logger() -> logging.Logger:
    """The logger of pipes that were given none: lines of level INFO and above, to standard output."""
    logger = logging.getLogger(DEFAULT_NAME)
    if not logger.handlers:
        handler = _StandardOutput()
        layout = " — ".join(f"%({part})s" for part in ("asctime", "name", "levelname", "message"))
        handler.setFormatter(logging.Formatter(layout, datefmt="%d-%m-%y %H:%M:%S"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    return logger


class Forward(logging.handlers.QueueHandler):
    """In a flow: gives records to whoever sends them to the parent, and counts those it does not take.

    The flow's name is the `processName` of each.
    """

    def __init__(self, send: Callable[[bytes], bool], flow: str) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # no queue: see `enqueue`
        self._send = send
        self._flow = flow
        self._missed = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        made: logging.LogRecord = super().prepare(record)
        for mark in _STRUCTLOGS:
            vars(made).pop(mark, None)
        return made

    def enqueue(self, record: logging.LogRecord) -> None:
        record.processName = self._flow
        if not self._send(pickle.dumps(vars(record))):
            self._missed += 1
        elif self._missed:
            missed, self._missed = self._missed, 0
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg = record.message = f"{missed} lines were dropped before: nobody read the log"
            self._send(pickle.dumps(vars(record)))


def forward_all(send: Callable[[bytes], bool], flow: str, logger: str, level: int, root_level: int) -> None:
    """Have the log of its process go there: the pipe's from `level` on, what else there is from its own."""
    root = logging.getLogger()
    root.handlers[:] = [Forward(send, flow)]
    root.setLevel(root_level)
    logging.getLogger(logger).setLevel(level)


def write(record: bytes, logger: logging.Logger) -> None:
    """In the parent: write a record of a flow. `logger` is the pipe's; those of routines are below it."""
    try:
        _write(record, logger)
    except Exception:  # noqa: BLE001 - of somebody's handler, or of a class that this process does not know
        _own_log().exception("a line of a flow's log cannot be written")


def tell(logger: logging.Logger, level: int, text: str, *parts: object) -> None:
    """In the parent: write a line of its own, whatever somebody's handler does."""
    try:
        logger.log(level, text, *parts)
    except Exception:  # noqa: BLE001 - as above
        _own_log().exception("a line of a pipe's log cannot be written", line=text % parts)


def _write(record: bytes, logger: logging.Logger) -> None:
    made = logging.makeLogRecord(pickle.loads(record))  # noqa: S301 - of our own process
    ours = made.name == logger.name or made.name.startswith(f"{logger.name}.")
    through = logger if ours else logging.getLogger(made.name)
    if through.isEnabledFor(made.levelno):
        through.handle(made)


def _own_log() -> structlog.stdlib.BoundLogger:
    return get_logger("sightline.pipe")
