"""What a user says about one camera.

`CameraInput` is checked when it is made, and from then on its `url` has no credentials in it: those that
stood there are fields. The password is told to the redactor and is in no repr, nor is a token of the query.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, TypeAlias

from sightline.capture import tls
from sightline.capture.address import Kind, kind, take_credentials, with_credentials
from sightline.errors import ConfigError
from sightline.log import hide_secret, redact
from sightline.scene.url import frames_of

Transport: TypeAlias = Literal["tcp", "udp"]


@dataclass(frozen=True, kw_only=True)
class CameraInput:
    """One source of video and how to read it.

    Attributes:
        camera_id: its name, in every packet, log line and error.
        url: `rtsp://`, `rtsps://`, `http://`, `https://`, `file://`, `v4l2://`, `synthetic://`, or a path.
        username, password: in the clear, any characters; they win over those in the URL.
        transport: how RTSP carries the pictures.
        tls: over `rtsps://` and `https://`, "verify" that the other end is the host of the URL by its
            certificate, or "trust" whoever answers.
        tls_ca_file: whose certificates are believed, in PEM: authorities, or the camera's own; None: the
            authorities that the machine believes.
        loop: begin a recording again at its end, in a new epoch.
        realtime: play a recording at its own pace and stamp it as a camera (else: as fast as it is taken).
        open_timeout_s: bound of each of the two steps of connecting: reaching it, and learning what it sends.
        read_timeout_s: bound of each call that waits for a packet. Shorter than a picture takes to arrive
            over a slow link it costs pictures: libav forgets what it had of the one it was reading.
        debug: all that happens to it is logged, where its process is told so (`log.configure`).
        stall_after_s: a silence longer than this, and than two GOPs of this camera, breaks the connection.
    """

    camera_id: str
    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: Transport = "tcp"
    tls: tls.Tls = "verify"
    tls_ca_file: Path | None = None
    loop: bool = False
    realtime: bool = False
    open_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    stall_after_s: float = 10.0
    debug: bool = False

    def __post_init__(self) -> None:
        """Moves the credentials out of the URL. Raises ConfigError for settings that cannot work."""
        if not self.camera_id:
            raise ConfigError("expected a camera_id, got an empty one")
        if not self.url:
            raise ConfigError("expected a url, got an empty one", camera_id=self.camera_id)
        address = take_credentials(self.url)
        for name, given in (("username", self.username), ("password", self.password)):
            object.__setattr__(self, name, given if given is not None else getattr(address, name))
        object.__setattr__(self, "url", address.url)
        hide_secret(self.password or "")
        self._check()

    def __repr__(self) -> str:
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
        return redact(f"{type(self).__name__}({', '.join(shown)})")

    @property
    def kind(self) -> Kind:
        return kind(self.url)

    @property
    def is_recording(self) -> bool:
        """Whether it is read as fast as it is taken, and whole."""
        if self.realtime:
            return False
        of = self.kind
        return of in {Kind.FILE, Kind.WEB} or (of is Kind.SYNTHETIC and frames_of(self.url) is not None)

    @property
    def full_url(self) -> str:
        """The URL with the credentials in it: for libav, never to be shown."""
        return with_credentials(self.url, self.username, self.password)

    @property
    def described(self) -> str:
        """The source in words for errors: its URL, and the user that it was asked as."""
        url = redact(self.url)  # a query may hold a token
        return f"{url} as user {self.username!r}" if self.username else url

    def _check(self) -> None:
        if self.username is not None and ":" in self.username:
            # RFC 7617 section 2; it is not shown, as what follows the colon may well be the password
            raise ConfigError("expected a username without ':', got one with it", camera_id=self.camera_id)
        if self.password is not None and self.username is None:
            raise ConfigError("expected a username with the password, got none", camera_id=self.camera_id)
        if self.transport not in {"tcp", "udp"}:
            raise ConfigError(
                f"expected transport tcp or udp, got {self.transport!r}", camera_id=self.camera_id
            )
        tls.check(self)
        for name in ("open_timeout_s", "read_timeout_s", "stall_after_s"):
            if not 0 < getattr(self, name) <= 3600:
                raise ConfigError(
                    f"expected {name} of more than 0 and at most 3600, got {getattr(self, name)}",
                    camera_id=self.camera_id,
                )
