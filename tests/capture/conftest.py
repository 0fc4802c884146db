"""Captures that run in tests, and files for them to read."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.capture.tls import HERE, Authority, TlsFront
from tests.capture.web import Web
from tests.conftest import WaitFor

from sightline.capture import CameraInput, CameraStatus, Capture
from sightline.packet import Packet


class Running:
    """A capture that keeps what it delivers."""

    def __init__(
        self, camera: CameraInput, wait_for: WaitFor, deliver: Callable[[Packet], None] | None
    ) -> None:
        self.packets: list[Packet] = []
        self._wait_for = wait_for
        self._deliver = deliver
        self.capture = Capture(camera, self._take)
        self.capture.start()

    def _take(self, packet: Packet) -> None:
        self.packets.append(packet)
        if self._deliver is not None:
            self._deliver(packet)

    @property
    def status(self) -> CameraStatus:
        return self.capture.status()

    @property
    def epochs(self) -> list[int]:
        return sorted({packet.epoch for packet in self.packets})

    def until(self, state: str, timeout_s: float = 10.0) -> CameraStatus:
        """Waits until it is in `state`."""
        self._wait_for(lambda: self.status.state == state, timeout_s, f"state {state}, not {self.status}")
        return self.status

    def has(self, packets: int, timeout_s: float = 10.0) -> list[Packet]:
        """Waits for so many packets."""
        self._wait_for(lambda: len(self.packets) >= packets, timeout_s, f"{packets} packets: {self.status}")
        return list(self.packets)

    def finished(self, timeout_s: float = 20.0) -> list[Packet]:
        """Waits for its end."""
        assert self.capture.wait_done(timeout_s), self.status
        return list(self.packets)


class Run(Protocol):
    def __call__(
        self, url: object, *, deliver: Callable[[Packet], None] | None = None, **settings: Any
    ) -> Running: ...


@pytest.fixture
def run(no_leaks: None, wait_for: WaitFor) -> Iterator[Run]:
    """`run(url, **settings)` captures it; at the end each is stopped, and nothing may be left behind."""
    running: list[Running] = []

    def start(url: object, *, deliver: Callable[[Packet], None] | None = None, **settings: Any) -> Running:
        camera = CameraInput(**{"camera_id": f"cam{len(running)}", "url": str(url), **settings})
        running.append(Running(camera, wait_for, deliver))
        return running[-1]

    yield start
    for one in running:
        one.capture.stop()


@pytest.fixture
def web() -> Iterator[Callable[[Path], str]]:
    """`web(folder)` is the URL under which its files are served."""
    with ExitStack() as serving:
        yield lambda folder: serving.enter_context(Web(folder)).url


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), found_at("openssl"))


@pytest.fixture
def front(no_leaks: None, authority: Authority) -> Iterator[Callable[..., int]]:
    """`front(port, names)`: the port of a TLS server before another one, with a certificate for `names`."""
    with ExitStack() as running:
        yield (
            lambda port, names=HERE, **how: (
                running.enter_context(TlsFront(port, authority.certificate(names, **how))).port
            )
        )


class Make(Protocol):
    def __call__(self, name: str, *options: str) -> Path: ...


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """`make_clip("name.mp4", "-c:v", "libx264", ...)` is 2 s of ffmpeg's test picture, 320x240 at 25/s."""
    folder = tmp_path_factory.mktemp("clips")
    lock = threading.Lock()

    def make(name: str, *options: str) -> Path:
        path = folder / name
        with lock:
            if not path.exists():
                source = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2")
                subprocess.run(
                    ["ffmpeg", "-v", "error", *source, *options, str(path)], check=True, timeout=60
                )
        return path

    return make


@pytest.fixture
def h264_clip(make_clip: Make) -> Path:
    """50 pictures, a keyframe every 10, two B-frames between others."""
    return make_clip("h264.mp4", "-c:v", "libx264", "-g", "10", "-bf", "2")
