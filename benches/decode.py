"""A 1080p file to pictures: every one, ten a second, one a second.

Ours is the whole way: `Capture` of the file, unpaced, into a `Decoder`. ffmpeg and OpenCV read the same
file. OpenCV's loop is what most programs do: read every picture, use some.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2

from benches.bench import CPU, FRAMES, OURS, WALL, Bench, Missing, Scale, Work, WrongWork
from benches.clips import DESCRIPTION, FPS, clip, ffmpeg
from benches.measuring import Spent, spent
from benches.pairing import Aim, Figures
from sightline.capture import CameraInput, Capture
from sightline.codec import Decoder
from sightline.frame import Frame
from sightline.packet import Packet

_PATIENCE_S = 300.0


class Used:
    """Frames as a program has them: counted, and each kept until it has the next."""

    def __init__(self) -> None:
        self.count = 0
        self._last: Frame | None = None

    def take(self, frames: list[Frame]) -> None:
        for frame in frames:
            self.count += 1
            self._last = frame


def play(path: Path, deliver: Callable[[Packet], None]) -> None:
    """Captures a file as fast as `deliver` takes it, to its end. Raises WrongWork where it broke."""
    capture = Capture(CameraInput(camera_id="bench", url=str(path)), deliver)
    capture.start()
    ended = capture.wait_done(_PATIENCE_S)
    fault, failed = capture.fault, capture.status().counts.failed
    capture.stop()
    if not ended or fault is not None or failed:
        raise WrongWork(f"the capture of {path.name} broke: ended {ended}, {fault}, {failed} packets refused")


def figures(cost: Spent, scale: Scale, rate: float | None, frames: int) -> Figures:
    """Those of a turn over the clip. Raises WrongWork where `frames` are not what `rate` asks for."""
    expected = round((rate or FPS) * scale.clip_s)
    if abs(frames - expected) > (0 if rate is None else 1):  # a grid of slots may begin where it likes
        raise WrongWork(f"expected {expected} frames, got {frames}")
    return {CPU: cost.cpu_s * 60 / scale.clip_s, WALL: cost.wall_s, FRAMES: frames}


def ours(rate: float | None) -> Work:
    """Capture and decode at `rate`."""

    def work(scale: Scale) -> Figures:
        path, begin = clip(scale.clip_s), spent()
        decoder, used = Decoder(rate=rate), Used()
        play(path, lambda packet: used.take(decoder.feed(packet)))
        used.take(decoder.flush())
        decoder.close()
        return figures(spent().since(begin), scale, rate, used.count)

    return work


def opencv(rate: float | None) -> Work:
    """Read everything, use `rate` pictures a second."""

    def work(scale: Scale) -> Figures:
        path, begin = clip(scale.clip_s), spent()
        reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        every, read, used = FPS / (rate or FPS), 0, 0
        found, _image = reader.read()  # a program has the picture until it has the next
        while found:
            used += read >= used * every
            read += 1
            found, _image = reader.read()
        reader.release()
        return figures(spent().since(begin), scale, rate, used)

    return work


def ffmpeg_to_bgr(scale: Scale) -> Figures:
    """The program, on one thread. The kernel throws its pixels away."""
    path, begin = clip(scale.clip_s), spent()
    reading = [ffmpeg(), "-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "1", "-i", str(path)]
    subprocess.run([*reading, "-f", "rawvideo", "-pix_fmt", "bgr24", "-y", "/dev/null"], check=True)
    # It gives no count, and ends with an error where it fails.
    return figures(spent().since(begin), scale, None, FPS * scale.clip_s)


def needs(scale: Scale) -> None:
    """The clip. Raises Missing."""
    try:
        clip(scale.clip_s)
        ffmpeg()
    except subprocess.CalledProcessError as error:
        raise Missing(f"an ffmpeg that makes the clip: it ended with {error.returncode}") from None


_NOTES = (
    f"The clip: {DESCRIPTION}.",
    "sightline: `Capture` of the file, unpaced, into `Decoder`.",
    "opencv: `VideoCapture.read()` until the end, on as many threads as it likes.",
    "Opening the file is in the figures; starting Python and importing is not.",
)
_FFMPEG = "ffmpeg: `-threads 1 -i CLIP -f rawvideo -pix_fmt bgr24 /dev/null`, the whole process."

BENCHES = (
    Bench(
        name="decode-full",
        title="A 1080p file to BGR, every picture",
        contenders={OURS: ours(None), "ffmpeg": ffmpeg_to_bgr, "opencv": opencv(None)},
        aims=(Aim(OURS, CPU, 1.1, "ffmpeg"), Aim(OURS, CPU, 1.1, "opencv")),
        notes=(*_NOTES, _FFMPEG),
        needs=needs,
    ),
    Bench(
        name="decode-10",
        title="A 1080p file to BGR, 10 of its 25 pictures a second",
        contenders={OURS: ours(10), "opencv": opencv(10)},
        aims=(Aim(OURS, CPU, 0.72, "opencv"),),
        notes=_NOTES,
        needs=needs,
    ),
    Bench(
        name="decode-1",
        title="A 1080p file to BGR, one picture a second",
        contenders={OURS: ours(1), "opencv": opencv(1)},
        aims=(Aim(OURS, CPU, 0.22, "opencv"),),
        notes=_NOTES,
        needs=needs,
    ),
)
