"""Passwords as they come with a form, and what is wrong with a form in words beside its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from starlette.requests import Request

from sightline.cockpit.shell import Shell
from sightline.errors import ConfigError, SightlineError
from sightline.fleet.store.refusals import Refused

Errors: TypeAlias = Mapping[str, str]
"""What is wrong, by field; "" is the form as a whole."""
ANOTHER = "this is another one than the first"


def typed(shell: Shell, request: Request, *names: str) -> list[str]:
    """Passwords as they were typed, with their blanks."""
    found = (shell.form(request).get(name) for name in names)
    return [one if isinstance(one, str) else "" for one in found]


def wrong(error: SightlineError, field: str) -> Errors:
    """What a refusal says: at the field that it names, else at `field` where a value is wrong."""
    match error:
        case Refused():
            return {one.where: one.message for one in error.mistakes}
        case ConfigError():
            return {field: error.message}
    return {"": error.message}
