"""What cameras of a `Comux` are to be, checked: patterns of topics and settings; and how they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sightline.bus.names import PLACEHOLDER, topic_of, topic_pattern
from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.kinds import nearest
from sightline.mux.engine_stats import EngineStats, Place
from sightline.mux.settings import CameraSettings
from sightline.mux.steered import CameraState

_OLD_PLACEHOLDER: Final = ":cam_id"
SETTINGS: Final = frozenset(CameraSettings.__struct_fields__) - {"camera_id"}
_CODECS: Final = {"h265": "hevc", "avc": "h264", "jpeg": "mjpeg"}


def pattern_of(schema: str) -> str:
    """The pattern of a topic, with `:cam_id` or `:camera_id` where the camera stands. Raises ConfigError."""
    if schema.count(_OLD_PLACEHOLDER) == 1 and PLACEHOLDER not in schema:
        schema = schema.replace(_OLD_PLACEHOLDER, PLACEHOLDER)
    return topic_pattern(schema)


def checked_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of cameras by name. Raises ConfigError for one that there is not, or that is wrong."""
    strange = [name for name in given if name not in SETTINGS]
    if strange:
        raise ConfigError(f"unknown setting {strange[0]!r}{nearest(strange[0], SETTINGS)}")
    named = dict(given)
    if isinstance(named.get("size"), str | tuple):
        size = named["size"]
        named["size"] = Size.parse(size) if isinstance(size, str) else Size(*size)
    if named.get("codec") is not None:
        named["codec"] = _CODECS.get(named["codec"], named["codec"])
    settings_of("camera", named)
    return named


def settings_of(camera_id: str, named: Mapping[str, Any]) -> CameraSettings:
    """A camera's settings. Raises ConfigError where one is wrong."""
    try:
        return msgspec.convert({"camera_id": camera_id, **named}, CameraSettings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"camera {camera_id}: {error}") from None


def place_of(settings: CameraSettings, consume: str, produce: str) -> Place:
    """Where a camera's packets are and go, by its own settings or the patterns."""
    return Place(
        topic=settings.topic or topic_of(consume, settings.camera_id),
        out_topic=settings.out_topic or topic_of(produce, settings.camera_id),
    )


def state_of(stats: EngineStats, settings: CameraSettings) -> CameraState:
    """How a camera is doing, in short."""
    return CameraState(
        state=stats.state,
        reason=stats.reason,
        topic=stats.place.topic,
        out_topic=stats.place.out_topic,
        rate=settings.rate,
        packets=stats.camera.packets,
        delivered=stats.camera.delivered,
        answered=stats.camera.forward.with_result,
        behind=stats.camera.behind,
    )
