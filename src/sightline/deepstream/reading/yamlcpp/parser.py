"""From tokens to the tree of the first document.

Promises: the same nodes as yaml-cpp's, refusals too: an alias without its anchor, tokens that make no node,
and 500 nodes within each other, which is yaml-cpp's own limit. Python's stack does not grow with the depth:
what would call itself is a generator that yields the call.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import cast

from sightline.deepstream.reading.yamlcpp.directives import Directives
from sightline.deepstream.reading.yamlcpp.nodes import List, Map, Mark, Node, Null, Scalar
from sightline.deepstream.reading.yamlcpp.scanner import Scanner
from sightline.deepstream.reading.yamlcpp.text import kept, shown
from sightline.deepstream.reading.yamlcpp.tokens import Kind, Token
from sightline.deepstream.refusal import Refused

DEEPEST = 499
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_PROPERTIES = {Kind.TAG, Kind.ANCHOR}
_SCALARS = {Kind.PLAIN, Kind.QUOTED}
_LISTS = {Kind.LIST_START, Kind.FLOW_LIST_START}
_MAPS = {Kind.MAP_START, Kind.FLOW_MAP_START}

Step = Generator["Step", Node, Node]
Steps = Generator[Step, Node, None]


def document(scanner: Scanner) -> Node | None:
    """The first document; None where there is nothing but white space, comments and directives."""
    directives = Directives()
    while not scanner.empty and scanner.peek().kind is Kind.DIRECTIVE:
        directives.read(scanner.pop())
    return None if scanner.empty else _Parser(scanner, directives).document()


class _Parser:
    def __init__(self, scanner: Scanner, directives: Directives) -> None:
        self._scanner = scanner
        self._directives = directives
        self._anchors: dict[str, Node] = {}
        self._within: list[Kind] = []  # what is open; KEY stands for a pair without braces in a list

    def document(self) -> Node:
        if self._scanner.peek().kind is Kind.DOCUMENT_START:
            self._scanner.pop()
        root = self._run(self._node())
        while not self._scanner.empty and self._scanner.peek().kind is Kind.DOCUMENT_END:
            self._scanner.pop()
        return root

    def _run(self, first: Step) -> Node:
        stack, result = [first], None
        while stack:
            try:
                step = stack[-1].send(result)  # type: ignore[arg-type]  # None begins a generator
            except StopIteration as done:
                stack.pop()
                result = cast(Node, done.value)
                continue
            if len(stack) >= DEEPEST:
                raise Refused(f"more than {DEEPEST} nodes within each other", line=self._line)
            stack.append(step)
            result = None
        assert result is not None
        return result

    @property
    def _line(self) -> int:
        return self._scanner.text.line + 1

    @property
    def _next(self) -> Kind | None:
        token = self._scanner.ahead
        return token.kind if token else None

    # One node

    def _node(self) -> Step:
        token = self._scanner.ahead
        if token is None:
            return Null(self._scanner.text.mark)
        mark = token.mark
        if token.kind is Kind.VALUE:
            return (yield from self._fill(Map(mark, "?")))
        if token.kind is Kind.ALIAS:
            return self._alias()
        tag, anchor = self._properties()
        node = self._empty_node(mark, tag)
        if anchor:
            self._anchors[anchor] = node
        return (yield from self._fill(node))

    def _alias(self) -> Node:
        token = self._scanner.pop()
        if token.value not in self._anchors:
            name = shown(token.value)
            raise Refused(f"expected an anchor &{name} before *{name}", line=token.mark.line + 1)
        return self._anchors[token.value]

    def _properties(self) -> tuple[str, str]:
        tag = anchor = ""
        while self._next in _PROPERTIES:
            token = self._scanner.peek()
            if token.kind is Kind.TAG:
                if tag:
                    raise Refused("expected one tag for a node, got two", line=token.mark.line + 1)
                tag = kept(self._directives.translate(token))
            else:
                if anchor:
                    raise Refused("expected one anchor for a node, got two", line=token.mark.line + 1)
                anchor = token.value
            self._scanner.pop()
        return tag, anchor

    def _empty_node(self, mark: Mark, tag: str) -> Node:
        """What begins here; scalars are whole, lists and maps are still to be filled."""
        token = self._scanner.ahead
        if token is None:
            return Null(mark)
        tag = tag or ("!" if token.kind is Kind.QUOTED else "?")
        if token.kind in _SCALARS:
            return self._scalar(self._scanner.pop(), mark, tag)
        if token.kind in _LISTS:
            return List(mark, tag)
        if token.kind in _MAPS or (token.kind is Kind.KEY and self._within[-1:] == [Kind.FLOW_LIST_START]):
            return Map(mark, tag)
        return Null(mark) if tag == "?" else Scalar(mark, "", quoted=False, tag=tag)

    def _scalar(self, token: Token, mark: Mark, tag: str) -> Node:
        if token.kind is Kind.PLAIN and tag == "?" and token.value in NULLS:
            return Null(mark)
        return Scalar(mark, kept(token.value), quoted=token.kind is Kind.QUOTED, tag=tag)

    # What is within

    def _fill(self, node: Node) -> Step:
        if isinstance(node, List | Map):
            kind = self._scanner.peek().kind
            self._within.append(kind)
            yield from (
                self._within_list(node, kind) if isinstance(node, List) else self._within_map(node, kind)
            )
            self._within.pop()
        return node

    def _within_list(self, node: List, kind: Kind) -> Steps:
        return self._block_list(node) if kind is Kind.LIST_START else self._flow_list(node)

    def _within_map(self, node: Map, kind: Kind) -> Steps:
        match kind:
            case Kind.MAP_START:
                return self._block_map(node)
            case Kind.FLOW_MAP_START:
                return self._flow_map(node)
        return self._lone_pair(node)

    def _block_list(self, node: List) -> Steps:
        self._scanner.pop()
        while self._expect("- or the end of the list", Kind.ENTRY, Kind.LIST_END) is not Kind.LIST_END:
            self._scanner.pop()
            if self._next in {Kind.ENTRY, Kind.LIST_END}:
                node.items.append(Null(self._scanner.peek().mark))
            else:
                node.items.append((yield self._node()))
        self._scanner.pop()

    def _flow_list(self, node: List) -> Steps:
        self._scanner.pop()
        while self._expect("]") is not Kind.FLOW_LIST_END:
            node.items.append((yield self._node()))
            if self._expect(", or ]", Kind.FLOW_ENTRY, Kind.FLOW_LIST_END) is Kind.FLOW_ENTRY:
                self._scanner.pop()
        self._scanner.pop()

    def _block_map(self, node: Map) -> Steps:
        self._scanner.pop()
        wanted = (Kind.KEY, Kind.VALUE, Kind.MAP_END)
        while self._expect("a key or the end of the mapping", *wanted) is not Kind.MAP_END:
            yield from self._pair(node)
        self._scanner.pop()

    def _flow_map(self, node: Map) -> Steps:
        self._scanner.pop()
        while self._expect("}") is not Kind.FLOW_MAP_END:
            yield from self._pair(node)
            if self._expect(", or }", Kind.FLOW_ENTRY, Kind.FLOW_MAP_END) is Kind.FLOW_ENTRY:
                self._scanner.pop()
        self._scanner.pop()

    def _lone_pair(self, node: Map) -> Steps:
        """`key: value` in a list without braces; `: value` anywhere."""
        yield from self._pair(node)

    def _pair(self, node: Map) -> Steps:
        mark = self._scanner.peek().mark
        key: Node = Null(mark)
        value: Node = Null(mark)
        if self._next is Kind.KEY:
            self._scanner.pop()
            key = yield self._node()
        if self._next is Kind.VALUE:
            self._scanner.pop()
            value = yield self._node()
        node.pairs.append((key, value))

    def _expect(self, what: str, *wanted: Kind) -> Kind:
        """The kind of the next token, which must be one of `wanted`; without any, there must be one."""
        token = self._scanner.ahead
        if token is None:
            raise Refused(f"expected {what}, got the end of the file", line=self._line)
        if wanted and token.kind not in wanted:
            got = token.kind.name.replace("_", " ").lower()
            raise Refused(f"expected {what}, got: {got}", line=token.mark.line + 1)
        return token.kind
