"""What yaml-cpp looks for at a place of a text, as regular expressions over its bytes.

`END` (0x04) counts as the end of a text where yaml-cpp's own patterns do so. A carriage return is a break
only before a line feed: so it is in yaml-cpp 0.6 and 0.7 (DeepStream up to 7.0, on Ubuntu 22.04); 0.8 takes
a lone one for a break too, which is the one difference between 0.7 and 0.8 that a file can show.
"""

from __future__ import annotations

import re

_WHITE = r"(?:[ \t\n]|\r\n)"  # a blank or a break
_WHITE_OR_END = r"(?:[ \t\n\x04]|\r\n)"
_NEVER_FIRST = r",\[\]{}#&*!|>'\"%@`"  # no plain scalar begins so

BREAK = re.compile(r"\r?\n")
BLANK = re.compile(r"[ \t]")
BLANKS = re.compile(r"[ \t]*")
LINE = re.compile(r"(?:[^\r\n]|\r(?!\n))*")  # to its end
WORD = re.compile(r"(?:[^ \t\r\n]|\r(?!\n))*")  # to white space
WHITE = re.compile(_WHITE)

DOCUMENT_START = re.compile(rf"---{_WHITE_OR_END}")
DOCUMENT_END = re.compile(rf"\.\.\.{_WHITE_OR_END}")
DOCUMENT = re.compile(rf"(?:---|\.\.\.){_WHITE_OR_END}")
ENTRY = re.compile(rf"-{_WHITE_OR_END}")
KEY = re.compile(rf"\?{_WHITE}")
VALUE = re.compile(rf":{_WHITE_OR_END}")
VALUE_IN_FLOW = re.compile(rf":(?:{_WHITE}|[,\]}}])")
VALUE_AFTER_JSON = re.compile(":")
PLAIN = re.compile(rf"(?!{_WHITE}|[{_NEVER_FIRST}]|[-?:]{_WHITE_OR_END})", re.DOTALL)
PLAIN_IN_FLOW = re.compile(rf"(?!{_WHITE}|[?{_NEVER_FIRST}]|[-:][ \t\x04])", re.DOTALL)

NAME = re.compile(r"(?:[^\[\]{}, \t\r\n]|\r(?!\n))*")  # of an anchor
AFTER_NAME = re.compile(rf"[?:,\]}}%@`]|{_WHITE}")
URI = re.compile(r"(?:[0-9A-Za-z#;/?:@&=+$,_.!~*'()\[\]-]|%[0-9A-Fa-f]{2})*")
TAG_WORD = re.compile(r"[0-9A-Za-z-]*")
TAG = re.compile(r"(?:[0-9A-Za-z#;/?:@&=+$_.~*'()-]|%[0-9A-Fa-f]{2})*")
INDICATORS = re.compile(r"[+-][0-9]|[0-9][+-]|[+-]|[0-9]|")  # of a block scalar

ORDINARY = r"[^\x00\x04\r\n \t:,?\[\]{}'\"\\]++"  # nothing ends at these, nothing is escaped by them
PLAIN_ENDS = re.compile(rf":{_WHITE_OR_END}|{_WHITE}#")
PLAIN_ENDS_IN_FLOW = re.compile(rf":(?:{_WHITE_OR_END}|[,\]}}])|[,?\[\]{{}}]|{_WHITE}#")
# A word that is a whole scalar, because one of the ends follows, or a lesser indentation after a break.
WORD_ENDED = re.compile(rf"{ORDINARY}(?={PLAIN_ENDS.pattern})")
WORD_ENDED_IN_FLOW = re.compile(rf"{ORDINARY}(?={PLAIN_ENDS_IN_FLOW.pattern})")
WORD_OF_LINE = re.compile(rf"({ORDINARY})\r?\n( *)(?![ \t\r\n#\x04])")
SINGLE_ENDS = re.compile("'(?!')")
DOUBLE_ENDS = re.compile('"')
BLOCK_ENDS = re.compile(r"\x04")
ESCAPED_BREAK = re.compile(r"\\\r?\n")
