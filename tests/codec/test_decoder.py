import gc
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import pytest

from sightline.clock import NS_PER_S
from sightline.codec import Decoder, DropReason, is_disposable
from sightline.codec.selector import Pictures
from sightline.errors import Closed, CodecError, ConfigError
from sightline.frame import Frame, Size
from sightline.packet import Packet
from sightline.scene import read_mark
from sightline.testing import ManualClock

MakeFilm = Callable[..., Any]


def run(decoder: Decoder, packets: list[Packet]) -> list[Frame]:
    """All frames; the counts are checked after every step."""
    frames = []
    for fed, packet in enumerate(packets, 1):
        frames += decoder.feed(packet)
        stats = decoder.stats()
        assert stats.balanced
        assert (stats.entered, stats.left) == (fed, len(frames))
    frames += decoder.flush()
    assert decoder.stats().balanced
    assert decoder.stats().held == 0
    return frames


def number(frame: Frame) -> int | None:
    mark = read_mark(frame.image)
    return None if mark is None else mark.frame


STREAMS = [
    ("h264", 0, "ultrafast"),
    ("h264", 2, "ultrafast"),
    ("h264", 4, "faster"),
    ("hevc", 0, "ultrafast"),
    ("hevc", 3, "ultrafast"),
    ("mjpeg", 0, "ultrafast"),
]


@pytest.mark.parametrize(("codec", "b_frames", "preset"), STREAMS)
@pytest.mark.parametrize("pictures", ["auto", "all", "reference", "key"])
@pytest.mark.parametrize("rate", [None, 10, 1])
@pytest.mark.parametrize("size", [None, Size(212, 122)])
def test_every_picture_is_that_of_the_packet_it_claims(
    film: MakeFilm,
    codec: str,
    b_frames: int,
    preset: str,
    pictures: Pictures,
    rate: float | None,
    size: Size | None,
) -> None:
    packets, numbers = film(codec, frames=80, gop=25, b_frames=b_frames, preset=preset)
    frames = run(Decoder(rate=rate, size=size, pictures=pictures), packets)
    by_index = {packet.index: packet for packet in packets}
    assert frames
    for frame in frames:
        packet = by_index[frame.index]
        assert number(frame) == numbers[frame.index]
        assert frame.size == (size or Size(320, 180))
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
        assert (frame.identity, frame.pts, frame.time_base) == (packet.identity, packet.pts, packet.time_base)
        assert (frame.captured_at_ns, frame.captured_at_source) == (packet.captured_at_ns, "media")
    assert [frame.pts for frame in frames] == sorted(
        packet.pts for packet in (by_index[f.index] for f in frames)
    )


@pytest.mark.parametrize(("codec", "b_frames", "preset"), STREAMS)
def test_all_pictures_come_out_of_a_whole_stream(
    film: MakeFilm, codec: str, b_frames: int, preset: str
) -> None:
    packets = film(codec, frames=80, gop=25, b_frames=b_frames, preset=preset).packets
    frames = run(Decoder(), packets)
    assert [number(frame) for frame in frames] == list(range(80))


@pytest.mark.parametrize(("name", "count"), [("car-detection", 377), ("one-by-one-person-detection", 1394)])
def test_real_clips_decode_whole_and_paired(
    clip: Callable[[str], list[Packet]], clips: Any, name: str, count: int
) -> None:
    packets = clip(name)
    frames = run(Decoder(size=Size(96, 54)), packets)
    with av.open(clips / f"{name}.mp4") as container:
        pts = [picture.pts for picture in container.decode(video=0)]
    by_index = {packet.index: packet.pts for packet in packets}
    assert len(frames) == count
    assert [frame.pts for frame in frames] == [by_index[frame.index] for frame in frames] == pts


def test_the_picture_is_what_libav_itself_would_give(clips: Any, clip: Callable[[str], list[Packet]]) -> None:
    frames = run(Decoder(), clip("car-detection")[:50])
    with av.open(clips / "car-detection.mp4") as container:
        for frame, picture in zip(frames, container.decode(video=0), strict=False):
            assert np.array_equal(frame.image, picture.to_ndarray(format="bgr24"))


