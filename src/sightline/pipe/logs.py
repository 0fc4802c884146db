"""The log of a pipe: what its flows write comes out in the parent, as if it had been written there.

So handlers, which no process can take along, need not go anywhere, and lines of all flows are whole. A record
is made into text where it was written: what it speaks of may be in that process alone.
"""

from __future__ import annotations

import logging
import logging.handlers
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO, runtime_checkable

from sightline.log import REDACTOR, Event, get_logger

if TYPE_CHECKING:
    import structlog

DEFAULT_NAME: Final = "Pipe"
_KNOWN: Final = frozenset({*vars(logging.makeLogRecord({})), "message"})
_STRUCTLOGS: Final = ("_logger", "_name")
"""Where a record has these, structlog's formatter takes what it says for a dict; on its way it is a text."""
_FIELDS: Final = "_fields"
"""That dict goes beside the text."""


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

    The flow's name is the `processName` of each. A secret that was told in this process does not leave it, as
    the parent does not know it.
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
        if isinstance(record.msg, Mapping) and not record.exc_info:  # a traceback is told in the text
            vars(made)[_FIELDS] = dict(record.msg)
        return made

    def enqueue(self, record: logging.LogRecord) -> None:
        record.processName = self._flow
        record.msg = record.message = REDACTOR.known(record.message)
        if not self._send(_as_bytes(vars(record))):
            self._missed += 1
        elif self._missed:
            missed, self._missed = self._missed, 0
            told = {name: value for name, value in vars(record).items() if name in _KNOWN}
            text = f"{missed} lines were dropped before: nobody read the log"
            told |= {"levelno": logging.WARNING, "levelname": "WARNING", "msg": text, "message": text}
            self._send(pickle.dumps(told))


def _as_bytes(record: dict[str, Any]) -> bytes:
    told = {name: value if name in _KNOWN else _sendable(value) for name, value in record.items()}
    return pickle.dumps(told)


def _sendable(value: Any) -> Any:
    """What came with a record, without secrets that were told here; texts for what cannot be pickled."""
    try:
        hidden = _known_hidden(value)
        pickle.dumps(hidden)
    except Exception:  # noqa: BLE001 - of somebody's class
        return _text_of(value)
    return hidden


def _known_hidden(value: Any) -> Any:
    if value is None or isinstance(value, int | float | bytes):
        return value
    if isinstance(value, Mapping):
        return {key: _known_hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known_hidden(item) for item in value]
    if isinstance(value, str):
        return REDACTOR.known(value)
    text = str(value)
    return value if REDACTOR.known(text) == text else _text_of(value)


def _text_of(value: Any) -> Any:
    try:
        return REDACTOR.value(value)
    except Exception as error:  # noqa: BLE001 - as above
        return f"(cannot be made a text: {type(error).__name__})"


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


def tell_structure(logger: logging.Logger, structure: Mapping[str, Any]) -> None:
    """Say what the pipe is made of to those of the log's handlers that want to know it."""
    for handler in logger.handlers:
        if isinstance(handler, WantsStructure):
            handler.tell_structure(structure)


@runtime_checkable
class WantsStructure(Protocol):
    """A handler of a pipe's log that is told, at its build, what `Pipe.get_pipe_structure` gives."""

    def tell_structure(self, structure: Mapping[str, Any]) -> None: ...


def tell(logger: logging.Logger, level: int, text: str, *parts: object) -> None:
    """In the parent: write a line of its own, whatever somebody's handler does."""
    try:
        logger.log(level, text, *parts)
    except Exception:  # noqa: BLE001 - as above
        _own_log().exception("a line of a pipe's log cannot be written", line=text % parts)


def _write(record: bytes, logger: logging.Logger) -> None:
    made = logging.makeLogRecord(pickle.loads(record))  # noqa: S301 - of our own process
    fields = vars(made).pop(_FIELDS, None)
    if isinstance(fields, Mapping):  # and no text, as where it could not be sent
        made.msg = Event(fields)
        vars(made).update(zip(_STRUCTLOGS, (None, made.levelname.lower()), strict=True))
    ours = made.name == logger.name or made.name.startswith(f"{logger.name}.")
    through = logger if ours else logging.getLogger(made.name)
    if through.isEnabledFor(made.levelno):
        through.handle(made)


def _own_log() -> structlog.stdlib.BoundLogger:
    return get_logger("sightline.pipe")
