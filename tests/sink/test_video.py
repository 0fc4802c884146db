"""Annotated video: played back by libav and by ffmpeg, whole after a kill and a full disk."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import av
import msgspec
import numpy as np
import pytest

from sightline import Detection, Frame, Result
from sightline.errors import Closed, MissingExtra, SinkError
from sightline.frame import Image
from sightline.sink import open_sink
from sightline.sink.annotate import colour_of
from sightline.sink.video import Video, file_name

pytest.importorskip("supervision")

MakeShown = Callable[..., tuple[Result, Frame]]
DiskOf = Callable[[int], AbstractContextManager[None]]
WaitFor = Callable[[Callable[[], object], float, str], object]

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from conftest import shown_of
from sightline.sink import open_sink
sink = open_sink("video", path=sys.argv[1])
index = 0
while True:
    for camera in ("gate", "yard"):
        sink.write(*shown_of(camera, index))
    index += 1
"""


def pictures(path: Path) -> list[tuple[float, Image]]:
    """The time in seconds and the picture of every frame of a file."""
    with av.open(str(path)) as container:
        return [
            (
                float(frame.pts * frame.time_base),
                frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False),
            )
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def moved(shown: tuple[Result, Frame], at_s: float, *, epoch: int = 1) -> tuple[Result, Frame]:
    """The same at another time, counted from the first's."""
    result, frame = shown
    changes = {"captured_at_ns": 1_700_000_000_000_000_000 + round(at_s * 1e9), "epoch": epoch}
    fields = {name: getattr(frame, name) for name in Frame.__slots__}
    return msgspec.structs.replace(result, **changes), Frame(**(fields | changes))


def is_colour(picture: Image, colour: tuple[int, int, int]) -> Any:
    """Where a picture has about this colour: video keeps a quarter of the colours, and those roughly."""
    return (np.abs(picture.astype(int) - colour) < 40).all(axis=2)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_each_camera_has_a_file_with_its_pictures_and_what_was_seen(
    no_leaks: None, tmp_path: Path, make_shown: MakeShown, codec: str
) -> None:
    sink = open_sink("video", path=str(tmp_path / "new" / "films"), codec=codec)
    for index in range(12):
        for camera in ("gate", "yard"):
            sink.write(*make_shown(camera, index, width=1200, height=216))
    sink.close()
    sink.close()
    names = sorted(path.name for path in (tmp_path / "new" / "films").iterdir())
    assert names == ["gate-20231114T221320.000Z.mp4", "yard-20231114T221320.000Z.mp4"]
    for name in names:
        with av.open(str(tmp_path / "new" / "films" / name)) as container:
            assert container.streams.video[0].codec_context.name == codec
        shown = pictures(tmp_path / "new" / "films" / name)
        assert [at for at, _ in shown] == pytest.approx([index / 10 for index in range(12)], abs=1e-4)
        for index, (_, picture) in enumerate(shown):
            assert picture.shape == (216, 1200, 3)
            x = 10 + 5 * index
            assert picture[48:56, x + 6 : x + 14].min() > 200  # the white square, within its box
            frame_of_box = is_colour(picture, colour_of("square"))
            assert frame_of_box[41:59, x - 1 : x + 2].any(axis=1).mean() > 0.7
            assert picture[200, 300].max() < 150  # nothing elsewhere


def test_pictures_stand_at_their_own_times(tmp_path: Path, make_shown: MakeShown) -> None:
    times = [0, 0.04, 0.5, 0.5, 0.45, 3.25, 3.29, 9, 9.001]  # a gap, twice the same, a clock that drifts back
    sink = Video(tmp_path)
    for at_s in times:
        sink.write(*moved(make_shown(), at_s))
    sink.close()
    (path,) = tmp_path.iterdir()
    wanted = [0, 0.04, 0.5, 0.5, 0.5, 3.25, 3.29, 9, 9.001]
    got = [at for at, _ in pictures(path)]
    assert got == pytest.approx(wanted, abs=1e-4)
    assert got == sorted(set(got))


def test_a_new_epoch_size_hour_or_a_clock_set_back_begins_a_new_file(
    tmp_path: Path, make_shown: MakeShown
) -> None:
    sink = Video(tmp_path, max_file_s=60)
    small, large = make_shown(), make_shown(width=384, height=216)
    sink.write(*moved(small, 0))
    sink.write(*moved(small, 59.9))
    sink.write(*moved(small, 60))
    sink.write(*moved(small, 61, epoch=2))
    sink.write(*moved(large, 62, epoch=2))
    sink.write(*moved(large, 30, epoch=2))
    sink.write(*moved(large, 30.1, epoch=2))
    sink.close()
    films = {path.name.partition("T")[2]: len(pictures(path)) for path in tmp_path.iterdir()}
    assert films == {
        "221320.000Z.mp4": 2,
        "221420.000Z.mp4": 1,
        "221421.000Z.mp4": 1,
        "221422.000Z.mp4": 1,
        "221350.000Z.mp4": 2,
    }


