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
    │  └─ HubError                               the hub refused; `code` says why
    ├─ CallError              (RuntimeError)     a call of another client's method gave no value
    │  ├─ NoResponder         (LookupError)      nobody serves there, or no such method
    │  ├─ ResponderBusy                          it has as many calls in hand as it takes
    │  ├─ ResponderLost       (ConnectionError)  it went while the call was in flight
    │  ├─ CallTimedOut        (TimeoutError)     no answer came in time
    │  └─ RemoteError                            the method raised
    ├─ Unsupported            (OSError, ValueError: io.UnsupportedOperation)
    ├─ SharingError           (OSError)          memory cannot be shared so
    ├─ ModelError             (RuntimeError)     a model failed to load or to predict
    ├─ SinkError              (OSError)          results cannot be written there
    ├─ FleetError             (RuntimeError)     the fleet refused, or cannot do it
    │  ├─ RuntimeFault                           what runs instances failed, or cannot be asked
    │  └─ StoreError          (OSError)          the fleet's database cannot be read or written
    └─ framequeue.TimeLimitExceeded (TimeoutError)  a handler ran for longer than it may
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


class HubError(BusError):
    """The hub refused. `code` says why, in a word of its protocol: "denied", "missing", "taken", ..."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class CallError(SightlineError, RuntimeError):
    """A call of another client's method gave no value."""


class NoResponder(CallError, LookupError):
    """Nobody serves under that name, or has no such method."""


class ResponderBusy(CallError):
    """The other client has as many calls in hand as it takes; this one was not begun."""


class ResponderLost(CallError, ConnectionError):
    """The other client went while the call was in flight; whether the method ran is not known."""


class CallTimedOut(CallError, TimeoutError):
    """No answer came in time; the method was told to stop."""


class RemoteError(CallError):
    """The method was run by the other client, and raised.

    `type` and `module` name the class of its error there, `message` is what that said, `traceback` the text
    of where, which a printed traceback shows below this one.
    """

    def __init__(
        self, message: str, *, method: str = "", error_type: str = "", module: str = "", traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.method = method
        self.type = error_type
        self.module = module
        self.traceback = traceback
        if traceback:
            self.add_note(f"\nIn {method}, at the other client:\n{traceback}")

    def __str__(self) -> str:
        return f"{self.method}: {self.type}: {self.message}"


class Unsupported(SightlineError, io.UnsupportedOperation):
    """A back end does not have the feature that the message names."""


class SharingError(SightlineError, OSError):
    """Memory cannot be shared: there is not enough, or it is not what its writer said."""


class ModelError(SightlineError, RuntimeError):
    """A model failed to load, to warm up or to predict."""


class SinkError(SightlineError, OSError):
    """Results cannot be written to where they were to go."""


class FleetError(SightlineError, RuntimeError):
    """The fleet refused, or cannot do it; the message says why."""


class RuntimeFault(FleetError):
    """What runs instances, such as Docker, failed or cannot be asked."""


class StoreError(FleetError, OSError):
    """The fleet's database cannot be read or written: no room, no right, or another version's."""
