"""The process that looks at a camera: `python -m sightline.fleet.probing.child`, for `looking` alone.

Its standard input has a `Wish`, its standard output an `Outcome`. It ends by itself in time, whatever libav
does, and with whoever began it.
"""

from __future__ import annotations

import math
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sightline.errors import SightlineError
from sightline.fleet.probing.words import MOST_JPEG_BYTES, MOST_S, Outcome, Wish
from sightline.log import hide_secret, redact
from sightline.supervise.child import die_with_parent

if TYPE_CHECKING:
    from sightline.capture import CameraInput
    from sightline.frame import Image

_OPEN_S: Final = 5.0
_WATCH_S: Final = 4.0
_WIDTH: Final = 480
_QUALITIES: Final = (80, 60, 40, 20)


def main() -> int:
    """Answers what it was asked."""
    die_with_parent()
    signal.alarm(math.ceil(MOST_S) + 1)
    wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Wish)
    hide_secret(wish.password or "")
    sys.stdout.buffer.write(msgspec.json.encode(_looked(wish)))
    sys.stdout.flush()
    return 0


def _looked(wish: Wish) -> Outcome:
    from sightline.capture import probe  # noqa: PLC0415 - heavy, once it is known that all is well
    from sightline.capture.probe import facts  # noqa: PLC0415
    from sightline.log import configure  # noqa: PLC0415

    configure("critical")  # the one fault that there can be is the answer
    try:
        report = probe(_input(wish), watch_s=_WATCH_S)
    except (SightlineError, ValueError, OSError) as error:
        if isinstance(error, SightlineError):
            error.camera_id = None  # whoever asked knows which one
        return Outcome(fault=redact(str(error)) or type(error).__name__)
    return Outcome(report=facts(report), jpeg=b"" if report.still is None else _jpeg(report.still))


def _input(wish: Wish) -> CameraInput:
    """As a site's camera is opened, but for a shorter patience. Raises ConfigError, ValueError."""
    from dataclasses import replace  # noqa: PLC0415 - beside what it is for

    from pydantic import ValidationError  # noqa: PLC0415

    from sightline.errors import ConfigError  # noqa: PLC0415
    from sightline.site.camera import Camera  # noqa: PLC0415

    login = {"username": wish.username, "password": wish.password}
    given = {name: value for name, value in login.items() if value is not None}
    try:
        camera = Camera.model_validate({**wish.settings, "url": wish.address, **given})
    except ValidationError as error:
        raise ConfigError(error.errors(include_url=False, include_input=False)[0]["msg"]) from None
    made = camera.as_input(wish.camera_id)
    return replace(
        made,
        open_timeout_s=min(made.open_timeout_s, _OPEN_S),
        read_timeout_s=min(made.read_timeout_s, _OPEN_S),
    )


def _jpeg(still: Image) -> bytes:
    """A small one: b"" where even the plainest is too large."""
    import cv2  # noqa: PLC0415 - where there is a picture

    height, width = still.shape[:2]
    if width > _WIDTH:
        size = (_WIDTH, max(1, round(height * _WIDTH / width)))
        small: Any = cv2.resize(still, size, interpolation=cv2.INTER_AREA)
    else:
        small = still
    for quality in _QUALITIES:
        made: bytes = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(made) <= MOST_JPEG_BYTES:
            return made
    return b""


if __name__ == "__main__":
    sys.exit(main())
