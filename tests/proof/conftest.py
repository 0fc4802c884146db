"""Drawn streets as clips whose every access unit is known, and `sightline up` as a process of its own."""

import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest
from tests.conftest import WaitFor

from sightline import Size
from sightline.codec import coded_slices
from sightline.scene import Codec, Scene, encode, write_clip

FPS, GOP, FRAMES = 25, 25, 150


class Street(NamedTuple):
    """A drawn clip. `frames[i]` is the number of the frame in unit `i`; `frame_of` has it by coded slices."""

    path: Path
    camera: int
    codec: Codec
    fps: int
    frames: tuple[int, ...]
    frame_of: dict[bytes, int]


class MakeStreet(Protocol):
    def __call__(self, camera: int, *, codec: Codec = "h264", fps: int = FPS) -> Street: ...


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> MakeStreet:
    """`street(camera, codec=, fps=)` is 150 pictures with that camera's marks, and B-frames between them."""
    folder = tmp_path_factory.mktemp("streets")
    made: dict[tuple[int, Codec, int], Street] = {}

    def make(camera: int, *, codec: Codec = "h264", fps: int = FPS) -> Street:
        wanted = (camera, codec, fps)
        if wanted not in made:
            scene = Scene(size=Size(320, 180), fps=fps, camera=camera, seed=camera)
            path = folder / f"{camera}-{codec}-{fps}.mp4"
            write_clip(scene, path, FRAMES, codec=codec, gop=GOP, b_frames=2)
            units = list(encode(scene, FRAMES, codec=codec, gop=GOP, b_frames=2))
            frame_of = {coded_slices(unit.data, codec): unit.frame for unit in units}
            assert len(frame_of) == FRAMES
            assert [unit.frame for unit in units] != sorted(unit.frame for unit in units)
            made[wanted] = Street(path, camera, codec, fps, tuple(unit.frame for unit in units), frame_of)
        return made[wanted]

    return make


class Up:
    """A running `sightline up`, what it prints, and its end."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *options: str) -> None:
        site = folder / "site.yaml"
        site.write_text(json.dumps(settings))  # JSON is YAML
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        command = [str(Path(sysconfig.get_path("scripts"), "sightline")), *options, "up", str(site)]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def ends(self, timeout_s: float) -> int:
        """The exit code; an error with all that was printed where it takes longer."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"runs after {timeout_s} s: {self.out.read_text()}{self.err.read_text()}")

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


class StartUp(Protocol):
    def __call__(self, settings: Mapping[str, Any], *options: str) -> Up: ...


@pytest.fixture
def up(tmp_path: Path) -> Iterator[StartUp]:
    """`up(settings, *options)` runs `sightline *options up` on a site file with these settings."""
    started: list[Up] = []

    def start(settings: Mapping[str, Any], *options: str) -> Up:
        folder = tmp_path / f"up-{len(started)}"
        folder.mkdir()
        started.append(Up(folder, settings, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def grows(wait_for: WaitFor) -> Callable[[Path, int], None]:
    """`grows(path, lines)` waits until a file has so many lines."""

    def wait(path: Path, lines: int) -> None:
        wait_for(
            lambda: path.exists() and path.read_bytes().count(b"\n") >= lines, 30, f"{lines} lines in {path}"
        )

    return wait
