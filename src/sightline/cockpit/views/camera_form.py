"""The form of a camera. `transport` and `detect_url` are fields of their own, as they are set often; all else
of a site file's camera are its settings, in YAML.
"""

from __future__ import annotations

from typing import Any, Final

from sightline.cockpit.views.forms import Filled, Texts, changed, is_on, whole_number, without_login
from sightline.cockpit.views.texts import as_labels, as_yaml, read_labels, read_yaml
from sightline.fleet.store.refusals import Mistake
from sightline.fleet.store.rows import CameraOut

FIELDS: Final = (
    *("camera_id", "address", "username", "password", "transport", "detect_url", "encodeType", "width"),
    *("height", "pool", "instance_name", "agent_name", "labels", "settings", "enabled"),
)
ALIASES: Final = {
    "settings.transport": "transport",
    "settings.detect_url": "detect_url",
    "dsInstance_id": "instance_name",
    "agent_id": "agent_name",
    "ip_address": "address",
}
_OWN: Final = ("transport", "detect_url")
_WORDS: Final = ("pool",)
_MAYBE: Final = ("username", "instance_name", "agent_name")
NEW: Final = {"encodeType": "h264", "enabled": "yes"}
"""What stands in the form of a camera that is to be made."""


def camera_texts(row: CameraOut) -> dict[str, str]:
    """A camera as its form shows it."""
    rest = {key: value for key, value in row.settings.items() if key not in _OWN}
    return {
        "camera_id": row.camera_id,
        "address": row.address,
        "username": row.username or "",
        "encodeType": row.encodeType.value,
        "width": "" if row.width is None else str(row.width),
        "height": "" if row.height is None else str(row.height),
        "pool": row.pool,
        "instance_name": row.instance_name or "",
        "agent_name": row.agent_name or "",
        "labels": as_labels(row.labels),
        "enabled": "yes" if row.enabled else "",
        "settings": as_yaml(rest),
        **{name: str(row.settings.get(name) or "") for name in _OWN},
    }


def fill_camera(sent: Texts, row: CameraOut | None = None) -> Filled:
    """What was sent; `row`: of a camera that is there, then what is another of it."""
    texts = {name: str(sent.get(name, "")) for name in FIELDS}
    password = texts.pop("password")
    of_address = without_login(texts, "address")
    without_login(texts, "detect_url")
    mistakes: list[Mistake] = []
    labels, wrong = read_labels(texts["labels"])
    settings = read_yaml(texts["settings"], "settings")
    mistakes += [*wrong, *settings.mistakes]
    values: dict[str, Any] = {
        "camera_id": texts["camera_id"].strip(),
        "address": texts["address"],
        "encodeType": texts["encodeType"] or NEW["encodeType"],
        "width": whole_number(texts, "width", mistakes),
        "height": whole_number(texts, "height", mistakes),
        "labels": labels,
        "enabled": is_on(texts, "enabled"),
        "settings": {
            **settings.values,
            **{name: texts[name].strip() for name in _OWN if texts[name].strip()},
        },
        **{name: texts[name].strip() for name in _WORDS},
        **{name: texts[name].strip() or None for name in _MAYBE},
    }
    values = values if row is None else changed(values, _as_it_is(row))
    values.update(_password(password or of_address or "", values, removed=is_on(sent, "remove_password")))
    return Filled(values, texts, mistakes, {"settings": settings})


def _as_it_is(row: CameraOut) -> dict[str, Any]:
    """A row's values, as `fill_camera` has them."""
    settings = {key: value for key, value in row.settings.items() if key not in _OWN or value}
    return {**row.model_dump(mode="json"), "settings": settings}


def _password(password: str, values: dict[str, Any], *, removed: bool) -> dict[str, str | None]:
    """An empty field leaves it as it is; it goes with the box, and with its user."""
    if password:
        return {"password": password}
    return {"password": None} if removed or ("username" in values and not values["username"]) else {}
