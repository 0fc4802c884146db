"""What the scanner finds and the parser reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from sightline.deepstream.reading.yamlcpp.nodes import Mark


class Kind(IntEnum):  # a plain Enum is slow to be looked for in a set
    DIRECTIVE = auto()
    DOCUMENT_START = auto()
    DOCUMENT_END = auto()
    LIST_START = auto()
    LIST_END = auto()
    MAP_START = auto()
    MAP_END = auto()
    ENTRY = auto()
    FLOW_LIST_START = auto()
    FLOW_LIST_END = auto()
    FLOW_MAP_START = auto()
    FLOW_MAP_END = auto()
    FLOW_ENTRY = auto()
    KEY = auto()
    VALUE = auto()
    ANCHOR = auto()
    ALIAS = auto()
    TAG = auto()
    PLAIN = auto()
    QUOTED = auto()  # block scalars too


class Status(Enum):
    """A scalar that may turn out a key has its key (and map) put before it, which count if a `:` follows."""

    VALID = auto()
    INVALID = auto()
    UNKNOWN = auto()


@dataclass(slots=True, eq=False)
class Token:
    """One token; `words` are a directive's arguments, `handle` is a tag's part before its second `!`."""

    kind: Kind
    mark: Mark
    value: str = ""
    status: Status = Status.VALID
    words: tuple[str, ...] = ()
    handle: str | None = None
