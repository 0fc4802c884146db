"""From the characters of a file to tokens, as yaml-cpp's scanner: indentation, simple keys, flow.

Promises: the same tokens, and a refusal at the same place. A scalar that might be a key has a KEY (and, where
it is deeper than what is around it, a MAP_START) put before it; whether they count is known at the `:`, and
tokens are given out only when that is known.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from sightline.deepstream.yamlcpp import patterns, properties
from sightline.deepstream.yamlcpp.nodes import Mark
from sightline.deepstream.yamlcpp.scalars import AtDocument, Chomp, Fold, ScalarReader, Style, refused
from sightline.deepstream.yamlcpp.text import Text, kept
from sightline.deepstream.yamlcpp.tokens import Kind, Status, Token

KEY_AT_MOST = 1024  # characters from the beginning of a key to its `:`
MOST_WAITING = 100_000  # tokens behind what might be a key: by then it is none, and they need not be kept
_WHAT_FOLLOWS = {"-": patterns.ENTRY, "?": patterns.KEY}  # else these begin a scalar; `:` by its place
_CLOSES = {Kind.LIST_START: Kind.LIST_END, Kind.MAP_START: Kind.MAP_END}


@dataclass(slots=True, eq=False)
class _Indent:
    """A block that is open: `start` is None for the file itself."""

    column: int
    start: Token | None = None
    status: Status = Status.VALID


@dataclass(slots=True, eq=False)
class _SimpleKey:
    """What may turn out a key, and what stands or falls with it."""

    mark: Mark
    position: int
    flow: int
    key: Token
    indent: _Indent | None

    def decide(self, status: Status) -> None:
        self.key.status = status
        if self.indent and self.indent.start:
            self.indent.status = self.indent.start.status = status


class Scanner:
    """Tokens of one file, in order: `peek`, `pop`, `empty`.

    Attributes:
        comments: what stands behind the `#` of lines that have nothing else, by their line, from 0.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.comments: dict[int, str] = {}
        self._tokens: deque[Token] = deque()
        self._ended = False
        self._key_allowed = True
        self._after_json = False  # after a quoted text or a closed flow, a `:` needs no space in a flow
        self._keys: list[_SimpleKey] = []
        self._indents = [_Indent(-1)]
        self._flows: list[str] = []  # the closing sign of each flow that is open
        self._signs = {
            **dict.fromkeys("[{", self._flow_start),
            **dict.fromkeys("]}", self._flow_end),
            ",": self._flow_entry,
            "-": self._entry,
            "?": self._key,
            ":": self._value,
            **dict.fromkeys("*&", self._name),
            "!": self._tag,
        }

    @property
    def empty(self) -> bool:
        self._ensure()
        return not self._tokens

    def peek(self) -> Token:
        self._ensure()
        return self._tokens[0]

    def pop(self) -> Token:
        self._ensure()
        return self._tokens.popleft()

    def _ensure(self) -> None:
        """Scans until the first token is decided. What is open when the file ends is given out as it is."""
        while True:
            while self._tokens and self._tokens[0].status is Status.INVALID:
                self._tokens.popleft()
            if self._ended or (self._tokens and self._tokens[0].status is Status.VALID):
                return
            if len(self._tokens) > MOST_WAITING:
                self._tokens[0].status = Status.INVALID
            self._scan()

    # What comes next

    def _scan(self) -> None:
        self._skip()
        self._dedent()
        if not self.text.more:
            self._end()
        elif not (self._scan_line_start() or self._scan_sign()):
            self._scan_scalar()

    def _scan_line_start(self) -> bool:
        if self.text.column != 0:
            return False
        if self.text.next == "%":
            self._directive()
        elif self.text.at(patterns.DOCUMENT_START):
            self._document(Kind.DOCUMENT_START)
        elif self.text.at(patterns.DOCUMENT_END):
            self._document(Kind.DOCUMENT_END)
        else:
            return False
        return True

    def _scan_sign(self) -> bool:
        scan = self._signs.get(self.text.next)
        pattern = self._value_pattern() if scan == self._value else _WHAT_FOLLOWS.get(self.text.next)
        if scan is None or (pattern and not self.text.at(pattern)):
            return False
        scan()
        return True

    def _scan_scalar(self) -> None:
        sign = self.text.next
        if sign in "|>" and not self._flows:
            self._block_scalar()
        elif sign in "'\"":
            self._quoted()
        elif self.text.at(patterns.PLAIN_IN_FLOW if self._flows else patterns.PLAIN):
            self._plain()
        else:
            raise refused(f"expected a value, a key or a list, got {self.text.sign}", self.text)

    def _skip(self) -> None:
        """White space and comments. After a tab no key may begin on that line."""
        text = self.text
        while True:
            if "\t" in text.take_all(patterns.BLANKS) and not self._flows:
                self._key_allowed = False
            if text.next == "#":
                self._comment()
            if not text.at(patterns.BREAK):
                return
            text.take_all(patterns.BREAK)
            self._drop_key()
            if not self._flows:
                self._key_allowed = True

    def _comment(self) -> None:
        before = self.text.chars[self.text.position - self.text.column : self.text.position]
        comment = self.text.take_all(patterns.LINE)
        if not before.strip(" \t"):
            self.comments[self.text.line] = kept(comment[1:])

    def _value_pattern(self) -> re.Pattern[str]:
        if not self._flows:
            return patterns.VALUE
        return patterns.VALUE_AFTER_JSON if self._after_json else patterns.VALUE_IN_FLOW

    def _end(self) -> None:
        self.text.column = 0
        self._dedent_all()
        self._keys.clear()
        self._ended = True

    # Indentation

    def _indent_to(self, column: int, kind: Kind) -> _Indent | None:
        """Opens a block; None where one of that depth is open, or in a flow."""
        top = self._indents[-1]
        if self._flows or column < top.column:
            return None
        list_in_map = kind is Kind.LIST_START and top.start is not None and top.start.kind is Kind.MAP_START
        if column == top.column and not list_in_map:
            return None
        self._indents.append(_Indent(column, self._push(kind)))
        return self._indents[-1]

    def _dedent(self) -> None:
        if self._flows:
            return
        while self._is_left():
            self._close()
        while self._indents[-1].status is Status.INVALID:
            self._close()

    def _is_left(self) -> bool:
        """Whether what comes next stands outside of the last block."""
        top = self._indents[-1]
        if top.column != self.text.column:
            return top.column > self.text.column
        is_list = top.start is not None and top.start.kind is Kind.LIST_START
        return is_list and not self.text.at(patterns.ENTRY)

    def _dedent_all(self) -> None:
        while not self._flows and self._indents[-1].start:
            self._close()

    def _close(self) -> None:
        indent = self._indents.pop()
        if indent.status is not Status.VALID:
            self._drop_key()
        elif indent.start:
            self._push(_CLOSES[indent.start.kind])

    # Simple keys

    def _may_be_key(self) -> None:
        """What begins here may turn out a key; one at most in each flow."""
        if not self._key_allowed or (self._keys and self._keys[-1].flow == len(self._flows)):
            return
        indent = self._indent_to(self.text.column, Kind.MAP_START)
        key = _SimpleKey(self.text.mark, self.text.position, len(self._flows), self._push(Kind.KEY), indent)
        key.decide(Status.UNKNOWN)
        self._keys.append(key)

    def _drop_key(self) -> None:
        if self._keys and self._keys[-1].flow == len(self._flows):
            self._keys.pop().decide(Status.INVALID)

    def _is_key(self) -> bool:
        """Whether what is before a `:` is a key: on the same line and short."""
        if not self._keys or self._keys[-1].flow != len(self._flows):
            return False
        key = self._keys.pop()
        near = key.mark.line == self.text.line and self.text.position - key.position <= KEY_AT_MOST
        key.decide(Status.VALID if near else Status.INVALID)
        return near

    # Tokens

    def _push(self, kind: Kind, mark: Mark | None = None, value: str = "") -> Token:
        self._tokens.append(Token(kind, mark or self.text.mark, value))
        return self._tokens[-1]

    def _sign(self, kind: Kind, count: int = 1) -> None:
        mark = self.text.mark
        self.text.take(count)
        self._push(kind, mark)

    def _restart(self) -> None:
        self._dedent_all()
        self._keys.clear()
        self._key_allowed = self._after_json = False

    def _directive(self) -> None:
        self._restart()
        self._tokens.append(properties.directive(self.text))

    def _document(self, kind: Kind) -> None:
        self._restart()
        self._sign(kind, 3)

    def _flow_start(self) -> None:
        self._may_be_key()
        self._key_allowed, self._after_json = True, False
        is_list = self.text.next == "["
        self._flows.append("]" if is_list else "}")
        self._sign(Kind.FLOW_LIST_START if is_list else Kind.FLOW_MAP_START)

    def _end_flow_item(self) -> None:
        """A key without a value counts in `{a, b}`; in `[a, b]` it is none."""
        if self._flows and self._flows[-1] == "]":
            self._drop_key()
        elif self._flows and self._is_key():
            self._push(Kind.VALUE)

    def _flow_end(self) -> None:
        sign = self.text.next
        if not self._flows:
            raise refused(f"{sign} without what it would close", self.text)
        self._end_flow_item()
        self._key_allowed, self._after_json = False, True
        if self._flows[-1] != sign:
            raise refused(f"expected {self._flows[-1]}, got {sign}", self.text)
        self._flows.pop()
        self._sign(Kind.FLOW_LIST_END if sign == "]" else Kind.FLOW_MAP_END)

    def _flow_entry(self) -> None:
        self._end_flow_item()
        self._key_allowed, self._after_json = True, False
        self._sign(Kind.FLOW_ENTRY)

    def _entry(self) -> None:
        if self._flows:
            raise refused("an entry that begins with - cannot stand within [ ] or { }", self.text)
        if not self._key_allowed:
            raise refused("no entry that begins with - can stand here", self.text)
        self._indent_to(self.text.column, Kind.LIST_START)
        self._key_allowed, self._after_json = True, False
        self._sign(Kind.ENTRY)

    def _key(self) -> None:
        self._map_here("no key that begins with ? can stand here")
        self._sign(Kind.KEY)

    def _value(self) -> None:
        is_key = self._is_key()
        self._after_json = False
        if is_key:
            self._key_allowed = False
        else:
            self._map_here("expected no : here, because no key can stand before it")
        self._sign(Kind.VALUE)

    def _map_here(self, otherwise: str) -> None:
        if not self._flows:
            if not self._key_allowed:
                raise refused(otherwise, self.text)
            self._indent_to(self.text.column, Kind.MAP_START)
        self._key_allowed = not self._flows

    def _name(self) -> None:
        self._may_be_key()
        self._key_allowed = self._after_json = False
        self._tokens.append(properties.name(self.text))

    def _tag(self) -> None:
        self._may_be_key()
        self._key_allowed = self._after_json = False
        self._tokens.append(properties.tag(self.text))

    # Scalars

    def _plain(self) -> None:
        style = Style(
            end=patterns.PLAIN_ENDS_IN_FLOW if self._flows else patterns.PLAIN_ENDS,
            fold=Fold.FLOW,
            chomp=Chomp.STRIP,
            indent=0 if self._flows else self._indents[-1].column + 1,
            skips_blanks=True,
            trims=True,
            at_document=AtDocument.ENDS,
            tabs_refused=True,
        )
        self._may_be_key()
        mark, reader = self.text.mark, ScalarReader(self.text, style)
        value = reader.read()
        self._key_allowed, self._after_json = reader.dedented, False
        self._push(Kind.PLAIN, mark, value)

    def _quoted(self) -> None:
        single = self.text.next == "'"
        style = Style(
            end=patterns.SINGLE_ENDS if single else patterns.DOUBLE_ENDS,
            closed=True,
            escape="'" if single else "\\",
            fold=Fold.FLOW,
            chomp=Chomp.CLIP,
            skips_blanks=True,
            at_document=AtDocument.REFUSED,
        )
        self._may_be_key()
        mark = self.text.mark
        self.text.take()
        value = ScalarReader(self.text, style).read()
        self._key_allowed, self._after_json = False, True
        self._push(Kind.QUOTED, mark, value)

    def _block_scalar(self) -> None:
        mark = self.text.mark
        style = properties.block_style(self.text, max(self._indents[-1].column, 0))
        value = ScalarReader(self.text, style).read()
        self._key_allowed, self._after_json = True, False
        self._push(Kind.QUOTED, mark, value)
