"""What is open where a scanner stands: blocks by their indentation, flows, and what may turn out a key.

Promises: tokens as they come, in `tokens`: the begins and ends of blocks, and a KEY (with a MAP_START where a
block is opened by it) before whatever may be a key. Those two are UNKNOWN until a `:` on the same line makes
them VALID, or something else INVALID.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from sightline.deepstream.reading.yamlcpp import patterns
from sightline.deepstream.reading.yamlcpp.nodes import Mark
from sightline.deepstream.reading.yamlcpp.text import Text
from sightline.deepstream.reading.yamlcpp.tokens import Kind, Status, Token

KEY_AT_MOST = 1024  # characters from the beginning of a key to its `:`
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


class Nesting:
    """The blocks, flows and possible keys that are open in `text`, and the tokens so far.

    Attributes:
        flows: the closing sign of each flow that is open.
    """

    def __init__(self, text: Text) -> None:
        self.tokens: deque[Token] = deque()
        self.flows: list[str] = []
        self._text = text
        self._indents = [_Indent(-1)]
        self._keys: list[_SimpleKey] = []

    @property
    def column(self) -> int:
        """Of the innermost block; -1 where none is open."""
        return self._indents[-1].column

    def indent_to(self, column: int, kind: Kind) -> _Indent | None:
        """Opens a block; None where one of that depth is open, or in a flow."""
        top = self._indents[-1]
        if self.flows or column < top.column:
            return None
        list_in_map = kind is Kind.LIST_START and top.start is not None and top.start.kind is Kind.MAP_START
        if column == top.column and not list_in_map:
            return None
        self._indents.append(_Indent(column, self.push(kind)))
        return self._indents[-1]

    def dedent(self) -> None:
        if self.flows:
            return
        while self._is_left():
            self._close()
        while self._indents[-1].status is Status.INVALID:
            self._close()

    def _is_left(self) -> bool:
        """Whether what comes next stands outside of the last block."""
        top = self._indents[-1]
        if top.column != self._text.column:
            return top.column > self._text.column
        is_list = top.start is not None and top.start.kind is Kind.LIST_START
        return is_list and not self._text.at(patterns.ENTRY)

    def dedent_all(self) -> None:
        while not self.flows and self._indents[-1].start:
            self._close()

    def _close(self) -> None:
        indent = self._indents.pop()
        if indent.status is not Status.VALID:
            self.drop_key()
        elif indent.start:
            self.push(_CLOSES[indent.start.kind])

    def may_be_key(self) -> None:
        """What begins here may turn out a key; one at most in each flow."""
        if self._keys and self._keys[-1].flow == len(self.flows):
            return
        indent = self.indent_to(self._text.column, Kind.MAP_START)
        key = _SimpleKey(self._text.mark, self._text.position, len(self.flows), self.push(Kind.KEY), indent)
        key.decide(Status.UNKNOWN)
        self._keys.append(key)

    def drop_key(self) -> None:
        if self._keys and self._keys[-1].flow == len(self.flows):
            self._keys.pop().decide(Status.INVALID)

    def is_key(self) -> bool:
        """Whether what is before a `:` is a key: on the same line and short."""
        if not self._keys or self._keys[-1].flow != len(self.flows):
            return False
        key = self._keys.pop()
        near = key.mark.line == self._text.line and self._text.position - key.position <= KEY_AT_MOST
        key.decide(Status.VALID if near else Status.INVALID)
        return near

    def push(self, kind: Kind, mark: Mark | None = None, value: str = "") -> Token:
        self.tokens.append(Token(kind, mark or self._text.mark, value))
        return self.tokens[-1]

    def sign(self, kind: Kind, count: int = 1) -> None:
        mark = self._text.mark
        self._text.take(count)
        self.push(kind, mark)

    def restart(self) -> None:
        """Closes all blocks, as a new document does; what may be a key is forgotten, not decided."""
        self.dedent_all()
        self._keys.clear()
