"""RTSP cameras for tests: clips played over TCP and UDP by a real server (gst-rtsp-server).

Every client sees a mount's clip from its first access unit on, at the clip's pace, with true times where it
has B-frames, and again from the start when it ends. `rtsp_program.py` is the server itself; this module
prepares clips for it, starts it, and passes commands on.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from tools.services.ports import free_port
from tools.services.process import Process, answers_at
from tools.services.service import Service, apt
from tools.services.units import read_units

PYTHON = "/usr/bin/python3"  # the only one that sees the distribution's PyGObject
PROGRAM = Path(__file__).with_name("rtsp_program.py")


@dataclass(frozen=True)
class Mount:
    """One camera of the server.

    `fps` is the clip's own where not given. `codec="mjpeg"` encodes the clip as MJPEG. With `user` and
    `password` it wants a digest login. `loop=False` ends the stream with the clip. A `frozen` one answers
    DESCRIBE, SETUP and PLAY, and sends nothing until it is thawed.
    """

    clip: Path
    fps: Fraction | float | None = None
    codec: str | None = None
    user: str | None = None
    password: str = ""
    loop: bool = True
    frozen: bool = False


class RtspServer:
    """A server with named mounts on a port of its own, which it keeps when it is killed and started again.

    Usable as a context manager: started on entry, stopped on exit.
    """

    def __init__(
        self, folder: Path, mounts: Mapping[str, Path | Mount], *, fps: float | None = None, port: int = 0
    ) -> None:
        """Prepares the clips in `folder`; `fps` is for the mounts that name none.

        Raises:
            ValueError: a clip cannot be served (see `units.read_units`), or a user has two passwords.
        """
        self.port = port or free_port()
        self._mounts = {name: m if isinstance(m, Mount) else Mount(m) for name, m in mounts.items()}
        prepared = {name: _prepare(folder, name, mount, fps) for name, mount in self._mounts.items()}
        settings = {"port": self.port, "users": _users(self._mounts), "mounts": prepared}
        path = folder / "settings.json"
        path.write_text(json.dumps(settings))
        self._process = Process(
            "rtsp", [PYTHON, str(PROGRAM), str(path)], folder, ready=answers_at(self.port)
        )

    @property
    def pid(self) -> int | None:
        """The server's pid, None while it does not run."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server printed: one line a command, and GStreamer's complaints."""
        return self._process.log

    def url(self, name: str, *, login: bool = False) -> str:
        """The address of a mount; with `login`, its user and password in it, quoted (RFC 3986)."""
        mount = self._mounts[name]
        who = (
            f"{quote(mount.user, safe='')}:{quote(mount.password, safe='')}@" if login and mount.user else ""
        )
        return f"rtsp://{who}127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Starts it, on the same port as before, with every mount as it was at first."""
        self._process.start()

    def stop(self) -> None:
        """Ends it; clients see their connections closed."""
        self._process.stop()

    def kill(self) -> None:
        """Ends it as a power cut would (SIGKILL)."""
        self._process.kill()

    def freeze(self, name: str) -> None:
        """From now on the mount's clients stay connected and get no pictures; new ones are answered, too."""
        self._process.tell(f"freeze {self._known(name)}")

    def thaw(self, name: str) -> None:
        """Clients go on where they were, with a gap in the times; those that got nothing yet begin."""
        self._process.tell(f"thaw {self._known(name)}")

    def _known(self, name: str) -> str:
        if name not in self._mounts:
            raise KeyError(f"expected one of the mounts {', '.join(self._mounts)}, got {name}")
        return name

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _prepare(folder: Path, name: str, mount: Mount, fps: float | None) -> dict[str, Any]:
    wanted = mount.fps or fps
    rate = Fraction(wanted).limit_denominator(1001) if wanted else None
    units = read_units(mount.clip, fps=rate, codec=mount.codec)
    data = folder / f"{name}.{units.codec}"
    data.write_bytes(b"".join(units.data))
    return {
        "data": str(data),
        "sizes": [len(unit) for unit in units.data],
        "shown": units.shown,
        "codec": units.codec,
        "width": units.width,
        "height": units.height,
        "fps": units.fps.as_integer_ratio(),
        "loop": mount.loop,
        "frozen": mount.frozen,
        "user": mount.user,
    }


def _users(mounts: Mapping[str, Mount]) -> dict[str, str]:
    users: dict[str, str] = {}
    for name, mount in mounts.items():
        if mount.user and users.setdefault(mount.user, mount.password) != mount.password:
            raise ValueError(f"mount {name}: user {mount.user} has another password at another mount")
    return users


def _look() -> str | None:
    try:
        done = subprocess.run([PYTHON, PROGRAM, "--check"], capture_output=True, timeout=30, check=False)
    except OSError:
        return None
    return f"gst-rtsp-server under {PYTHON}" if done.returncode == 0 else None


RTSP = Service(
    name="rtsp",
    purpose="RTSP cameras (gst-rtsp-server)",
    look=_look,
    install=(
        apt(
            "python3-gi",
            "gir1.2-gst-rtsp-server-1.0",
            "gstreamer1.0-plugins-base",
            "gstreamer1.0-plugins-good",
        ),
    ),
)
