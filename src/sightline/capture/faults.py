"""What libav says when a source cannot be opened or read, in words.

Promises: a message names what was asked and as which user, and never the password; the libav error is
not chained to ours, because its text holds the full URL.

libav names faults poorly: a peer that accepts and stays silent is "invalid data" over RTSP and "exit"
elsewhere, so that silence is told by the time that passed; a name that does not resolve is an
"input/output error".
"""

from __future__ import annotations

import errno
import ssl
from typing import Final
from urllib.error import HTTPError

import av.error

from sightline.capture import tls
from sightline.capture.address import Kind
from sightline.capture.camera import CameraInput
from sightline.errors import (
    AccessDenied,
    NoVideo,
    SightlineError,
    SourceError,
    SourceLost,
    SourceSilent,
    UnknownCodec,
    Unreachable,
    Unsupported,
)
from sightline.log import redact

_NONSENSE: Final = (av.error.InvalidDataError, EOFError)
_DENIED: Final = (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
_NO_CODEC: Final = "the installed libav cannot read the codec of {what}"

# The first row that fits. `said` are libav's own words.
_ON_OPEN: Final[tuple[tuple[tuple[type[BaseException], ...], type[SightlineError], str], ...]] = (
    ((PermissionError,), AccessDenied, "not allowed to read {what}"),
    ((av.error.HTTPNotFoundError,), Unreachable, "the server has no such stream: {what}"),
    # RTSP 454 to 461 (RFC 2326 11.3): what a server says to who asks for the video of what has sound alone.
    (
        (av.error.HTTPOtherClientError,),
        Unreachable,
        "the server refuses to play {what}: it has no video, or not over this transport",
    ),
    ((FileNotFoundError,), Unreachable, "no such file: {what}"),
    ((IsADirectoryError,), NoVideo, "expected a file, found a folder: {what}"),
    ((av.error.DecoderNotFoundError,), UnknownCodec, _NO_CODEC),
    (
        (av.error.ProtocolNotFoundError, av.error.DemuxerNotFoundError),
        Unsupported,
        "the installed libav cannot open {what}: {said}",
    ),
    ((av.error.FFmpegError,), Unreachable, "no connection to {what}: {said}"),
)


def on_open(error: av.error.FFmpegError, camera: CameraInput, elapsed_s: float) -> SightlineError:
    """The error to raise where `camera` could not be opened; `elapsed_s` is how long libav tried."""
    what, camera_id = camera.described, camera.camera_id
    # libav's clock and ours begin a little apart.
    if isinstance(error, av.error.ExitError) or elapsed_s >= camera.open_timeout_s - 0.05:
        return SourceSilent(f"no answer within {elapsed_s:.1f} s from {what}", camera_id=camera_id)
    if isinstance(error, _DENIED):
        forbidden = isinstance(error, av.error.HTTPForbiddenError)
        return AccessDenied(_denied(camera, forbidden=forbidden), camera_id=camera_id)
    if isinstance(error, _NONSENSE):
        return _nonsense(camera)
    if error.errno == errno.EIO and camera.kind is not Kind.FILE:  # so it is for a wrong name, and all of TLS
        unknown = Unreachable(f"unknown host or broken network: {what}", camera_id=camera_id)
        return tls.fault(camera) or unknown
    kind, words = next((kind, words) for kinds, kind, words in _ON_OPEN if isinstance(error, kinds))
    return kind(words.format(what=what, said=_said(error)), camera_id=camera_id)


def on_read(error: av.error.FFmpegError, camera: CameraInput) -> SourceError:
    """The error to raise where `camera` was open and broke off."""
    what, camera_id = camera.described, camera.camera_id
    if isinstance(error, av.error.ExitError):
        return SourceSilent(f"nothing came for {camera.read_timeout_s:g} s from {what}", camera_id=camera_id)
    return SourceLost(f"broken off by {what}: {_said(error)}", camera_id=camera_id)


def on_fetch(error: Exception | None, camera: CameraInput) -> SightlineError:
    """The error to raise where Python could not fetch a list, or what it names."""
    what, camera_id = camera.described, camera.camera_id
    reason = getattr(error, "reason", error)  # what urllib wraps
    if isinstance(reason, ssl.SSLCertVerificationError):
        return tls.untrusted(reason, camera)
    if isinstance(error, HTTPError) and error.code in {401, 403}:
        return AccessDenied(_denied(camera, forbidden=error.code == 403), camera_id=camera_id)
    if isinstance(error, HTTPError) and error.code == 404:
        return Unreachable(f"the server has no such stream: {what}", camera_id=camera_id)
    if isinstance(reason, TimeoutError):
        return SourceSilent(f"no answer within {camera.read_timeout_s:g} s from {what}", camera_id=camera_id)
    unknown = Unreachable(f"no connection to {what}: {redact(str(reason)).lower()}", camera_id=camera_id)
    return tls.fault(camera) or unknown


def lost(camera: CameraInput, *, playlist: bool) -> SourceLost:
    """For what has no end of its own, and ended; by libav's word a playlist also where it stood still."""
    why = f", or no new segment for {camera.read_timeout_s:g} s" if playlist else ""
    return SourceLost(f"ended by {camera.described}{why}", camera_id=camera.camera_id)


def no_video(camera: CameraInput, found: str) -> NoVideo:
    return NoVideo(f"expected video, found {found} in {camera.described}", camera_id=camera.camera_id)


def unknown_codec(camera: CameraInput) -> UnknownCodec:
    return UnknownCodec(_NO_CODEC.format(what=camera.described), camera_id=camera.camera_id)


def no_device(camera: CameraInput) -> Unsupported:
    return Unsupported(
        f"the installed PyAV has no V4L2, which {camera.described} needs; one built from source"
        " against an FFmpeg that has it reads it: pip install --no-binary av av",
        camera_id=camera.camera_id,
    )


def _denied(camera: CameraInput, *, forbidden: bool) -> str:
    if camera.username is None:
        return f"{camera.described} asks for a user and a password, and none are set"
    if forbidden:
        return f"not allowed to see {camera.described}"
    return f"wrong user or password for {camera.described}"


def _nonsense(camera: CameraInput) -> SourceError:
    if camera.kind is Kind.CAMERA:  # so a server says that is not ready yet, too
        return Unreachable(f"no RTSP is spoken by {camera.described}", camera_id=camera.camera_id)
    return no_video(camera, "nothing that can be read")


def _said(error: av.error.FFmpegError) -> str:
    """What libav said, without the file name, which is the full URL."""
    return (error.strerror or type(error).__name__).lower()
