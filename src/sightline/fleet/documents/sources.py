"""What documents are made of: the cameras and instances that were applied last, with all that they say.

The one place beside the database where a login of a camera is in the clear within the coordinator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sightline.capture.address import Kind, kind
from sightline.fleet.messages.parts import RunOptions

_LOCAL: Final = frozenset({Kind.FILE, Kind.DEVICE})


def is_one_machines(address: str, settings: Mapping[str, Any]) -> bool:
    """Whether who reads such a camera opens a file or a device of their own machine."""
    return kind(address) in _LOCAL or settings.get("tls_ca_file") is not None


class CameraSource(msgspec.Struct, frozen=True, kw_only=True):
    """A camera as it is opened.

    Attributes:
        camera_id: its name.
        address: its URL, without a login.
        username, password: its login; None: none.
        encode_type, type, width, height: as the document's table has them.
        settings: further keys of a site file's camera, such as {"transport": "udp"}.
    """

    camera_id: str
    address: str
    username: str | None = None
    password: str | None = None
    encode_type: str = "H264"
    type: str = "rtsp"
    width: int | None = None
    height: int | None = None
    settings: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"CameraSource({self.camera_id!r})"


class InstanceSource(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as it is made.

    Attributes:
        name: of it.
        kind: "deepstream" or "worker".
        config: of DeepStream: `DsInstanceConfig` without `sourceconfig`. Of a worker: a site document without
            `cameras`, its workers looking at those of the instance, or at those of them that they name.
        run: how it is run; its terms come with each camera's share.
        debug: the document's "debug or not".
    """

    name: str
    kind: str
    config: dict[str, Any]
    run: RunOptions = RunOptions()
    debug: bool = False

    def __repr__(self) -> str:
        return f"InstanceSource({self.name!r})"  # a worker's document may hold tokens


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Those of one revision, by name."""

    revision: int = 0
    cameras: dict[str, CameraSource] = {}
    instances: dict[str, InstanceSource] = {}
