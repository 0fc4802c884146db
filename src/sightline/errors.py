"""The tree of errors.

Every error that Sightline raises on purpose stands below `SightlineError` and is also the built-in
error that a caller would expect, so `except ConnectionError` works without knowing us. A message says
what was expected, what came, and where; the camera, epoch and index that it concerns are attributes
too, so that one log line is enough to find the packet.

    SightlineError
    ├─ Closed                 we closed it
    ├─ ConfigError            (ValueError)       a setting or a site file is wrong
    ├─ MissingExtra           (ImportError)      an optional library is not installed
    ├─ WireError              (ValueError)       bytes that are not one of our values
    ├─ BufferFull             (BufferError)      a buffer that was told to raise is full
    ├─ SourceError            (OSError)          a camera or file, they broke it
    │  ├─ Unreachable         (ConnectionError)  nothing answers at that address
    │  ├─ SourceSilent        (TimeoutError)     connected, and nothing comes
    │  ├─ SourceLost          (ConnectionError)  it was live and ended
    │  ├─ AccessDenied        (PermissionError)  wrong or missing user or password
    │  ├─ Untrusted           (ConnectionError)  its certificate is not to be believed
    │  ├─ NoVideo             (ValueError)       no video stream in it
    │  └─ UnknownCodec        (LookupError)      a codec that the installed libav cannot read
    ├─ CodecError             (ValueError)       a decoder cannot be made or used so
    ├─ BusError               (ConnectionError)  a broker, they broke it
    ├─ Unsupported            (OSError, ValueError: io.UnsupportedOperation)
    ├─ ModelError             (RuntimeError)     a model failed to load or to predict
    └─ SinkError              (OSError)          results cannot be written there
"""

from __future__ import annotations

import io


class SightlineError(Exception):
    """An error raised on purpose. `camera_id`, `epoch` and `index` say which packet it concerns."""

    def __init__(
        self,
        message: str,
        *,
        camera_id: str | None = None,
        epoch: int | None = None,
        index: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.camera_id = camera_id
        self.epoch = epoch
        self.index = index

    def __str__(self) -> str:
        named = (("camera", self.camera_id), ("epoch", self.epoch), ("index", self.index))
        where = ", ".join(f"{name} {value}" for name, value in named if value is not None)
        return f"{self.message} ({where})" if where else self.message


class Closed(SightlineError):
    """We closed it: the thing was closed on this side, before or while it was used."""


class ConfigError(SightlineError, ValueError):
    """A setting is wrong; the message names it, what was expected and what came."""


class MissingExtra(SightlineError, ImportError):
    """An optional library is not installed; the message has the command that installs it."""


class WireError(SightlineError, ValueError):
    """Bytes that are not one of our values, or of a version that we do not read."""


class BufferFull(SightlineError, BufferError):
    """A buffer whose policy is to raise is full, or an item would never fit."""


class SourceError(SightlineError, OSError):
    """A camera or a file cannot be read: they broke it."""


class Unreachable(SourceError, ConnectionError):
    """Nothing answers at the address, or no such file."""


class SourceSilent(SourceError, TimeoutError):
    """The other side took the connection and sends nothing."""


class SourceLost(SourceError, ConnectionError):
    """The source was live and ended without being asked to."""


class AccessDenied(SourceError, PermissionError):
    """The user or the password is wrong or missing."""


class Untrusted(SourceError, ConnectionError):
    """The other end of TLS is not, for certain, the one that was asked for."""


class NoVideo(SourceError, ValueError):
    """What was opened holds no video."""


class UnknownCodec(SourceError, LookupError):
    """The codec is not one that the installed libav reads."""


class CodecError(SightlineError, ValueError):
    """A decoder cannot be made for this codec, or was used against its promise."""


class BusError(SightlineError, ConnectionError):
    """A broker refused or broke off."""


class Unsupported(SightlineError, io.UnsupportedOperation):
    """A back end does not have the feature that the message names."""


class ModelError(SightlineError, RuntimeError):
    """A model failed to load, to warm up or to predict."""


class SinkError(SightlineError, OSError):
    """Results cannot be written to where they were to go."""
