"""What senders of logs say, made records and counts. Pure.

Senders are strangers: what is no record, or larger than one may be, is refused and counted; what is shown has
passed the redactor, whoever wrote it. PipeRT's own records are read too, as far as they say what they are.
"""

from __future__ import annotations

import binascii
import logging
import re
from base64 import b64decode
from collections import Counter, OrderedDict
from typing import Annotated, Any, Final

import msgspec

from sightline.errors import WireError
from sightline.log import redact
from sightline.pipe.outside.log_entry import MOST_NAME, MOST_TEXT, LogEntry, Name, bounded, without_secrets
from sightline.pipe.outside.log_link import VERSION
from sightline.pipe.pictures import MOST_JPEG_BYTES

MOST_ENTRIES: Final = 1000
"""In a batch."""
MOST_SENDERS: Final = 1000
"""Of which it is remembered what they dropped."""
_JPEG: Final = b"\xff\xd8\xff"
_PIPERTS_PICTURE: Final = re.compile(
    r"^(input|output|extra_image): .*'image_base64': '([A-Za-z0-9+/=]+)'", re.DOTALL
)
_LEVELS: Final = logging.getLevelNamesMapping()


_Reason = Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[a-z_]+\Z")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class _Batch(msgspec.Struct, frozen=True):
    sender: Annotated[str, msgspec.Meta(max_length=64)]
    entries: Annotated[list[LogEntry], msgspec.Meta(max_length=MOST_ENTRIES)]
    dropped: Annotated[dict[_Reason, _Count], msgspec.Meta(max_length=16)] = {}


class _PiperTs(msgspec.Struct, frozen=True):
    """A record of PipeRT, or of ours as a receiver of PipeRT's gets it; its picture is within its message."""

    source: Name
    message: Annotated[str, msgspec.Meta(max_length=2 * MOST_JPEG_BYTES + MOST_TEXT)]
    level: Name = "INFO"


class IntakeStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the begin.

    Attributes:
        received: records, of these `pictures` with one.
        refused: messages that were no records.
        dropped: what senders say that they dropped, by reason.
    """

    received: int = 0
    pictures: int = 0
    refused: int = 0
    dropped: dict[str, int] = {}


class LogIntake:
    """What has come by now, of all senders."""

    def __init__(self) -> None:
        self._received = self._pictures = self._refused = 0
        self._dropped: OrderedDict[str, dict[str, int]] = OrderedDict()

    def hello(self, said: Any) -> dict[str, Any] | None:
        """The answer to who says hello; None: it is none of ours."""
        if isinstance(said, dict) and said.get("version") == VERSION:
            return {"version": VERSION}
        return None

    def batch(self, said: Any) -> list[LogEntry]:
        """The records of a batch. Raises WireError: it is none."""
        try:
            batch = msgspec.convert(said, _Batch)
        except (msgspec.ValidationError, RecursionError) as error:
            raise self._refusal(f"expected a batch of records: {redact(str(error))}") from None
        self._dropped[batch.sender] = batch.dropped
        self._dropped.move_to_end(batch.sender)
        if len(self._dropped) > MOST_SENDERS:
            self._dropped.popitem(last=False)
        return [self._taken(entry) for entry in batch.entries]

    def record(self, said: Any) -> LogEntry:
        """A single record, as PipeRT sends them. Raises WireError: it is none."""
        try:
            text = msgspec.convert(said, str)
            told = msgspec.json.decode(text, type=_PiperTs)
            entry = msgspec.convert(
                {**msgspec.json.decode(text), "message": told.message[:MOST_TEXT], "picture": b""},
                LogEntry,
            )
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
            raise self._refusal(f"expected a record as JSON: {redact(str(error))}") from None
        return self._taken(_placed(entry, told.message))

    def stats(self) -> IntakeStats:
        dropped: Counter[str] = sum(map(Counter, self._dropped.values()), Counter())
        return IntakeStats(
            received=self._received, pictures=self._pictures, refused=self._refused, dropped=dict(dropped)
        )

    def _taken(self, entry: LogEntry) -> LogEntry:
        if entry.picture and not entry.picture.startswith(_JPEG):
            entry = msgspec.structs.replace(entry, picture=b"")
        self._received += 1
        self._pictures += bool(entry.picture)
        return without_secrets(entry)

    def _refusal(self, why: str) -> WireError:
        self._refused += 1
        return WireError(bounded(why, MOST_NAME))


def _placed(entry: LogEntry, message: str) -> LogEntry:
    """With what PipeRT says by the name of the logger, `name.flow.routine`, and within the text."""
    pipe, *below = entry.source.split(".", 2)
    flow, routine = below if len(below) == 2 else ("", *below) if below else ("", "")
    told: dict[str, Any] = {
        "pipe": entry.pipe or pipe,
        "flow": entry.flow or flow,
        "routine": entry.routine or routine,
        "severity": _LEVELS.get(entry.level, entry.severity),
    }
    if match := _PIPERTS_PICTURE.match(message):
        kind = match[1]
        told |= {
            "picture": _decoded(match[2]),
            "message": kind,
            "side": "" if kind == "extra_image" else kind,
        }
    return msgspec.structs.replace(entry, **told)


def _decoded(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except binascii.Error:
        return b""
    return data if len(data) <= MOST_JPEG_BYTES else b""
