"""A record of a log as it travels: where it is from, what it says, perhaps a picture. Pure.

It promises: no secret that the redactor knows or recognises, be it in the message, the traceback, the extras
or a name; no entry larger than `MOST_ENTRY_BYTES` as JSON; no text that cannot be sent. Cutting comes after
hiding, so that no half of a secret is left at the end of what was cut.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from sightline.log import REDACTOR, redact
from sightline.pipe.control import plain as sendable
from sightline.pipe.outside.plain import plain
from sightline.pipe.pictures import MOST_JPEG_BYTES

MOST_TEXT: Final = 16_384
"""Characters of a message or of a traceback."""
MOST_NAME: Final = 1_000
MOST_EXTRA_BYTES: Final = 8_192
MOST_LOOKED_AT: Final = 4 * MOST_TEXT
"""Characters of a text that are looked at for secrets; what is behind them is never shown."""
MOST_SECRET: Final = 400
"""The begin of one may be the end of what was looked at."""
MOST_ENTRY_BYTES: Final = 2 * 6 * MOST_TEXT + MOST_EXTRA_BYTES + MOST_JPEG_BYTES * 4 // 3 + 6 * 8 * MOST_NAME
"""JSON may write a character as six."""

_TRACEBACK: Final = "\nTraceback (most recent call last):\n"
_ITS_OWN: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "picture", "side"}
)

Text = Annotated[str, msgspec.Meta(max_length=MOST_TEXT)]
Name = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record.

    Attributes:
        number: of its sender, from 1; what is missing between two was dropped.
        time: UTC, ISO 8601.
        level: as the log names it; `severity` is its number, 20 for INFO.
        source: the name of the logger: that of the pipe, the flow and the routine with dots between.
        pipe, flow, routine: where it was written; empty: it was not written in one.
        process: the id of the process in which it was written.
        traceback: of an exception; or where it was written, if that was asked for.
        extra: what else came with it.
        side: `input` or `output`, where `picture` is what a routine takes or gives.
        picture: a JPEG.
    """

    number: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0
    time: Annotated[str, msgspec.Meta(max_length=40)] = ""
    level: Name = "INFO"
    severity: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = logging.INFO
    source: Name = ""
    message: Text = ""
    pipe: Name = ""
    flow: Name = ""
    routine: Name = ""
    process: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] = 0
    traceback: Text = ""
    extra: dict[str, Any] = {}
    side: Name = ""
    picture: Annotated[bytes, msgspec.Meta(max_length=MOST_JPEG_BYTES)] = b""

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        texts = (self.source, self.message, self.pipe, self.flow, self.routine, self.traceback)
        return 500 + len(self.picture) + 2 * sum(map(len, texts)) + (MOST_EXTRA_BYTES if self.extra else 0)


def entry_of(record: logging.LogRecord, pipe: str, number: int) -> LogEntry:
    """The record as of now: what it speaks of may change. `pipe` is the name of the pipe's logger."""
    message, traceback = _texts(record)
    flow, routine = _place(record, pipe)
    return LogEntry(
        number=number,
        time=_time(record.created),
        level=_name(record.levelname),
        severity=max(0, record.levelno),
        source=_name(record.name),
        message=message,
        pipe=_name(pipe),
        flow=_name(flow),
        routine=_name(routine),
        process=record.process or 0,
        traceback=traceback,
        extra=_extra(record),
        side=_name(str(getattr(record, "side", ""))),
        picture=_picture(record),
    )


def without_secrets(entry: LogEntry) -> LogEntry:
    """As it may be shown, by what the redactor knows by now."""
    texts = {
        name: value for name in entry.__struct_fields__ if isinstance(value := getattr(entry, name), str)
    }
    shown = {name: bounded(value, MOST_TEXT if name in _LONG else MOST_NAME) for name, value in texts.items()}
    return msgspec.structs.replace(entry, **shown, extra=_plain_extra(entry.extra))


def bounded(text: str, most: int) -> str:
    """`text` without secrets, and cut where it is longer."""
    shown = sendable(redact(text[:MOST_LOOKED_AT]))
    if len(text) > MOST_LOOKED_AT:
        shown = shown[:-MOST_SECRET]
    elif len(shown) <= most:
        return shown
    return f"{shown[: most - 40]}... ({len(text):,} characters)"


_LONG: Final = frozenset({"message", "traceback"})


def _texts(record: logging.LogRecord) -> tuple[str, str]:
    """What it says, and its traceback: in a record of a flow that is a part of what it says."""
    try:
        said = record.getMessage()
    except Exception as error:  # noqa: BLE001 - of somebody's arguments
        said = f"{record.msg!s:.1000} (cannot be made a text: {type(error).__name__})"
    message, mark, rest = said.partition(_TRACEBACK)
    traceback = f"{mark[1:]}{rest}"
    if record.exc_info and record.exc_info[0] is not None:
        traceback = _FORMATTER.formatException(record.exc_info)
    else:
        traceback = record.exc_text or record.stack_info or traceback
    return _short(message), _short(traceback)


_FORMATTER: Final = logging.Formatter()


def _short(text: str) -> str:
    """What fits stays as it is until it is sent."""
    return text if len(text) <= MOST_TEXT else bounded(text, MOST_TEXT)


def _name(text: str) -> str:
    return text if len(text) <= MOST_NAME else bounded(text, MOST_NAME)


def _place(record: logging.LogRecord, pipe: str) -> tuple[str, str]:
    """Its flow, which is the process of it as `pipe.logs` has it, and its routine."""
    flow = record.processName or ""
    below = f"{pipe}.{flow}."
    if record.name.startswith(below):
        return flow, record.name[len(below) :]
    return ("", "") if record.process == os.getpid() else (flow, "")


def _time(created_s: float) -> str:
    moment = datetime.fromtimestamp(created_s, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _picture(record: logging.LogRecord) -> bytes:
    picture = getattr(record, "picture", b"")
    return picture if isinstance(picture, bytes) and len(picture) <= MOST_JPEG_BYTES else b""


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    told = {name: value for name, value in vars(record).items() if name not in _ITS_OWN}
    return _plain_extra({name: value for name, value in told.items() if not name.startswith("_")})


def _plain_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    if not extra:
        return {}
    try:
        shown: dict[str, Any] = plain(REDACTOR.value(extra))
        size = len(msgspec.json.encode(shown))
    except Exception as error:  # noqa: BLE001 - somebody's `__str__`, or a value that holds itself
        return {"unreadable": type(error).__name__}
    return shown if size <= MOST_EXTRA_BYTES else {"too_large": size}
