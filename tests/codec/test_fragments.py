"""Fragmented MP4 as bytes: whole segments, in time, that ffmpeg and a browser play."""

import base64
import io
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import sync_playwright
from tests.drawn import EPOCH, drawn_packets

from sightline import Packet, Size
from sightline.codec import Fragmenter, codec_string, coded_slices, fragments
from sightline.errors import CodecError
from sightline.scene import read_mark

Replaced = Callable[..., Packet]
ARGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
PLAY = """
async ([segments, type]) => {
    const video = document.createElement("video"), source = new MediaSource();
    video.muted = true;
    document.body.append(video);
    video.src = URL.createObjectURL(source);
    await new Promise(done => source.addEventListener("sourceopen", done, {once: true}));
    const buffer = source.addSourceBuffer(type);
    buffer.mode = "sequence";
    for (const segment of segments) {
        buffer.appendBuffer(Uint8Array.from(atob(segment), letter => letter.charCodeAt(0)));
        await new Promise((done, failed) => {
            buffer.addEventListener("updateend", done, {once: true});
            buffer.addEventListener("error", failed, {once: true});
        });
    }
    source.endOfStream();
    video.playbackRate = 4;
    await video.play();
    await new Promise((done, failed) => { video.onended = done; video.onerror = failed; });
    return [video.currentTime, video.videoWidth, video.getVideoPlaybackQuality().totalVideoFrames];
}
"""


def kinds(segments: list[bytes]) -> list[bytes]:
    return [segment[4:8] for segment in segments]


def played(segments: list[bytes]) -> tuple[list[int], list[float]]:
    with av.open(io.BytesIO(b"".join(segments)), "r") as container:
        frames = list(container.decode(video=0))
    marks = [read_mark(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in frames]
    return [mark.frame for mark in marks if mark], [frame.time for frame in frames]


@pytest.mark.parametrize(("fragment_s", "count"), [(0.3, 21), (10, 11), (0, 101)])
@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 2)])
def test_segments_joined_are_the_pictures_that_came(
    codec: str, b_frames: int, fragment_s: float, count: int
) -> None:
    packets = drawn_packets(1, 100, codec=codec, b_frames=b_frames)  # type: ignore[arg-type]
    segments = list(fragments(packets, fragment_s=fragment_s))
    assert kinds(segments) == [b"ftyp"] + [b"moof"] * (count - 1)
    numbers, times = played(segments)
    assert numbers == list(range(100))
    assert all(b - a == pytest.approx(0.04, abs=0.0001) for a, b in pairwise(times))


def test_each_comes_as_soon_as_it_is_complete() -> None:
    """A segment a packet, each one packet after its last: the next one says how long it took."""
    packets = drawn_packets(1, 20, b_frames=0)
    given: list[int] = []

    def coming() -> Iterator[Packet]:
        for packet in packets:
            given.append(packet.index)
            yield packet

    came = [(segment, len(given)) for segment in fragments(coming(), fragment_s=0)]
    media = [(segment, after) for segment, after in came if segment[4:8] == b"moof"]
    assert [after for _, after in media] == [*range(2, 21), 20]
    for packet, (segment, _) in zip(packets, media, strict=True):
        assert coded_slices(packet.data, "h264")[3:] in segment


def test_where_packets_do_not_go_on_it_begins_anew(replaced: Replaced) -> None:
    packets, larger = drawn_packets(1, 40), drawn_packets(1, 20, size=Size(640, 360))
    came = [*packets[5:], *(replaced(one, epoch=one.epoch + 1) for one in larger)]
    segments = list(fragments(came))
    first, second = (at for at, kind in enumerate(kinds(segments)) if kind == b"ftyp")
    assert first == 0
    assert played(segments[:second])[0] == list(range(10, 40))
    assert played(segments[second:])[0] == list(range(20))


@pytest.mark.parametrize("fragment_s", [0, 0.3])
@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 2)])
def test_each_segment_says_which_pictures_it_shows_and_when(
    codec: str, b_frames: int, fragment_s: float, replaced: Replaced
) -> None:
    """By the mark that each picture has: what a player shows then was in that very packet."""
    packets = drawn_packets(1, 45, codec=codec, b_frames=b_frames)  # type: ignore[arg-type]
    packets[0] = replaced(packets[0], pts=None, dts=None)  # as over RTSP
    fragmenter = Fragmenter(fragment_s=fragment_s)
    segments = [one for packet in packets for one in fragmenter.add(packet)] + fragmenter.end()
    assert [one.size for one in segments] == [Size(320, 180)] + [None] * (len(segments) - 1)
    said = sorted((shown.at_s, shown.identity.index) for one in segments for shown in one.shown)
    marks, times = played([one.data for one in segments])
    drawn = {packet.index: round(packet.captured_at_ns / 40e6) - EPOCH // 40 for packet in packets}
    assert [drawn[index] for _, index in said] == marks == list(range(45))
    assert [at_s for at_s, _ in said] == pytest.approx(times, abs=1e-4)
    keys = [one.shown[0].identity.index % 10 == 0 for one in segments[1:]]
    assert [one.keyframe for one in segments[1:]] == keys
    assert sum(keys) == 5


def test_a_codec_is_called_as_browsers_do() -> None:
    names = {
        codec: codec_string(next(iter(fragments(drawn_packets(1, 12, codec=codec)))))  # type: ignore[arg-type]
        for codec in ("h264", "hevc")
    }
    assert names == {"h264": "avc1.4d400c", "hevc": "hev1.1.6.L60.90"}
    assert codec_string(b"nothing of ours") is None


def test_nothing_comes_of_nothing(replaced: Replaced) -> None:
    packets = drawn_packets(1, 12)
    assert list(fragments([])) == list(fragments(packets[1:10])) == []
    with pytest.raises(CodecError, match="got vp8"):
        list(fragments([replaced(packets[0], codec="vp8")]))


def test_ffmpeg_finds_no_fault(
    tmp_path: Path, found_at: Callable[[str], str], clip: Callable[[str], list[Packet]]
) -> None:
    file = tmp_path / "joined.mp4"
    file.write_bytes(b"".join(fragments(clip("one-by-one-person-detection")[:200])))
    decode = [found_at("ffmpeg"), "-v", "error", "-xerror", "-i", str(file), "-f", "null", "-"]
    done = subprocess.run(decode, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.needs("browser")
def test_a_browser_plays_them(found_at: Callable[[str], str], clip: Callable[[str], list[Packet]]) -> None:
    packets = clip("one-by-one-person-detection")[:100]
    segments = list(fragments(packets))
    kind = f'video/mp4; codecs="{codec_string(segments[0])}"'
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found_at("browser"), args=ARGS)
        page = browser.new_page()
        coded = [base64.b64encode(segment).decode() for segment in segments]
        seconds, width, frames = page.evaluate(PLAY, [coded, kind])
        browser.close()
    times = [float((packet.pts or 0) * packet.time_base) for packet in packets]
    assert seconds == pytest.approx(max(times) - min(times), abs=0.5)
    assert width == 768
    assert frames > 80
