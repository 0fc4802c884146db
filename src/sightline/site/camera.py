"""The cameras of a site file. What passes here, capture takes: it is asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from sightline.bus import Stream
from sightline.capture import CameraInput, Kind
from sightline.capture.address import kind, take_credentials
from sightline.errors import ConfigError
from sightline.log import hide_secret
from sightline.scene.url import frames_of
from sightline.site.section import Section, SitePath, Text, beside_site, complete, scheme_of

SCHEMES: Final = ("rtsp", "rtsps", "http", "https", "file", "v4l2", "synthetic")
_WITH_HOST: Final = ("rtsp", "rtsps", "http", "https")
_RECORDINGS: Final = (".avi", ".flv", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm")


def _url(text: str, info: ValidationInfo) -> str:
    scheme = scheme_of(text, SCHEMES)
    if scheme is None:
        return str(beside_site(Path(text), info))
    if scheme in _WITH_HOST and re.search(r"://[^/?#]", text) is None:
        raise complete(f'expected a host after "{scheme}://"')
    if scheme == "synthetic":
        try:
            frames_of(text)
        except ConfigError as error:
            raise complete(error.message) from None
    return text


class Camera(Section):
    """One camera, or a file in its place. Credentials may stand in the URL, or be keys of their own."""

    url: Annotated[Text, AfterValidator(_url)] = Field(
        description="Where its pictures come from: rtsp://, rtsps://, http://, https://, synthetic://, "
        "v4l2:///dev/video0, or a file. A relative path is meant from the site file's folder."
    )
    detect_url: Annotated[Text, AfterValidator(_url)] | None = Field(
        None,
        description="Where a smaller stream of the same camera comes from, for models alone, with the same "
        "login; everything else, such as clips, is of url.",
    )
    username: Text | None = Field(None, description="The user to log in as. Any characters but a colon.")
    password: SecretStr | None = Field(
        None, description='The password to log in with; better "${NAME}" than the password itself.'
    )
    transport: Literal["tcp", "udp"] = Field("tcp", description="What RTSP carries its packets over.")
    tls: Literal["verify", "trust"] = Field(
        "verify",
        description="Over rtsps:// and https://: verify by its certificate that it is the host of the URL, "
        "or trust whoever answers.",
    )
    tls_ca_file: SitePath | None = Field(
        None,
        description="A PEM file of the certificates to believe: authorities, or the camera's own; those that "
        "the machine believes when left out.",
    )
    loop: bool = Field(False, description="Whether a file begins again when it ends.")
    realtime: bool | None = Field(
        None,
        description="Whether a recording plays at its own pace, as a camera would, or as fast as it is used "
        "(false). Left out, a file does the latter, and what may be a camera behind http:// the former.",
    )
    enabled: bool = Field(True, description="Whether to open it at all.")
    term: int = Field(
        0,
        ge=0,
        le=2**63 - 1,
        description="Set by a fleet, and carried by each result: of two machines that look at a camera, the "
        "results of the higher term hold, so that a late one does no harm.",
    )
    open_timeout_s: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="Seconds for each of two steps of connecting: reaching it, and learning what it sends.",
    )
    read_timeout_s: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="Seconds that one wait for a packet may take; not less than a picture takes to arrive.",
    )
    stall_after_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="Seconds of silence, if they are more than two GOPs, after which it is connected anew.",
    )
    debug: bool = Field(
        False,
        description="Whether the log says all that happens to it: each state that it comes into, and in a "
        "fleet how it does, every five seconds.",
    )

    @field_validator("username")
    @classmethod
    def _without_colon(cls, username: str | None) -> str | None:
        if username and ":" in username:  # RFC 7617 section 2; and what follows may well be the password
            raise complete("expected a user without a colon; the password is a key of its own")
        return username

    @model_validator(mode="after")
    def _taken_by_capture(self) -> Self:
        try:
            taken = self.as_input("-")
        except ConfigError as error:
            raise complete(error.message) from None
        # Credentials that stood in the URL become fields, so that the URL may be shown.
        password = None if taken.password is None else SecretStr(taken.password)
        for name, value in (("url", taken.url), ("username", taken.username), ("password", password)):
            object.__setattr__(self, name, value)
        return self

    @model_validator(mode="after")
    def _one_login_for_both(self) -> Self:
        if self.detect_url is None:
            return self
        address = take_credentials(self.detect_url)
        hide_secret(address.password or "")
        login = self.username, self.password and self.password.get_secret_value()
        if address.username is not None and (address.username, address.password) != login:
            raise complete("expected detect_url without a login or with that of url; one is used for both")
        object.__setattr__(self, "detect_url", address.url)
        return self

    def as_input(self, camera_id: str, stream: Stream = "main") -> CameraInput:
        """What capture is told of it or of the stream beside it, the password in the clear."""
        settings = {name: getattr(self, name) for name in type(self).model_fields}
        for name in ("enabled", "detect_url", "term"):
            del settings[name]
        settings["url"] = url = self.url if stream == "main" or self.detect_url is None else self.detect_url
        # A web address may turn out to be a recording only once it is open: then it plays as a camera does.
        settings["realtime"] = bool(self.realtime) or (kind(url) is Kind.WEB and not self._is_recording(url))
        password = settings.pop("password")
        return CameraInput(camera_id=camera_id, password=password and password.get_secret_value(), **settings)

    @property
    def streams(self) -> tuple[Stream, ...]:
        return ("main",) if self.detect_url is None else ("main", "detect")

    @property
    def is_live(self) -> bool:
        """Whether models get its pictures at its own pace, so that whoever is slow must let some go."""
        return bool(self.realtime) or not self._is_recording(self.detect_url or self.url)

    def _is_recording(self, url: str) -> bool:
        of = kind(url)
        if of is Kind.WEB:
            return self.realtime is False or urlsplit(url).path.lower().endswith(_RECORDINGS)
        return of is Kind.FILE or (of is Kind.SYNTHETIC and frames_of(url) is not None)