@pytest.mark.parametrize(("rate", "expected"), [(10, 60), (12.5, 75), (1, 6), (0.5, 3), (30, 150)])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_rate_is_that_of_media_time(film: MakeFilm, rate: float, expected: int, b_frames: int) -> None:
    packets = film(frames=150, b_frames=b_frames).packets
    frames = run(Decoder(rate=rate), packets)
    assert abs(len(frames) - expected) <= 1
    slots = [round((frame.captured_at_ns - packets[0].captured_at_ns) * rate / NS_PER_S) for frame in frames]
    assert slots == sorted(slots)


def test_a_rate_where_keyframes_do_decodes_keyframes_alone(film: MakeFilm) -> None:
    packets, numbers = film(frames=150, b_frames=2)
    decoder = Decoder(rate=1)
    frames = run(decoder, packets)
    stats = decoder.stats()
    assert stats.pictures == "key"
    assert [numbers[frame.index] for frame in frames[2:]] == [50, 75, 100, 125]
    assert stats.dropped["skipped"] >= 120
    assert stats.gop is not None
    assert stats.gop.packets == 25


def test_a_keyframe_decoded_alone_comes_out_at_once(film: MakeFilm) -> None:
    decoder = Decoder(pictures="key")
    for packet in film(frames=80, b_frames=4, preset="faster").packets:
        assert len(decoder.feed(packet)) == packet.keyframe


def test_without_pts_the_rate_is_that_of_capture_and_the_frame_has_none(
    film: MakeFilm, replaced: Callable[..., Packet]
) -> None:
    packets, numbers = film(frames=100, b_frames=2)
    blind = [replaced(packet, pts=None, dts=None) for packet in packets]
    frames = run(Decoder(rate=5), blind)
    assert len(frames) == pytest.approx(20, abs=1)
    assert all(frame.pts is None and number(frame) == numbers[frame.index] for frame in frames)


def test_a_first_packet_without_pts_does_not_upset_the_grid(
    film: MakeFilm, replaced: Callable[..., Packet]
) -> None:
    first, *rest = film(frames=100).packets
    frames = run(Decoder(rate=5), [replaced(first, pts=None), *rest])
    assert len(frames) == pytest.approx(20, abs=1)


def test_a_new_epoch_first_gives_what_the_old_one_held(
    film: MakeFilm, replaced: Callable[..., Packet]
) -> None:
    packets, numbers = film(frames=60, b_frames=2)
    again = [replaced(packet, epoch=packet.epoch + 1) for packet in packets]
    frames = run(Decoder(), packets[:40] + again)
    assert {frame.index for frame in frames if frame.epoch == packets[0].epoch} == set(range(40))
    assert [frame.epoch for frame in frames] == sorted(frame.epoch for frame in frames)
    assert len(frames) == 100
    assert all(number(frame) == numbers[frame.index] for frame in frames)


def test_a_new_epoch_is_sampled_from_its_first_picture_even_at_the_same_time_of_capture(
    film: MakeFilm, replaced: Callable[..., Packet]
) -> None:
    """A short file in a loop: each round is an epoch, and has the file's own times."""
    packets = film(frames=20).packets
    rounds = [replaced(packet, epoch=packet.epoch + n) for n in range(3) for packet in packets]
    assert len(run(Decoder(rate=5), rounds)) == 3 * 5


def test_after_a_hole_it_goes_on_at_the_next_keyframe(film: MakeFilm) -> None:
    packets, numbers = film(frames=75, b_frames=2)
    decoder = Decoder()
    frames = run(decoder, [packet for packet in packets if packet.index not in (30, 31)])
    assert sorted(frame.index for frame in frames) == [*range(30), *range(50, 75)]
    assert decoder.stats().dropped == {"gap": 18}
    assert all(number(frame) == numbers[frame.index] for frame in frames)


def test_where_keyframes_alone_are_decoded_a_hole_costs_nothing(film: MakeFilm) -> None:
    packets = [packet for packet in film(frames=100).packets if packet.index not in (30, 60, 61)]
    decoder = Decoder(pictures="key")
    assert [frame.index for frame in run(decoder, packets)] == [0, 25, 50, 75]
    assert decoder.stats().dropped == {"skipped": 93}


