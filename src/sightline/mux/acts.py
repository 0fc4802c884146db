"""The acts that a control has of itself. Each reads its value, checks it and calls the mux.

A value is a JSON object; what is wrong with it is told all at once, with what was expected and what came.
The mux is a `Steered`; an act neither waits for it nor knows what is behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

import msgspec

from sightline.bus.names import checked_topic
from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.kinds import nearest
from sightline.mux.requests import ENVELOPE
from sightline.mux.settings import CameraSettings
from sightline.mux.steered import CameraState, Steered

Act: TypeAlias = Callable[[Any, Any], Any]
"""`act(comux, value)`: what it gives is the answer, and what it raises is told as one that is not ok."""

_FIELDS: Final = {field.name: field.type for field in msgspec.structs.fields(CameraSettings)}
SETTINGS: Final = tuple(name for name in _FIELDS if name != "camera_id")
"""What `create` and `update` take beside the camera."""

_SHOWN: Final = 100


def read_settings(named: Mapping[str, Any], *, strict: bool = True) -> dict[str, Any]:
    """Settings of a camera, checked one by one, each of its type; `size` may also be `"640x360"`.

    Args:
        named: by the names of `CameraSettings`.
        strict: False: numbers may be texts, as from a command line.

    Raises:
        ConfigError: with every mistake.
    """
    read, mistakes = {}, []
    for name, value in named.items():
        try:
            read[name] = _READ.get(name, _as_declared)(name, value, strict)
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise ConfigError("; ".join(mistakes))
    return read


def _as_declared(name: str, value: Any, strict: bool) -> Any:
    if name not in SETTINGS:
        raise ConfigError(f"unknown setting{nearest(name, SETTINGS)} (known: {', '.join(SETTINGS)})")
    try:
        return msgspec.convert(value, _FIELDS[name], strict=strict)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{_expected(name, error)}, got {_shown(value)}") from None


def _expected(name: str, error: msgspec.ValidationError) -> str:
    if get_origin(_FIELDS[name]) is Literal:
        return f"expected {' or '.join(get_args(_FIELDS[name]))}"
    text = str(error).partition(", got ")[0].replace("`", "")
    return f"{text[:1].lower()}{text[1:]}"


def _topic(name: str, value: Any, strict: bool) -> str | None:
    topic: str | None = _as_declared(name, value, strict)
    return None if topic is None else checked_topic(topic)


def _size(name: str, value: Any, strict: bool) -> Size | None:
    if isinstance(value, str):
        return Size.parse(value)
    size: Size | None = _as_declared(name, value, strict)
    return None if size is None else Size.parse(str(size))


_READ: Final[dict[str, Callable[[str, Any, bool], Any]]] = {
    "topic": _topic,
    "out_topic": _topic,
    "size": _size,
}


def create(comux: Steered, value: Any) -> str:
    """`{"camera_id": "gate", ...}`: runs a camera that is not there yet; settings left out are the mux's."""
    camera_id, named = _camera(value)
    comux.create(camera_id, read_settings(named))
    return f"created {camera_id}"


def update(comux: Steered, value: Any) -> str:
    """`{"camera_id": "gate", "rate": 5, ...}`: changes these settings of a camera, and no others."""
    camera_id, named = _camera(value)
    if not named:
        raise ConfigError(f"expected one or more settings to change (known: {', '.join(SETTINGS)}), got none")
    comux.update(camera_id, read_settings(named))
    return f"updated {camera_id}: {', '.join(named)}"


def delete(comux: Steered, value: Any) -> str:
    """`{"camera_id": "gate"}`: ends a camera."""
    camera_id = _camera_alone(value)
    comux.delete(camera_id)
    return f"deleted {camera_id}"


def pause(comux: Steered, value: Any) -> str:
    """`{"camera_id": "gate"}`: stops reading a camera's packets until `resume`."""
    camera_id = _camera_alone(value)
    comux.pause(camera_id)
    return f"paused {camera_id}"


def resume(comux: Steered, value: Any) -> str:
    """`{"camera_id": "gate"}`: goes on with a camera that was paused."""
    camera_id = _camera_alone(value)
    comux.resume(camera_id)
    return f"resumed {camera_id}"


def rate(comux: Steered, value: Any) -> str:
    """`{"camera_id": "gate", "rate": 5}`: pictures a second of a camera; null: all."""
    camera_id, named = _camera(value)
    _only(named, ["rate"])
    if "rate" not in named:
        raise ConfigError("rate: expected pictures a second, or null for all, got nothing")
    wanted = read_settings(named)["rate"]
    comux.rate(camera_id, wanted)
    return f"{camera_id}: {'all pictures' if wanted is None else f'{wanted:g} pictures/s'}"


def status(comux: Steered, value: Any) -> dict[str, CameraState]:
    """`{}`, or `{"camera_id": "gate"}`: every camera by its name, or that one, as a `CameraState`."""
    named = _object(value)
    states = dict(comux.status())
    if not named:
        return states
    camera_id = _camera_alone(value)
    if camera_id not in states:
        raise ConfigError(f"unknown camera {camera_id}{nearest(camera_id, states)}")
    return {camera_id: states[camera_id]}


BUILT_IN: Final[Mapping[str, Act]] = {
    act.__name__: act for act in (create, update, delete, pause, resume, rate, status)
}


def _object(value: Any) -> dict[str, Any]:
    """What an act's value says, without its envelope. Raises ConfigError where it is no object."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f'expected a JSON object such as {{"camera_id": "gate"}}, got {_shown(value)}')
    return {name: part for name, part in value.items() if name not in ENVELOPE}


def _camera(value: Any) -> tuple[str, dict[str, Any]]:
    """Which camera a value names, and the rest of it."""
    named = _object(value)
    if "camera_id" not in named:
        raise ConfigError("camera_id: expected the name of a camera, got nothing")
    given = named.pop("camera_id")
    try:
        camera_id: str = msgspec.convert(given, _FIELDS["camera_id"])
    except msgspec.ValidationError:
        raise ConfigError(f"camera_id: expected text of 1 to 64 letters, got {_shown(given)}") from None
    return camera_id, named


def _camera_alone(value: Any) -> str:
    camera_id, named = _camera(value)
    _only(named, [])
    return camera_id


def _only(named: Iterable[str], known: list[str]) -> None:
    strange = [name for name in named if name not in known]
    if strange:
        listed = " and ".join(["camera_id", *known])
        raise ConfigError(f"expected {listed} alone, got {', '.join(strange)[:_SHOWN]} as well")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
