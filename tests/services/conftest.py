"""Small clips with B-frames, made once."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

FRAMES = 40
WIDTH, HEIGHT = 192, 112


def encode(path: Path, encoder: str, options: dict[str, str]) -> Path:
    """A clip of a bright bar that moves right, `FRAMES` pictures at 25 a second."""
    with av.open(path, "w") as container:
        stream = container.add_stream(encoder, rate=25, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
            picture[:, index * 4 : index * 4 + 16] = 255
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same clip as h264.mp4, raw.h264 and hevc.mp4, all with B-frames."""
    folder = tmp_path_factory.mktemp("made")
    x264 = {"bf": "2", "g": "10", "b_strategy": "0"}
    encode(folder / "h264.mp4", "libx264", x264)
    encode(folder / "raw.h264", "libx264", x264)
    encode(folder / "hevc.mp4", "libx265", {"x265-params": "log-level=none:bframes=2:b-adapt=0:keyint=10"})
    return folder
