"""What is asked of a look at a camera, and what it found; and both sealed, for their way over the bus.

It promises: a login is in no repr; what is sealed is for one machine and one request, so that whoever wrote
it down can neither read it nor have it mean another.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from sightline.errors import FleetError
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.log import hide_secret

T = TypeVar("T")

MOST_S: Final = 20.0
"""That a look may take, from the begin of its process to its answer; then it is ended."""
MOST_JPEG_BYTES: Final = 64 * 1024
_ASKED: Final = b"sightline fleet camera test 1 "
_FOUND: Final = b"sightline fleet camera tested 1 "


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A camera that is to be looked at.

    Attributes:
        camera_id: its name; it need not be saved.
        address: its URL, without a login.
        username, password: its login; None: none.
        settings: further keys of a site file's camera.
    """

    camera_id: str
    address: str
    username: str | None = None
    password: str | None = None
    settings: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Wish({self.camera_id!r})"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        fault: what is wrong, in words; "": pictures come.
        report: as `sightline probe --json` has it; empty where there is a fault.
        jpeg: a small picture; b"": none could be decoded.
    """

    fault: str = ""
    report: dict[str, Any] = {}
    jpeg: bytes = b""


def sealed_wish(wish: Wish, key: PublicKey, node_id: UUID, request: str) -> str:
    """For the machine of this key. Raises WireError where nothing can be sealed for it."""
    return _sealed(wish, key, _ASKED + _of(node_id, request))


def opened_wish(text: str, identity: Identity, node_id: UUID, request: str) -> Wish:
    """Raises FleetError: it is another's, or none."""
    wish = _opened(text, identity, _ASKED + _of(node_id, request), Wish)
    hide_secret(wish.password or "")
    return wish


def sealed_outcome(outcome: Outcome, key: PublicKey, node_id: UUID, request: str) -> str:
    """For the coordinator of this key. Raises WireError."""
    return _sealed(outcome, key, _FOUND + _of(node_id, request))


def opened_outcome(text: str, identity: Identity, node_id: UUID, request: str) -> Outcome:
    """Raises FleetError: it is another's, or none."""
    return _opened(text, identity, _FOUND + _of(node_id, request), Outcome)


def _of(node_id: UUID, request: str) -> bytes:
    return f"{node_id} {request}".encode()


def _sealed(value: Wish | Outcome, key: PublicKey, info: bytes) -> str:
    return base64.b64encode(key.seal(msgspec.json.encode(value), info)).decode()


def _opened(text: str, identity: Identity, info: bytes, kind: type[T]) -> T:
    try:
        data = identity.open(base64.b64decode(text, validate=True), info)
        return msgspec.json.decode(data, type=kind)
    except (binascii.Error, msgspec.DecodeError, RecursionError, UnicodeError):
        raise FleetError("expected a sealed camera test, got something else") from None
