"""Sources named on a command line: what they are called, and settings checked like those of a site file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.site.capturing import Inputs

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


def inputs_of_urls(
    urls: list[str], names: list[str] | None, users: list[str], variables: list[str], options: dict[str, Any]
) -> Inputs:
    """What to capture, each URL a camera of its own; with one name, user and password each, or one for all.

    Raises:
        typer.BadParameter: names, users or variables do not go with the URLs.
        ConfigError: a URL is none, or a setting is wrong for it.
    """
    from sightline.site.camera import Camera
    from sightline.site.section import Name

    named = names or [default_name(url, number) for number, url in enumerate(urls, start=1)]
    if len(named) != len(urls) or len(set(named)) != len(named):
        raise typer.BadParameter(
            f"expected a name for each of {len(urls)} URLs, each once, got {', '.join(named)}",
            param_hint="--camera",
        )
    logins = zip(
        _one_each(users, urls, "--username"), _one_each(variables, urls, "--password-env"), strict=True
    )
    settings = {
        name: {"url": url, "username": user, "password": _password(variable), **options}
        for name, url, (user, variable) in zip(named, urls, logins, strict=True)
    }
    return {
        name: {"main": camera.as_input(name)}
        for name, camera in checked(dict[Name, Camera], settings).items()
    }


def _one_each(given: Sequence[T], urls: list[str], option: str) -> Sequence[T | None]:
    if len(given) in {0, 1}:
        return [given[0] if given else None] * len(urls)
    if len(given) != len(urls):
        raise typer.BadParameter(
            f"expected one for all or one for each of {len(urls)} URLs, got {len(given)}", param_hint=option
        )
    return given


def _password(variable: str | None) -> str | None:
    if variable is not None and variable not in os.environ:
        raise typer.BadParameter(f"the variable {variable} is not set", param_hint="--password-env")
    return None if variable is None else os.environ[variable]


def picked(inputs: Inputs, names: list[str]) -> Inputs:
    """Those of these names. Raises ConfigError: one is not there."""
    from sightline.kinds import nearest

    for name in names:
        if name not in inputs:
            raise ConfigError(f"there is no camera {name!r} that is enabled{nearest(name, inputs)}")
    return {name: inputs[name] for name in names}
