"""What stands before a node or a document: anchors, aliases, tags, directives, indicators of a block."""

from __future__ import annotations

from sightline.deepstream.reading.yamlcpp import patterns
from sightline.deepstream.reading.yamlcpp.scalars import Chomp, Fold, Style, refused
from sightline.deepstream.reading.yamlcpp.text import Text, shown
from sightline.deepstream.reading.yamlcpp.tokens import Kind, Token

_CHOMPS = {"+": Chomp.KEEP, "-": Chomp.STRIP}


def name(text: Text) -> Token:
    """`&name` or `*name`."""
    token = Token(Kind.ALIAS if text.next == "*" else Kind.ANCHOR, text.mark)
    sign = text.take()
    token.value = text.take_all(patterns.NAME)
    if not token.value:
        raise refused(f"expected a name after {sign}", text)
    if text.more and not text.at(patterns.AFTER_NAME):
        raise refused(f"expected white space after {sign}{shown(token.value)}, got {text.sign}", text)
    return token


def directive(text: Text) -> Token:
    """`%NAME argument ...`; what it means is the parser's matter."""
    token = Token(Kind.DIRECTIVE, text.mark)
    text.take()
    token.value = text.take_all(patterns.WORD)
    words: list[str] = []
    while True:
        text.take_all(patterns.BLANKS)
        if not text.more or text.at(patterns.BREAK) or text.next == "#":
            break
        words.append(text.take_all(patterns.WORD))
    token.words = tuple(words)
    return token


def tag(text: Text) -> Token:
    """`!<verbatim>`, `!handle!suffix`, `!!suffix`, `!suffix` or `!` alone.

    `handle` is what a directive may replace: "!", "!!" or "!name!"; None where the value is the whole tag.
    """
    token = Token(Kind.TAG, text.mark)
    text.take()
    if text.more and text.next == "<":
        token.value = _verbatim(text)
        return token
    word = text.take_all(patterns.TAG_WORD)
    if text.more and text.next == "!":
        token.handle = f"!{word}!"
        token.value = _suffix(text)
        return token
    token.value = word + text.take_all(patterns.TAG)
    if text.more and text.next == "!":
        raise refused("expected letters, digits and - between the two ! of a tag", text)
    if token.value or not text.more:
        token.handle = "!" if token.value else "!!"
    else:
        token.value = "!"
    return token


def _verbatim(text: Text) -> str:
    text.take()
    uri = text.take_all(patterns.URI)
    if not text.more or text.next != ">":
        raise refused("expected > at the end of a tag that begins with !<", text)
    text.take()
    return uri


def _suffix(text: Text) -> str:
    text.take()
    suffix = text.take_all(patterns.TAG)
    if not suffix:
        raise refused("expected a name after the second ! of a tag", text)
    return suffix


def block_style(text: Text, indent: int) -> Style:
    """`|` or `>` with what follows on its line; the content is indented more than `indent`."""
    style = Style(
        end=patterns.BLOCK_ENDS,
        fold=Fold.BLOCK if text.take() == ">" else Fold.KEPT,
        chomp=Chomp.CLIP,
        indent=indent + 1,
        detect=True,
        tabs_refused=True,
    )
    for sign in text.find(patterns.INDICATORS):
        text.take()
        if sign in _CHOMPS:
            style.chomp = _CHOMPS[sign]
        elif sign == "0":
            raise refused("expected an indentation from 1 to 9, got 0", text)
        else:
            style.indent, style.detect = indent + int(sign), False
    text.take_all(patterns.BLANKS)
    if text.next == "#":
        text.take_all(patterns.LINE)
    if text.more and not text.at(patterns.BREAK):
        raise refused(f"expected a new line after | or >, got {text.sign}", text)
    return style
