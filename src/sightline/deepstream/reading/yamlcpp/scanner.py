"""From the characters of a file to tokens, as yaml-cpp's scanner.

Promises: the same tokens, and a refusal at the same place. Tokens are given out only when it is known whether
they count (`nesting`), so that a refusal further on may come first, as it does there.
"""

from __future__ import annotations

import re
from functools import cache

from sightline.deepstream.reading.yamlcpp import patterns, properties
from sightline.deepstream.reading.yamlcpp.nesting import Nesting
from sightline.deepstream.reading.yamlcpp.scalars import AtDocument, Chomp, Fold, ScalarReader, Style, refused
from sightline.deepstream.reading.yamlcpp.text import Text, kept
from sightline.deepstream.reading.yamlcpp.tokens import Kind, Status, Token

MOST_WAITING = 100_000  # tokens behind what might be a key: by then it is none, and they need not be kept
_SKIPPED = frozenset(" \t\r\n#")  # what white space and comments begin with
_WHAT_FOLLOWS = {"-": patterns.ENTRY, "?": patterns.KEY}  # else these begin a scalar; `:` by its place


class Scanner:
    """Tokens of one file, in order: `peek`, `pop`, `empty`.

    Attributes:
        comments: what stands behind the `#` of lines that have nothing else, by their line, from 0.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.comments: dict[int, str] = {}
        self._open = Nesting(text)
        self._ended = False
        self._key_allowed = True
        self._after_json = False  # after a quoted text or a closed flow, a `:` needs no space in a flow
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
        return not self._open.tokens

    @property
    def ahead(self) -> Token | None:
        """The next one; None where there is none."""
        self._ensure()
        return self._open.tokens[0] if self._open.tokens else None

    def peek(self) -> Token:
        self._ensure()
        return self._open.tokens[0]

    def pop(self) -> Token:
        self._ensure()
        return self._open.tokens.popleft()

    def _ensure(self) -> None:
        """Scans until the first token is decided. What is open when the file ends is given out as it is."""
        tokens = self._open.tokens
        if tokens and tokens[0].status is Status.VALID:
            return
        while True:
            while tokens and tokens[0].status is Status.INVALID:
                tokens.popleft()
            if self._ended or (tokens and tokens[0].status is Status.VALID):
                return
            if len(tokens) > MOST_WAITING:
                tokens[0].status = Status.INVALID
            self._scan()

    # What comes next

    def _scan(self) -> None:
        self._skip()
        self._open.dedent()
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
        if scan is None:
            return False
        pattern = self._value_pattern() if self.text.next == ":" else _WHAT_FOLLOWS.get(self.text.next)
        if pattern and not self.text.at(pattern):
            return False
        scan()
        return True

    def _scan_scalar(self) -> None:
        sign = self.text.next
        if sign in "|>" and not self._open.flows:
            self._block_scalar()
        elif sign in "'\"":
            self._quoted()
        elif self.text.at(patterns.PLAIN_IN_FLOW if self._open.flows else patterns.PLAIN):
            self._plain()
        else:
            raise refused(f"expected a value, a key or a list, got {self.text.sign}", self.text)

    def _skip(self) -> None:
        """White space and comments. After a tab no key may begin on that line."""
        text = self.text
        while text.next in _SKIPPED:
            if "\t" in text.take_all(patterns.BLANKS) and not self._open.flows:
                self._key_allowed = False
            if text.next == "#":
                self._comment()
            if not text.at(patterns.BREAK):
                return
            text.take_all(patterns.BREAK)
            self._open.drop_key()
            if not self._open.flows:
                self._key_allowed = True

    def _comment(self) -> None:
        before = self.text.chars[self.text.position - self.text.column : self.text.position]
        comment = self.text.take_all(patterns.LINE)
        if not before.strip(" \t"):
            self.comments[self.text.line] = kept(comment[1:])

    def _value_pattern(self) -> re.Pattern[str]:
        if not self._open.flows:
            return patterns.VALUE
        return patterns.VALUE_AFTER_JSON if self._after_json else patterns.VALUE_IN_FLOW

    def _end(self) -> None:
        self.text.column = 0
        self._open.restart()
        self._ended = True

    def _may_be_key(self) -> None:
        if self._key_allowed:
            self._open.may_be_key()

    def _restart(self) -> None:
        self._open.restart()
        self._key_allowed = self._after_json = False

    def _directive(self) -> None:
        self._restart()
        self._open.tokens.append(properties.directive(self.text))

    def _document(self, kind: Kind) -> None:
        self._restart()
        self._open.sign(kind, 3)

    def _flow_start(self) -> None:
        self._may_be_key()
        self._key_allowed, self._after_json = True, False
        is_list = self.text.next == "["
        self._open.flows.append("]" if is_list else "}")
        self._open.sign(Kind.FLOW_LIST_START if is_list else Kind.FLOW_MAP_START)

    def _end_flow_item(self) -> None:
        """A key without a value counts in `{a, b}`; in `[a, b]` it is none."""
        if self._open.flows and self._open.flows[-1] == "]":
            self._open.drop_key()
        elif self._open.flows and self._open.is_key():
            self._open.push(Kind.VALUE)

    def _flow_end(self) -> None:
        sign = self.text.next
        if not self._open.flows:
            raise refused(f"{sign} without what it would close", self.text)
        self._end_flow_item()
        self._key_allowed, self._after_json = False, True
        if self._open.flows[-1] != sign:
            raise refused(f"expected {self._open.flows[-1]}, got {sign}", self.text)
        self._open.flows.pop()
        self._open.sign(Kind.FLOW_LIST_END if sign == "]" else Kind.FLOW_MAP_END)

    def _flow_entry(self) -> None:
        self._end_flow_item()
        self._key_allowed, self._after_json = True, False
        self._open.sign(Kind.FLOW_ENTRY)

    def _entry(self) -> None:
        if self._open.flows:
            raise refused("an entry that begins with - cannot stand within [ ] or { }", self.text)
        if not self._key_allowed:
            raise refused("no entry that begins with - can stand here", self.text)
        self._open.indent_to(self.text.column, Kind.LIST_START)
        self._key_allowed, self._after_json = True, False
        self._open.sign(Kind.ENTRY)

    def _key(self) -> None:
        self._map_here("no key that begins with ? can stand here")
        self._open.sign(Kind.KEY)

    def _value(self) -> None:
        is_key = self._open.is_key()
        self._after_json = False
        if is_key:
            self._key_allowed = False
        else:
            self._map_here("expected no : here, because no key can stand before it")
        self._open.sign(Kind.VALUE)

    def _map_here(self, otherwise: str) -> None:
        if not self._open.flows:
            if not self._key_allowed:
                raise refused(otherwise, self.text)
            self._open.indent_to(self.text.column, Kind.MAP_START)
        self._key_allowed = not self._open.flows

    def _name(self) -> None:
        self._may_be_key()
        self._key_allowed = self._after_json = False
        self._open.tokens.append(properties.name(self.text))

    def _tag(self) -> None:
        self._may_be_key()
        self._key_allowed = self._after_json = False
        self._open.tokens.append(properties.tag(self.text))

    # Scalars

    def _plain(self) -> None:
        mark = self.text.mark
        indent = 0 if self._open.flows else self._open.column + 1  # before a key opens a block
        self._may_be_key()
        value, dedented = self._word(indent) or self._plain_lines(indent)
        self._key_allowed, self._after_json = dedented, False
        self._open.push(Kind.PLAIN, mark, value)

    def _word(self, indent: int) -> tuple[str, bool] | None:
        """A word alone, and whether a lesser indent ended it: most scalars are no more, and this is quick."""
        flow = bool(self._open.flows)
        if word := self.text.find(patterns.WORD_ENDED_IN_FLOW if flow else patterns.WORD_ENDED):
            return self.text.take(len(word)), False
        line = patterns.WORD_OF_LINE.match(self.text.chars, self.text.position)
        if line is None or len(line[2]) >= indent:
            return None
        self.text.take(len(line[0]))
        return line[1], True

    def _plain_lines(self, indent: int) -> tuple[str, bool]:
        reader = ScalarReader(self.text, _plain_style(bool(self._open.flows), indent))
        return reader.read(), reader.dedented

    def _quoted(self) -> None:
        style = _quoted_style(self.text.next)
        self._may_be_key()
        mark = self.text.mark
        self.text.take()
        value = ScalarReader(self.text, style).read()
        self._key_allowed, self._after_json = False, True
        self._open.push(Kind.QUOTED, mark, value)

    def _block_scalar(self) -> None:
        mark = self.text.mark
        style = properties.block_style(self.text, max(self._open.column, 0))
        value = ScalarReader(self.text, style).read()
        self._key_allowed, self._after_json = True, False
        self._open.push(Kind.QUOTED, mark, value)


@cache
def _plain_style(flow: bool, indent: int) -> Style:
    return Style(
        end=patterns.PLAIN_ENDS_IN_FLOW if flow else patterns.PLAIN_ENDS,
        fold=Fold.FLOW,
        chomp=Chomp.STRIP,
        indent=indent,
        skips_blanks=True,
        trims=True,
        at_document=AtDocument.ENDS,
        tabs_refused=True,
    )


@cache
def _quoted_style(sign: str) -> Style:
    return Style(
        end=patterns.SINGLE_ENDS if sign == "'" else patterns.DOUBLE_ENDS,
        closed=True,
        escape="'" if sign == "'" else "\\",
        fold=Fold.FLOW,
        chomp=Chomp.CLIP,
        skips_blanks=True,
        at_document=AtDocument.REFUSED,
    )
