"""What of a document is not for everybody: taken out, and put back where it was.

Promises: `put_back(*taken_out(document))` is the document. What the one redactor would hide from a log line
is taken out (logins in URLs, texts beside a name such as `password` or `token`), and all that a sink is told
but its kind: where results go may be a secret as a whole. In the place of a URL's login stands nothing, in
that of anything else `***`.

Deliberately not here: secrets that look like any other word and stand where none is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sightline.deepstream.importing.logins import take_login
from sightline.errors import FleetError
from sightline.log import HIDDEN, Redactor

Json: TypeAlias = Any
Way: TypeAlias = tuple[str | int, ...]
Secret: TypeAlias = tuple[Way, Json]

# One that was told nothing: what looks like a secret is one for every coordinator, whatever else it knows.
_LOOKS: Final = Redactor()
_SINKS: Final = "sinks"
_KIND: Final = "kind"


def taken_out(document: Json, way: Way = ()) -> tuple[Json, list[Secret]]:
    """The document without its secrets, and these, each with its way there; `way` leads to the document."""
    secrets: list[Secret] = []
    return _without(document, way, secrets), secrets


def put_back(document: Json, secrets: list[Secret]) -> Json:
    """The document with these in it. Raises FleetError where one has no place there."""
    whole = _copied(document)
    for way, value in secrets:
        try:
            place = whole
            for step in way[:-1]:
                place = place[step]
            place[way[-1]]  # it was there when it was taken out
            place[way[-1]] = value
        except (KeyError, IndexError, TypeError):
            raise FleetError(
                f"expected a place for a secret at {'.'.join(map(str, way))}, got none"
            ) from None
    return whole


def texts(value: Json) -> Iterator[str]:
    """All texts within."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)


def _without(value: Json, way: Way, secrets: list[Secret]) -> Json:
    if isinstance(value, dict):
        return {key: _entry(key, item, (*way, key), secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, (*way, index), secrets) for index, item in enumerate(value)]
    if isinstance(value, str) and _is_secret(value, way):
        secrets.append((way, value))
        return _shown(value, way)
    return value


def _entry(key: str, value: Json, way: Way, secrets: list[Secret]) -> Json:
    # By its name; a mapping or a list of such a name is taken as a whole.
    if value not in (None, "", {}, []) and _is_secret_name(key):
        secrets.append((way, value))
        return HIDDEN
    return _without(value, way, secrets)


@lru_cache(1000)
def _is_secret_name(key: str) -> bool:
    return bool(_LOOKS.value({key: 0}) == {key: HIDDEN})


def _is_secret(text: str, way: Way) -> bool:
    return (_SINKS in way and way[-1] != _KIND) or _LOOKS.text(text) != text


def _shown(text: str, way: Way) -> str:
    """A URL stays one, where it is none without its login."""
    url = text if _SINKS in way else take_login(text).url
    return HIDDEN if url == text or _LOOKS.text(url) != url else url


def _copied(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
