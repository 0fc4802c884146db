"""Which device decodes a codec's pictures, if any.

`hwaccel` says what is wanted: "none" is software; "auto" is the first device that libav has for the codec and
that this machine really has; a device's name, such as "cuda", is that one. Where there is none, software
decodes: a machine whose driver broke loses speed, not its cameras. The log says once for each codec what was
found, and the statistics of every decoder name it.

Does not do: telling whether a device takes this very stream. libav finds that out at its first picture, and
then decodes in software by itself. AV1 is always decoded in software.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import av
from av.codec.codec import Codec, UnknownCodecError
from av.codec.hwaccel import HWAccel, hwdevices_available

from sightline.errors import ConfigError
from sightline.log import get_logger

SOFTWARE: Final = "software"


def checked_hwaccel(name: str) -> str:
    """`name`. Raises ConfigError where it is neither none, auto, nor a device that libav was built with."""
    known = ("none", "auto", *hwdevices_available())
    if name not in known:
        raise ConfigError(f"expected hwaccel to be one of {', '.join(known)}, got {name!r}")
    return name


@cache
def device_for(decoder: str, hwaccel: str) -> str | None:
    """The device on which libav's `decoder` is to run; None: software. Looked for once a process."""
    if hwaccel == "none":
        return None
    wanted = (name for name in _offered(decoder) if hwaccel in {"auto", name})
    found = next((name for name in wanted if _is_here(name, decoder)), None)
    log = get_logger("sightline.codec")
    say = log.warning if found is None and hwaccel != "auto" else log.info
    say("decoding", codec=decoder, hwaccel=hwaccel, on=found or SOFTWARE)
    return found


def _offered(decoder: str) -> list[str]:
    """The devices that libav can run this decoder on."""
    try:
        return [one.device_type.name for one in Codec(decoder, "r").hardware_configs if one.is_supported]
    except UnknownCodecError:
        return []


def _is_here(device: str, decoder: str) -> bool:
    """Whether the machine has it: libav opens the device when the decoder is made."""
    try:
        return bool(av.CodecContext.create(decoder, "r", hwaccel=HWAccel(device)).is_hwaccel)
    except av.FFmpegError:  # no such device, no driver for it, or no right to use it
        return False