def test_a_stream_that_is_joined_in_the_middle_begins_at_its_keyframe(film: MakeFilm) -> None:
    decoder = Decoder()
    frames = run(decoder, film(frames=60).packets[10:])
    assert [frame.index for frame in frames] == list(range(25, 60))
    assert decoder.stats().dropped == {"before_keyframe": 15}


def test_repeated_packets_are_counted_and_change_nothing(film: MakeFilm) -> None:
    packets = film(frames=30, b_frames=2).packets
    decoder = Decoder()
    frames = run(decoder, [packet for packet in packets for _ in range(2)])
    assert sorted(frame.index for frame in frames) == list(range(30))
    assert decoder.stats().dropped == {"repeated": 30}


@pytest.mark.parametrize("size", [None, Size(160, 90)])
def test_the_resolution_may_change_within_an_epoch(
    film: MakeFilm, replaced: Callable[..., Packet], size: Size | None
) -> None:
    small, large = film(frames=25), film(frames=25, size=(640, 360), start=25)
    packets = [*small.packets, *(replaced(p, index=p.index + 25) for p in large.packets)]
    frames = run(Decoder(size=size), packets)
    alone = run(Decoder(size=size), small.packets) + run(Decoder(size=size), large.packets)
    assert [number(frame) for frame in frames] == list(range(50))
    assert all(np.array_equal(f.image, other.image) for f, other in zip(frames, alone, strict=True))
    assert [frame.size for frame in frames[24:26]] == (
        [size] * 2 if size else [Size(320, 180), Size(640, 360)]
    )


def test_the_codec_may_change_within_an_epoch(film: MakeFilm, replaced: Callable[..., Packet]) -> None:
    parts = [film(codec, frames=25, start=25 * n) for n, codec in enumerate(("h264", "mjpeg", "hevc"))]
    packets = [replaced(p, index=p.index + 25 * n) for n, part in enumerate(parts) for p in part.packets]
    assert [number(frame) for frame in run(Decoder(), packets)] == list(range(75))


def test_the_keyframes_of_open_gops_decode_alone_and_after_a_hole(
    reencoded: Callable[..., list[Packet]],
) -> None:
    options = (("x264-params", "open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=2"), ("preset", "fast"))
    packets = reencoded("libx264", options)
    shown = {p.index: p.pts for p in packets}
    alone = run(Decoder(pictures="key"), packets)
    joined = run(Decoder(), packets[3:])
    assert len(alone) == 5
    for frame in alone + joined:
        assert number(frame) == shown[frame.index]


OPEN = "open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=3"


@pytest.mark.parametrize(
    ("encoder", "more"),
    [
        ("libx264", "b-pyramid=none"),
        ("libx264", "b-pyramid=normal"),  # whose references say "forget" to pictures before the keyframe
        ("libx264", "tff=1"),
        ("libx264", "cqm=jvt:b-adapt=0"),
        ("libx265", "b-adapt=0:log-level=error"),
    ],
)
def test_joined_at_an_open_gop_it_gives_all_but_the_leading_pictures_as_they_are(
    reencoded: Callable[..., list[Packet]], encoder: str, more: str
) -> None:
    options = ((encoder.removeprefix("lib") + "-params", f"{OPEN}:{more}"), ("preset", "fast"))
    packets = reencoded(encoder, options)
    whole = {frame.index: frame.image for frame in run(Decoder(), packets)}
    told = list[tuple[int, DropReason]]()
    for keyframe in [packet for packet in packets if packet.keyframe][1:]:
        dropped = len(told)
        decoder = Decoder(on_drop=lambda packet, reason: told.append((packet.index, reason)))
        joined = run(decoder, packets[keyframe.index :])
        leading = [p.index for p in packets[keyframe.index :] if _shown_before(p, keyframe)]
        assert told[dropped:] == [(index, DropReason.LEADING) for index in leading]
        assert len(joined) == len(packets) - keyframe.index - len(leading)
        assert all(np.array_equal(frame.image, whole[frame.index]) for frame in joined)
    assert told


def _shown_before(packet: Packet, other: Packet) -> bool:
    assert packet.pts is not None
    assert other.pts is not None
    return packet.pts < other.pts


