"""The answer to DESCRIBE: what a camera sends, in SDP (RFC 8866; of each codec, its payload's RFC)."""

from __future__ import annotations

from base64 import b64encode
from typing import Final, NamedTuple

TRACK: Final = "track1"
"""The name of the one medium, behind the camera's."""

_JPEG: Final = 26  # RFC 3551 table 5
_DYNAMIC: Final = 96
_NAMES: Final = {"h264": "H264", "hevc": "H265", "mjpeg": "JPEG"}


class Media(NamedTuple):
    """What a camera sends.

    Attributes:
        codec: FFmpeg's name.
        fps: pictures a second.
        parameter_sets: SPS and PPS of H.264; VPS, SPS and PPS of H.265, one of each; none of JPEG.
    """

    codec: str
    fps: float
    parameter_sets: tuple[bytes, ...]

    @property
    def payload_type(self) -> int:
        return _JPEG if self.codec == "mjpeg" else _DYNAMIC


def describe(media: Media, name: str) -> str:
    """The session of the camera called `name`."""
    kind = media.payload_type
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        f"s={name}",
        "c=IN IP4 0.0.0.0",  # where it goes to is said by SETUP
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",  # live, without an end
        f"m=video 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} {_NAMES[media.codec]}/90000",
        *([f"a=fmtp:{kind} {_format(media)}"] if media.parameter_sets else []),
        f"a=framerate:{media.fps:g}",
        f"a=control:{TRACK}",
    ]
    return "\r\n".join((*lines, ""))


def _format(media: Media) -> str:
    sets = [b64encode(nal).decode() for nal in media.parameter_sets]
    if media.codec == "hevc":  # RFC 7798 7.1
        return ";".join(
            f"sprop-{kind}={text}" for kind, text in zip(("vps", "sps", "pps"), sets, strict=True)
        )
    sps = media.parameter_sets[0]  # RFC 6184 8.1: profile_idc, constraint flags, level_idc
    profile = f"profile-level-id={sps[1:4].hex().upper()}"
    return f"packetization-mode=1;{profile};sprop-parameter-sets={','.join(sets)}"