def test_nothing_is_replaced_and_any_name_is_one_file(tmp_path: Path, make_shown: MakeShown) -> None:
    for _ in range(3):
        sink = Video(tmp_path)
        sink.write(*make_shown("../yard"))
        sink.close()
    names = [f"%2E.%2Fyard-20231114T221320.000Z{end}.mp4" for end in ("", "-2", "-3")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert file_name("gate.2", 1_795_000_000_007_000_000) == "gate.2-20261118T110640.007Z"


def test_wide_pictures_are_scaled_with_their_boxes(tmp_path: Path, make_shown: MakeShown) -> None:
    seen = Detection(label="cat", score=0.5, x1=400, y1=200, x2=800, y2=600)
    sink = Video(tmp_path, max_width=801)
    sink.write(*make_shown(detections=(seen,), width=1602, height=902, shade=0))
    sink.close()
    (path,) = tmp_path.iterdir()
    ((_, picture),) = pictures(path)
    assert picture.shape == (452, 802, 3)  # 801 x 451, and encoders need even sides
    coloured = np.argwhere(is_colour(picture, colour_of("cat")))
    assert coloured.max(axis=0) == pytest.approx((300, 400), abs=4)
    assert picture[250, 300].max() < 30


def test_the_way_of_a_tracked_thing_is_drawn(tmp_path: Path, make_shown: MakeShown) -> None:
    def seen(index: int, track_id: int | None) -> tuple[Detection, ...]:
        x = 40 + 20 * index
        return (Detection(label="cat", score=1, x1=x, y1=100, x2=x + 20, y2=120, track_id=track_id),)

    way: dict[str, float] = {}
    for name, track_id in (("tracked", 4), ("untracked", None)):
        sink = Video(tmp_path / name)
        for index in range(8):
            sink.write(*make_shown("gate", index, seen(index, track_id), width=384, height=216, shade=0))
        sink.write(*make_shown("gate", 8, (), width=384, height=216, shade=0))
        sink.write(*make_shown("gate", 9, seen(9, track_id), width=384, height=216, shade=0))
        sink.close()
        (path,) = (tmp_path / name).iterdir()
        _, last = pictures(path)[-1]
        way[name] = last[108:113, 60:200].max(axis=(0, 2)).astype(float).mean()
    assert way["tracked"] > 150
    assert way["untracked"] < 30


@pytest.mark.needs("ffmpeg")
def test_a_killed_process_leaves_films_that_play(
    tmp_path: Path, wait_for: WaitFor, found_at: Callable[[str], str]
) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, Path(__file__).parent])
    try:
        wait_for(
            lambda: sum(path.stat().st_size > 20_000 for path in tmp_path.glob("*.mp4")) == 2, 60, "some film"
        )
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for path in tmp_path.iterdir():
        shown = pictures(path)
        assert len(shown) > 50
        assert [at for at, _ in shown] == pytest.approx([index / 10 for index in range(len(shown))], abs=1e-4)
        command = [found_at("ffmpeg"), "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"]
        played = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (played.returncode, played.stderr) == (0, "")


def ends_with_a_whole_box(path: Path) -> bool:
    """Each begins with its length in four bytes (ISO/IEC 14496-12, 4.2)."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        at += int.from_bytes(data[at : at + 4])
    return at == len(data)


def test_it_plays_up_to_the_last_second_while_it_grows(tmp_path: Path, make_shown: MakeShown) -> None:
    sink = Video(tmp_path)
    for index in range(40):  # four seconds, and no keyframe but the first
        sink.write(*make_shown(index=index))
    (path,) = tmp_path.iterdir()
    assert len(pictures(path)) >= 29
    sink.close()
    assert len(pictures(path)) == 40


def noisy(make_shown: MakeShown, index: int) -> tuple[Result, Frame]:
    result, frame = make_shown(index=index)
    frame.image[:] = np.random.default_rng(index).integers(0, 256, frame.image.shape)
    return result, frame


def write_for_ever(sink: Video, make_shown: MakeShown) -> NoReturn:
    for index in count():
        sink.write(*noisy(make_shown, index))
    raise AssertionError


def test_a_full_disk_is_told_counted_and_survived(
    no_leaks: None, tmp_path: Path, make_shown: MakeShown, disk_of: DiskOf
) -> None:
    sink = Video(tmp_path)
    with disk_of(100_000), pytest.raises(SinkError, match=f"to {tmp_path}: File too large"):
        write_for_ever(sink, make_shown)
    index = sink.written
    (before,) = tmp_path.iterdir()
    whole = len(pictures(before))
    assert 1 <= whole <= index
    assert ends_with_a_whole_box(before)
    with disk_of(0):
        for more in range(2):
            with pytest.raises(SinkError, match="File too large"):
                sink.write(*noisy(make_shown, index + 1 + more))
    assert list(tmp_path.iterdir()) == [before]  # no empty files
    sink.write(*noisy(make_shown, index + 3))
    sink.close()
    assert (sink.written, sink.failed) == (index + 1, 3)
    (after,) = set(tmp_path.iterdir()) - {before}
    assert (len(pictures(before)), len(pictures(after))) == (whole, 1)


def test_a_disk_that_is_full_at_the_end_is_told_and_all_is_given_back(
    no_leaks: None, tmp_path: Path, make_shown: MakeShown, disk_of: DiskOf
) -> None:
    sink = Video(tmp_path)
    for camera in ("gate", "yard"):
        sink.write(*make_shown(camera))
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    with disk_of(size), pytest.raises(SinkError, match="File too large"):
        sink.close()
    sink.close()


def test_where_nothing_can_be_written_it_does_not_open(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(SinkError, match=f"cannot write video to {path}"):
            Video(path)


def test_without_the_library_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingExtra, match=r"pip install 'sightline\[supervision\]'"):
        open_sink("video", path=tmp_path / "films")
    assert not list(tmp_path.iterdir())


def test_a_closed_one_says_so(tmp_path: Path, make_shown: MakeShown) -> None:
    sink = Video(tmp_path)
    sink.close()
    with pytest.raises(Closed, match="is closed"):
        sink.write(*make_shown())