def test_of_open_gops_too_what_is_damaged_behind_the_keyframe_is_not_given_out(
    reencoded: Callable[..., list[Packet]], replaced: Callable[..., Packet]
) -> None:
    packets = reencoded("libx264", (("x264-params", f"{OPEN}:b-pyramid=normal"), ("preset", "fast")))
    whole = {frame.index: frame.image for frame in run(Decoder(), packets)}
    keyframe = next(packet for packet in packets[1:] if packet.keyframe)
    first = next(p for p in packets[keyframe.index + 1 :] if not _shown_before(p, keyframe))
    packets[first.index] = replaced(first, data=first.data[: len(first.data) // 2])
    joined = run(Decoder(), packets[keyframe.index :])
    assert all(np.array_equal(frame.image, whole[frame.index]) for frame in joined)
    assert first.index not in {frame.index for frame in joined}


@pytest.mark.parametrize("encoder", ["mpeg4", "mpeg2video", "libvpx", "libvpx-vp9", "libsvtav1"])
def test_what_else_libav_has_works_as_well(reencoded: Callable[..., list[Packet]], encoder: str) -> None:
    packets = reencoded(encoder, (("b", "4000000"),))
    frames = run(Decoder(), packets)
    shown = {p.index: p.pts for p in packets}
    assert len(frames) == 50
    assert all(number(frame) == shown[frame.index] for frame in frames)


@pytest.mark.parametrize("codec", ["nonsense", "aac", "libx264", ""])
def test_an_unknown_codec_is_named_with_its_camera_and_nothing_is_counted(
    make_packet: Callable[..., Packet], codec: str
) -> None:
    decoder = Decoder()
    with pytest.raises(CodecError, match=rf"'{codec}' \(camera gate, epoch \d+, index 4\)"):
        decoder.feed(make_packet(4, codec=codec, keyframe=True))
    assert decoder.stats().entered == 0


def test_a_packet_of_another_camera_is_refused(film: MakeFilm, replaced: Callable[..., Packet]) -> None:
    first, second = film(frames=2).packets
    decoder = Decoder()
    decoder.feed(first)
    with pytest.raises(CodecError, match="camera 'gate'"):
        decoder.feed(replaced(second, camera_id="yard"))
    assert decoder.stats().entered == 1


def test_once_closed_it_says_so_and_still_adds_up(film: MakeFilm) -> None:
    packets = film(frames=30, b_frames=2).packets
    decoder = Decoder()
    out = [frame for packet in packets[:20] for frame in decoder.feed(packet)]
    held = decoder.stats().held
    decoder.close()
    decoder.close()
    assert held > 0
    assert decoder.stats().dropped == {"closed": held}
    assert decoder.stats().left == len(out)
    assert decoder.stats().balanced
    assert decoder.flush() == []
    with pytest.raises(Closed):
        decoder.feed(packets[20])


def test_after_a_flush_it_begins_at_a_keyframe(film: MakeFilm) -> None:
    packets = film(frames=60, b_frames=2).packets
    decoder = Decoder()
    run(decoder, packets[:30])
    frames = run_on(decoder, packets[30:])
    assert {frame.index for frame in frames} == set(range(50, 60))


def run_on(decoder: Decoder, packets: list[Packet]) -> list[Frame]:
    return [frame for packet in packets for frame in decoder.feed(packet)] + decoder.flush()


def test_an_unused_decoder_has_nothing_to_give() -> None:
    decoder = Decoder(rate=5)
    assert decoder.flush() == []
    decoder.close()
    assert decoder.stats().balanced


def test_frames_are_dated_by_the_given_clock(film: MakeFilm) -> None:
    clock = ManualClock(utc_s=1_800_000_000)
    (frame,) = Decoder(clock=clock).feed(film(frames=1).packets[0])
    assert frame.decoded_at_ns == 1_800_000_000 * NS_PER_S


def test_settings_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ConfigError, match="rate"):
        Decoder(rate=0)
    with pytest.raises(ConfigError, match="pictures"):
        Decoder(pictures="most")  # type: ignore[arg-type]


def test_images_are_their_own_and_outlive_the_decoder(film: MakeFilm) -> None:
    decoder = Decoder(size=Size(213, 121))  # rows that libav pads
    frames = run(decoder, film(frames=20).packets)
    decoder.close()
    del decoder
    gc.collect()
    before = [frame.image.copy() for frame in frames]
    frames[3].image[:] = 0
    assert all(
        np.array_equal(f.image, b) for n, (f, b) in enumerate(zip(frames, before, strict=True)) if n != 3
    )


def test_the_same_packets_may_be_in_two_decoders_at_once(film: MakeFilm) -> None:
    packets, numbers = film(frames=40, b_frames=3)
    decoders = [Decoder(), Decoder()]
    frames = [frame for packet in packets for decoder in decoders for frame in decoder.feed(packet)]
    frames += [frame for decoder in decoders for frame in decoder.flush()]
    assert len(frames) == 80
    assert all(number(frame) == numbers[frame.index] for frame in frames)


def test_any_thread_may_feed_and_counts_can_be_read_meanwhile(film: MakeFilm) -> None:
    packets = film(frames=60, b_frames=2).packets
    decoder, frames, balanced = Decoder(), [], []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            balanced.append(decoder.stats().balanced)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for packet in packets:
        feeder = threading.Thread(target=lambda given=packet: frames.extend(decoder.feed(given)))
        feeder.start()
        feeder.join()
    done.set()
    watcher.join()
    frames += decoder.flush()
    assert len(frames) == 60
    assert balanced
    assert all(balanced)


class Told:
    """What `on_drop` was told, and that it is exact: each packet fed is a frame, was told, or is held."""

    def __init__(self) -> None:
        self.drops: list[tuple[Packet, DropReason]] = []

    def __call__(self, packet: Packet, reason: DropReason) -> None:
        self.drops.append((packet, reason))

    def checked(self, decoder: Decoder, fed: list[Packet], frames: list[Frame]) -> None:
        gone = [id(packet) for packet, _ in self.drops] + [
            id(packet) for frame in frames for packet in fed if packet.identity == frame.identity
        ]
        assert len(gone) == len(set(gone))
        assert set(gone) <= {id(packet) for packet in fed}
        assert len(fed) - len(gone) == decoder.stats().held
        assert decoder.stats().dropped == Counter(reason for _, reason in self.drops)


@pytest.mark.parametrize(("codec", "b_frames", "preset"), STREAMS)
@pytest.mark.parametrize("pictures", ["auto", "reference", "key"])
@pytest.mark.parametrize("ending", ["flush", "close"])
def test_each_packet_that_becomes_no_frame_is_told_exactly_once(
    film: MakeFilm,
    replaced: Callable[..., Packet],
    codec: str,
    b_frames: int,
    preset: str,
    pictures: Pictures,
    ending: str,
) -> None:
    whole = film(codec, frames=80, gop=25, b_frames=b_frames, preset=preset).packets
    packets = [packet for packet in whole if packet.index not in (33, 34)]
    packets[5] = replaced(packets[5], data=packets[5].data[: len(packets[5].data) // 3])
    told, fed, frames = Told(), list[Packet](), list[Frame]()
    decoder = Decoder(rate=10, pictures=pictures, on_drop=told)
    for number, packet in enumerate(packets):
        frames += decoder.feed(packet, wanted=number % 7 != 0)
        fed.append(packet)
        told.checked(decoder, fed, frames)
        assert decoder.stats().balanced
    with pytest.raises(CodecError):
        decoder.feed(replaced(packets[-1], codec="nonsense", index=80))
    frames += decoder.flush() if ending == "flush" else []
    decoder.close()
    told.checked(decoder, fed, frames)
    assert len(told.drops) + len(frames) == len(packets)


def test_a_packet_that_comes_again_is_told_although_the_first_became_a_frame(film: MakeFilm) -> None:
    first = film(frames=1).packets[0]
    told = Told()
    decoder = Decoder(on_drop=told)
    assert len(decoder.feed(first)) == 1
    decoder.feed(first)
    assert told.drops == [(first, DropReason.REPEATED)]


@pytest.mark.parametrize(("codec", "b_frames", "preset"), STREAMS)
def test_without_those_that_are_unwanted_the_other_pictures_are_the_same(
    film: MakeFilm, codec: str, b_frames: int, preset: str
) -> None:
    packets = film(codec, frames=80, gop=25, b_frames=b_frames, preset=preset).packets
    everything = {frame.index: frame.image for frame in run(Decoder(), packets)}
    unwanted = set(random.Random(b_frames).sample(range(80), 40)) | {25}  # a keyframe too
    told = Told()
    decoder = Decoder(on_drop=told)
    frames = [f for p in packets for f in decoder.feed(p, wanted=p.index not in unwanted)] + decoder.flush()
    assert sorted(frame.index for frame in frames) == sorted(set(range(80)) - unwanted)
    assert all(np.array_equal(frame.image, everything[frame.index]) for frame in frames)
    assert {packet.index for packet, _ in told.drops} == unwanted
    assert {reason for _, reason in told.drops} == {DropReason.UNWANTED}


def test_what_is_unwanted_takes_no_other_pictures_slot(film: MakeFilm) -> None:
    packets = film(frames=100).packets
    decoder = Decoder(rate=5, pictures="all")
    frames = [frame for packet in packets for frame in decoder.feed(packet, wanted=packet.index % 5 == 4)]
    assert [frame.index for frame in frames] == list(range(4, 100, 5))


def test_of_what_is_unwanted_nothing_is_decoded_that_no_other_refers_to(film: MakeFilm) -> None:
    jpegs = film("mjpeg", frames=10).packets
    decoder = Decoder()
    for packet in jpegs:
        decoder.feed(packet, wanted=False)
        assert decoder.stats().dropped["unwanted"] == packet.index + 1
    assert decoder.flush() == []


@pytest.mark.parametrize(("codec", "b_frames", "preset"), STREAMS)
@pytest.mark.parametrize("rate", [None, 10])
def test_a_hurry_from_any_moment_to_any_moment_leaves_whole_pictures(
    film: MakeFilm, codec: str, b_frames: int, preset: str, rate: float | None
) -> None:
    packets = film(codec, frames=80, gop=25, b_frames=b_frames, preset=preset).packets
    everything = {frame.index: frame.image for frame in run(Decoder(), packets)}
    rnd, hurried = random.Random(7), list[Packet]()
    decoder = Decoder(rate=rate, on_drop=lambda packet, reason: hurried.append(packet))
    disposable = {packet.index for packet in packets if is_disposable(packet.data, codec)}
    frames, left_out = list[Frame](), set[int]()
    for packet in packets:
        decoder.hurry = rnd.random() < 0.5
        left_out |= {packet.index} & disposable if decoder.hurry else set()
        frames += decoder.feed(packet)
        assert not decoder.hurry or decoder.stats().pictures in {"reference", "key"}
    frames += decoder.flush()
    assert all(np.array_equal(frame.image, everything[frame.index]) for frame in frames)
    assert not left_out & {frame.index for frame in frames}
    assert bool(left_out) == bool(disposable)
    if rate is None:
        assert {packet.index for packet in hurried} == left_out


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_pictures_of_temporal_sub_layers_may_be_left_out_one_by_one(
    reencoded: Callable[..., list[Packet]], layers: int
) -> None:
    """Those of a higher sub-layer that refer to one that was left out are left out too: none is damaged."""
    params = f"temporal-layers={layers}:keyint=25:bframes=7:b-adapt=0:repeat-headers=1:log-level=none"
    packets = reencoded("libx265", (("x265-params", params), ("preset", "medium")))
    everything = {frame.index: frame.image for frame in run(Decoder(), packets)}
    disposable = {packet.index for packet in packets if is_disposable(packet.data, "hevc")}
    came_after_a_hurry = 0
    for seed in range(6):
        rnd, told = random.Random(seed), Told()
        decoder, frames = Decoder(on_drop=told, rate=20 if seed % 2 else None), list[Frame]()
        for packet in packets:
            decoder.hurry = rnd.random() < 0.2
            frames += decoder.feed(packet, wanted=rnd.random() < 0.8)
        frames += decoder.flush()
        came_after_a_hurry += len({frame.index for frame in frames} & disposable)
        assert {reason for _, reason in told.drops} <= {"skipped", "unwanted", "rate"}
        assert all(np.array_equal(frame.image, everything[frame.index]) for frame in frames)
    assert came_after_a_hurry > 20
