"""What a user says about fake cameras, and what of it cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sightline.errors import ConfigError
from sightline.fakecam.auth import Login, Scheme
from sightline.fakecam.recording import Recording
from sightline.fakecam.source import Source
from sightline.fakecam.street import Street
from sightline.loopback import is_loopback
from sightline.scene import parse_url

MAX_CAMERAS: Final = 1000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class FakeCamera:
    """What one camera shows, and to whom.

    Attributes:
        url: `synthetic://street?...` (see `sightline.scene.parse_url`), or the path of a file with H.264,
            H.265 or JPEG in it.
        username, password: who may look; None for everybody.
        scheme: how the password is asked for: `digest` or `basic`.
        loop: a file begins again at its end; else the camera ends there.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    scheme: Scheme = "digest"
    loop: bool = True

    @property
    def login(self) -> Login | None:
        if self.username is None and self.password is None:
            return None
        return Login(username=self.username or "", password=self.password or "", scheme=self.scheme)

    @property
    def source(self) -> Source:
        """Raises ConfigError for a URL that nothing can be made of."""
        if not self.url.startswith("synthetic:"):
            return Recording(Path(self.url), loop=self.loop)
        wanted = parse_url(self.url)
        if wanted.frames is not None:
            raise ConfigError(f"expected a street without end, got frames={wanted.frames}; a camera has none")
        return Street(wanted.scene, wanted.encoding)


def check(cameras: Mapping[str, FakeCamera], host: str, port: int, session_timeout_s: int) -> None:
    """Raises ConfigError for what a server cannot have, or should not."""
    if not 1 <= len(cameras) <= MAX_CAMERAS:
        raise ConfigError(f"expected 1 to {MAX_CAMERAS} cameras, got {len(cameras)}")
    for name in cameras:
        if not _NAME.fullmatch(name):
            raise ConfigError(f"expected a camera's name of letters, digits, '.', '_' and '-', got {name!r}")
    if not 0 <= port <= 65535:
        raise ConfigError(f"expected a port of 0 to 65535, got {port}")
    if not 1 <= session_timeout_s <= 3600:
        raise ConfigError(f"expected session_timeout_s of 1 to 3600, got {session_timeout_s}")
    strangers = [name for name, camera in cameras.items() if camera.login is None]
    if strangers and not is_loopback(host):
        raise ConfigError(
            f"expected a username and a password for {', '.join(strangers)} to listen on {host}, where others"
            " can reach it, got none; or listen on 127.0.0.1"
        )
