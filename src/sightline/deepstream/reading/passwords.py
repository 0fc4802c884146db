"""The passwords of a file, told to the redactor before anything is said of the file.

Promises: after `hide_passwords` no message, JSON or traceback that passes the redactor shows a password of an
address, of a key named so (`password=`), or within a value (`sasl.password=...;`): whatever letters it has,
whether the file can be read or not, and however a message quotes it. By its look alone the redactor cannot
know where `rtsp://a:b c@10.0.0.5` or `password is tulip` ends.

Deliberately not here: user names, which may be told; and more than a few thousand passwords of one file,
which no instance has: those are hidden by their look alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final
from urllib.parse import unquote

from sightline.deepstream.importing.logins import written_password
from sightline.deepstream.reading import keyfile_values
from sightline.deepstream.refusal import ValueRefused
from sightline.log import hide_secret

_MOST: Final = 2000
_LENGTHS: Final = range(3, 1000)  # what is shorter would blot out numbers, and is no secret
_SCHEME: Final = re.compile(r"(?=\b[A-Za-z][A-Za-z0-9+.-]{0,15}://)")  # no search by the square of a line
_NAMES: Final = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|shared-?access-?key)"
_KEY: Final = re.compile(rf"\s*[\"']?[\w.-]*{_NAMES}[\"']?\s*[=:]\s*(?P<said>.*)", re.IGNORECASE)
_WITHIN: Final = re.compile(rf"{_NAMES}[\"']?\s*[=:]\s*(?P<said>[^;\"]*)", re.IGNORECASE)
_BARE: Final = re.compile(r"[^=:]*[=:]\s*[^:@/]*:(?P<said>.+)@")  # a login without a scheme before it
_TELLING: Final = re.compile(rf"@|{_NAMES}", re.IGNORECASE)


def hide_passwords(data: bytes) -> None:
    """Tells the redactor of all of them."""
    text = data.decode("utf-8", "replace")
    if _TELLING.search(text):
        found = (form for line in text.split("\n") for said in _said(line) for form in _forms(said))
        for password in islice(dict.fromkeys(found), _MOST):
            hide_secret(password)


def _said(line: str) -> Iterator[str]:
    """What may be a password, as it stands there."""
    if "@" in line:
        for address in _SCHEME.split(line)[1:]:
            yield written_password(address) or ""
        if "://" not in line and (bare := _BARE.match(line)):
            yield bare["said"]
    if key := _KEY.match(line):
        yield key["said"]
        yield key["said"].split(" #")[0]
    for within in _WITHIN.finditer(line):
        yield within["said"]


def _forms(said: str) -> Iterator[str]:
    """As it stands there, without quotes, without escapes, and decoded."""
    plain = said.strip().strip("\"'")
    for form in (said, plain, _unescaped(said), _unescaped(plain)):
        for decoded in (form, unquote(form)):
            if len(decoded) in _LENGTHS:
                yield decoded


def _unescaped(said: str) -> str:
    try:
        return keyfile_values.string(said)
    except ValueRefused:
        return re.sub(r"\\(.)", r"\1", said)
