"""Sources named on a command line: what they are called, and settings checked like those of a site file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from sightline.errors import ConfigError

T = TypeVar("T")


def default_name(source: str, number: int) -> str:
    """`10.0.0.5-1`, `parking-2`: host or file, as far as a camera may be called so, and its place."""
    from sightline.capture.address import host

    rough = host(source) or Path(source).stem
    kept = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in rough)
    return f"{kept.strip('-')[:40] or 'source'}-{number}"


def checked(what: type[T], settings: Any) -> T:
    """`settings` as a part of a site.

    Raises:
        ConfigError: all that is wrong, each after the place that it would have in a site file.
    """
    from pydantic import TypeAdapter, ValidationError

    from sightline.site.mistakes import dotted

    try:
        return TypeAdapter(what).validate_python(settings)
    except ValidationError as error:
        # Not with what came: it may hold a password.
        parts = error.errors(include_url=False, include_input=False)
        raise ConfigError("; ".join(f"{dotted(part['loc'])}: {part['msg']}" for part in parts)) from None
