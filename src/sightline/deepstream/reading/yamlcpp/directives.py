"""`%YAML` and `%TAG`: which of them yaml-cpp refuses, and what a tag is with them."""

from __future__ import annotations

import re

from sightline.deepstream.reading.yamlcpp.text import shown
from sightline.deepstream.reading.yamlcpp.tokens import Token
from sightline.deepstream.refusal import Refused

_VERSION = re.compile(r"[ \t\n\v\f\r]*([+-]?\d++).[ \t\n\v\f\r]*+([+-]?\d++)", re.DOTALL | re.ASCII)
_INT = range(-(2**31), 2**31)


class Directives:
    """The directives of one document."""

    def __init__(self) -> None:
        self._versioned = False
        self._tags: dict[str, str] = {}

    def read(self, token: Token) -> None:
        """Takes one directive; unknown ones are passed over."""
        if token.value == "YAML":
            self._version(token)
        elif token.value == "TAG":
            self._tag(token)

    def _version(self, token: Token) -> None:
        if len(token.words) != 1:
            raise _refused(token, f"expected one version after %YAML, got {len(token.words)}")
        if self._versioned:
            raise _refused(token, "expected %YAML once, got it twice")
        found = _VERSION.fullmatch(token.words[0])
        if not found or not all(int(number) in _INT for number in found.groups()):
            raise _refused(token, f"expected a version such as 1.2 after %YAML, got {token.words[0]}")
        if int(found[1]) > 1:
            raise _refused(token, f"expected a version 1 of YAML, got {token.words[0]}")
        self._versioned = True

    def _tag(self, token: Token) -> None:
        if len(token.words) != 2:
            raise _refused(token, f"expected a handle and a prefix after %TAG, got {len(token.words)} words")
        handle, prefix = token.words
        if handle in self._tags:
            raise _refused(token, f"expected one %TAG for {handle}, got two")
        self._tags[handle] = prefix

    def translate(self, token: Token) -> str:
        """The whole tag of a node."""
        if token.handle is None:
            return token.value
        default = "tag:yaml.org,2002:" if token.handle == "!!" else token.handle
        return self._tags.get(token.handle, default) + token.value


def _refused(token: Token, reason: str) -> Refused:
    return Refused(shown(reason), line=token.mark.line + 1)
