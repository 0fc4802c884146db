"""Where the password that is saved of a camera may go: to whom it was saved for, and to nobody else.

Promises: who changes a camera, or tests one, without saying its password has the saved one sent only by the
same scheme, to the same host and port, for the same user. Else whoever may point a camera at a machine of
their own could read the passwords of all others there. What only a path or a query changes is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sightline.capture.address import Kind, kind, take_credentials
from sightline.errors import ConfigError
from sightline.fleet.store.camera_rows import CameraIn
from sightline.fleet.store.refusals import Mistake, Refused

_NET: Final = frozenset({Kind.CAMERA, Kind.WEB})
_DOOR: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def check_lent(camera: CameraIn, was: Mapping[str, Any]) -> None:
    """Whether the password of a camera that was of this `username`, `address` and `settings` may be used for
    what it is to be.

    Raises:
        Refused: it may not; it has to be said again.
    """
    before = _doors(was["address"], was["settings"])
    if camera.username != was["username"] or not _doors(camera.address, camera.settings) <= before:
        raise Refused([Mistake("password", "missing: the one that is saved is for another address or user")])


def with_login(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the login that stands in their address as fields, where they have none of their own."""
    address = values.get("address")
    try:
        found = take_credentials(address.strip()) if isinstance(address, str) else None
    except ConfigError:  # it is refused in words where the camera is read
        found = None
    if found is None or found.username is None:
        return dict(values)
    login = {"username": found.username, "password": found.password}
    return {**{key: value for key, value in login.items() if value is not None}, **values}


def _doors(address: str, settings: Mapping[str, Any]) -> set[str]:
    """Who is spoken with, and how."""
    urls = (address, settings.get("detect_url") or "")
    return {_door(url) for url in urls if kind(url) in _NET}


def _door(url: str) -> str:
    while (clean := take_credentials(url.strip()).url) != url:  # as often as any reader may take one out
        url = clean
    found = _DOOR.match(url)
    return url if found is None else found[0].lower()
