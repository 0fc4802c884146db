"""Real packets to pictures of each second: whose they are is read back from the pictures themselves."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.framequeue.filmed import EPOCH, NOON, NS_PER_S, clip_packets, filmed, frame_of, open_gops

from sightline.codec import Decoder, DropReason
from sightline.errors import Closed, ConfigError
from sightline.frame import Image, Size
from sightline.framequeue import FrameSampler, Sampled, decode
from sightline.framequeue.key import FORMATS, PictureFormat
from sightline.framequeue.picking import Keyframes
from sightline.framequeue.sampling import UNKNOWN_CODEC, UNWRITABLE
from sightline.packet import Packet
from sightline.scene import Codec, Mark, read_mark

replaced = msgspec.structs.replace
HOUR_NS = 3600 * NS_PER_S


def second_of(sampled: Sampled) -> int:
    return sampled.key.captured_at_ms // 1000 - NOON // NS_PER_S


def seconds(taken: list[Sampled]) -> list[int]:
    return [second_of(sampled) for sampled in taken]


def all_decoded(packets: list[Packet], wanted: set[int]) -> dict[int, Image]:
    """The pictures of some packets, by a decoder that is given all."""
    decoder = Decoder()
    return {
        frame.index: frame.image
        for frames in chain(map(decoder.feed, packets), iter(decoder.flush, []))
        for frame in frames
        if frame.index in wanted
    }


@pytest.mark.parametrize("keyframes", ["auto", "never"])
@pytest.mark.parametrize("gop", [10, 25, 40, 100])
@pytest.mark.parametrize(("codec", "b_frames"), [("h264", 0), ("h264", 2), ("hevc", 2), ("mjpeg", 0)])
def test_each_second_has_one_picture_of_the_packet_that_its_key_names(
    codec: Codec, b_frames: int, gop: int, keyframes: Keyframes
) -> None:
    packets = filmed(110, codec=codec, gop=gop, b_frames=b_frames)
    sampler = FrameSampler(packets, format="raw", keyframes=keyframes)
    taken = list(sampler)
    whole = all_decoded(packets, {one.key.index for one in taken})
    assert seconds(taken) == [0, 1, 2, 3, 4]
    for key, data, image in taken:
        packet = packets[key.index]
        assert key.identity == packet.identity
        assert key.captured_at_ms == packet.captured_at_ns // 1_000_000
        assert read_mark(image) == Mark(3, frame_of(packet))
        assert np.array_equal(image, whole[key.index])
        assert np.array_equal(decode(data, key), image)
    stats = sampler.stats()
    assert stats.balanced
    assert (stats.entered, stats.sampled, stats.held, stats.unreadable) == (110, 5, 0, 0)


def test_keyframes_alone_are_decoded_where_they_suffice() -> None:
    sampler = FrameSampler(filmed(93))
    taken = list(sampler)
    assert [sampled.key.index for sampled in taken] == [0, 25, 50, 75]
    assert sampler.stats().dropped == {"skipped": 89}


def test_keyframes_only_leaves_seconds_without_one_empty() -> None:
    sampler = FrameSampler(filmed(110, gop=40), keyframes="only")
    assert [sampled.key.index for sampled in sampler] == [0, 40, 80]
    assert sampler.stats().dropped == {"skipped": 107}


def test_with_b_frames_a_keyframes_picture_comes_at_once() -> None:
    sampler = FrameSampler()
    packets = filmed(60, b_frames=2)
    given_at = {second_of(sampled): packet.index for packet in packets for sampled in sampler.feed(packet)}
    assert given_at == {0: 0, 1: 25, 2: 50}


def test_with_b_frames_and_long_gops_a_picture_does_not_wait_for_the_next_second() -> None:
    sampler = FrameSampler(keyframes="never")
    for packet in filmed(110, gop=100, b_frames=2):
        for sampled in sampler.feed(packet):
            assert packet.captured_at_ns - sampled.key.captured_at_ns < 0.5 * NS_PER_S


@pytest.mark.parametrize("picture_format", FORMATS)
def test_what_is_stored_is_what_its_key_promises(picture_format: PictureFormat) -> None:
    size = Size(160, 90)
    [first, *_] = FrameSampler(filmed(), format=picture_format, size=size, namespace="night")
    assert (first.key.namespace, first.key.format, first.key.size) == (
        "night",
        picture_format,
        len(first.data),
    )
    assert (first.key.width, first.key.height) == size
    assert decode(first.data, first.key).shape == (90, 160, 3)


def test_ten_a_second_are_ten_in_each() -> None:
    taken = list(FrameSampler(filmed(100, phase_s=0.0), rate=10))
    assert seconds(taken) == [second for second in range(4) for _ in range(10)]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_at_the_cameras_own_rate_all_are_given_in_the_order_of_capture(b_frames: int) -> None:
    taken = list(FrameSampler(filmed(60, gop=20, b_frames=b_frames, phase_s=0.02), rate=25))
    assert [read_mark(one.image) for one in taken] == [Mark(3, number) for number in range(60)]


def test_one_in_two_seconds_is_one_in_two_of_the_clocks() -> None:
    assert seconds(list(FrameSampler(filmed(150), rate=0.5))) == [0, 2, 4, 6]


def test_two_cameras_out_of_step_have_the_same_seconds() -> None:
    one, other = filmed(100, camera=1, phase_s=0.1), filmed(100, camera=2, phase_s=0.77, gop=30)
    assert seconds(list(FrameSampler(one))) == seconds(list(FrameSampler(other)))[:5] == [0, 1, 2, 3, 4]


def test_a_damaged_stretch_is_counted_and_the_next_keyframe_goes_on() -> None:
    packets = list(filmed(100))
    packets[25] = replaced(packets[25], data=packets[25].data[:200] + bytes(300))
    sampler = FrameSampler(packets)
    assert seconds(list(sampler)) == [0, 2, 3, 4]
    stats = sampler.stats()
    assert stats.dropped[DropReason.CORRUPT] == 1
    assert stats.unreadable >= 1
    assert stats.balanced


def test_packets_that_were_lost_cost_no_more_than_their_second() -> None:
    packets = filmed(100, gop=50)
    sampler = FrameSampler(packets[:3] + packets[5:])
    assert seconds(list(sampler)) == [0, 2, 3, 4][: len(seconds(list(FrameSampler(packets)))) - 1]
    assert sampler.stats().dropped[DropReason.GAP] >= 1
    assert sampler.stats().balanced


def test_a_stretch_that_begins_within_a_gop_waits_for_its_keyframe() -> None:
    sampler = FrameSampler(filmed(60)[5:])
    assert seconds(list(sampler)) == [1, 2]
    assert sampler.stats().dropped[DropReason.BEFORE_KEYFRAME] == 20


def test_a_camera_that_comes_back_goes_on_in_the_second_where_it_is() -> None:
    """It lost its connection after 1.2 s, within second 1, and is back within it."""
    before = filmed(30)
    after = filmed(60, phase_s=1.6, epoch=EPOCH + 1600)
    taken = list(FrameSampler([*before, *after]))
    assert [(one.key.epoch, second_of(one)) for one in taken] == [
        (EPOCH, 0),
        (EPOCH, 1),
        (EPOCH + 1600, 2),
        (EPOCH + 1600, 3),
    ]


def test_a_clock_stepped_by_an_hour_and_back_loses_nothing_and_keys_stay_in_order() -> None:
    packets = [
        replaced(packet, captured_at_ns=packet.captured_at_ns + HOUR_NS * (25 <= packet.index < 75))
        for packet in filmed(125)
    ]
    taken = list(FrameSampler(packets))
    assert seconds(taken) == [0, 1, 3601, 3602, 3603, 3, 4, 5]
    assert taken == sorted(taken, key=lambda one: one.key)
    assert len({str(one.key) for one in taken}) == 8


def test_a_restart_within_a_second_takes_no_second_picture_of_it() -> None:
    first = FrameSampler()
    for packet in filmed(30):
        first.feed(packet)
    again = FrameSampler(filmed(60, phase_s=1.6, epoch=EPOCH + 1600), last_slot=first.stats().last_slot)
    assert seconds(list(again)) == [2, 3]


@pytest.mark.parametrize("keyframes", ["auto", "never"])
@pytest.mark.parametrize("back", [1, 2, 5])
def test_packets_that_come_twice_give_no_second_twice(keyframes: Keyframes, back: int) -> None:
    """As a log gives them that is read again from a little before: at least once."""
    once = filmed(110, gop=40, b_frames=2)
    packets = [one for n, packet in enumerate(once) for one in (packet, *once[max(0, n - back) : n])]
    sampler = FrameSampler(packets, keyframes=keyframes)
    assert seconds(list(sampler)) == [0, 1, 2, 3, 4]
    stats = sampler.stats()
    assert (stats.dropped[DropReason.REPEATED], stats.unreadable) == (len(packets) - 110, 0)
    assert stats.balanced


def test_packets_without_our_headers_are_sampled_as_well() -> None:
    """Epoch 0: the index is the offset of a message, and shows no hole."""
    packets = [
        replaced(packet, epoch=0, index=3 * packet.index) for packet in filmed(110, gop=40, b_frames=2)
    ]
    taken = list(FrameSampler(packets))
    assert seconds(taken) == [0, 1, 2, 3, 4]
    assert all(read_mark(one.image) == Mark(3, frame_of(packets[one.key.index // 3])) for one in taken)


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
@pytest.mark.parametrize("keyframes", ["auto", "never"])
@pytest.mark.parametrize("epoch", [0, EPOCH])
@pytest.mark.parametrize("later_ns", [0, 200_000_000])  # what is left out before a keyframe is not the same
def test_pictures_that_refer_back_past_a_keyframe_do_no_harm(
    encoder: str, keyframes: Keyframes, epoch: int, later_ns: int
) -> None:
    """Open GOPs: what follows a keyframe may refer to pictures before it, which were left out."""
    packets = [
        replaced(packet, epoch=epoch, captured_at_ns=packet.captured_at_ns + later_ns)
        for packet in open_gops(encoder, 135)
    ]
    taken = list(FrameSampler(packets, format="raw", keyframes=keyframes))
    whole = all_decoded(packets, {one.key.index for one in taken})
    assert seconds(taken) == [0, 1, 2, 3, 4, 5]
    assert all(np.array_equal(one.image, whole[one.key.index]) for one in taken)


def test_a_codec_that_libav_does_not_know_is_counted() -> None:
    sampler = FrameSampler([replaced(packet, codec="h999") for packet in filmed(50)])
    assert list(sampler) == []
    assert sampler.stats().dropped[UNKNOWN_CODEC] >= 2
    assert sampler.stats().balanced


def test_a_picture_that_no_key_can_name_is_counted() -> None:
    sampler = FrameSampler(
        [replaced(packet, captured_at_ns=packet.captured_at_ns - 2 * NOON) for packet in filmed(25)]
    )
    assert list(sampler) == []
    assert sampler.stats().dropped[UNWRITABLE] == 2
    assert sampler.stats().balanced


def test_another_cameras_packet_is_refused() -> None:
    sampler = FrameSampler()
    sampler.feed(filmed()[0])
    with pytest.raises(ConfigError, match="camera 'cam3' alone"):
        sampler.feed(filmed(camera=4)[0])
    assert sampler.stats().entered == 1


def test_closing_ends_the_iteration_and_counts_what_was_held() -> None:
    def packets() -> Iterator[Packet]:
        yield from filmed()[:22]  # second 1 has begun, and waits for its keyframe
        sampler.close()
        yield from filmed()[22:]

    sampler = FrameSampler(packets())
    assert seconds(list(sampler)) == [0]
    stats = sampler.stats()
    assert stats.dropped == {"closed": 21}
    assert stats.balanced
    assert stats.last_slot == NOON // NS_PER_S
    with pytest.raises(Closed):
        sampler.feed(filmed()[0])
    with pytest.raises(Closed):
        sampler.flush()
    sampler.close()


def test_the_trouble_of_those_who_give_packets_is_theirs() -> None:
    def packets() -> Iterator[Packet]:
        yield filmed()[0]
        raise Closed("the bus is closed")

    with FrameSampler(packets()) as sampler, pytest.raises(Closed, match="the bus is closed"):
        list(sampler)


@pytest.mark.parametrize(
    "setting", [{"rate": 0}, {"format": "gif"}, {"quality": 0}, {"keyframes": "some"}, {"namespace": "a/b"}]
)
def test_a_setting_that_does_not_exist_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        FrameSampler(**setting)  # type: ignore[arg-type]


@given(st.data())
@settings(max_examples=60)
def test_loss_and_damage_of_any_kind_are_counted_and_never_raised(data: st.DataObject) -> None:
    packets = list(
        filmed(90, gop=data.draw(st.sampled_from([10, 40])), b_frames=data.draw(st.sampled_from([0, 2])))
    )
    for at in data.draw(st.lists(st.integers(0, 89), max_size=6)):
        cut = data.draw(st.integers(0, len(packets[at].data)))
        packets[at] = replaced(packets[at], data=packets[at].data[:cut] + data.draw(st.binary(max_size=20)))
    lost = data.draw(st.sets(st.integers(0, 89), max_size=20))
    sampler = FrameSampler([packet for packet in packets if packet.index not in lost], format="raw")
    taken = list(sampler)
    assert len(set(seconds(taken))) == len(taken)
    stats = sampler.stats()
    assert stats.balanced
    assert (stats.entered, stats.sampled, stats.held) == (90 - len(lost), len(taken), 0)


@pytest.mark.parametrize("name", ["car-detection", "one-by-one-person-detection"])
def test_real_clips_give_one_picture_each_second_as_a_whole_decoder_sees_it(clips: Path, name: str) -> None:
    packets = list(islice(clip_packets(clips / f"{name}.mp4"), 400))
    present = sorted({(packet.captured_at_ns - NOON) // NS_PER_S for packet in packets})
    for keyframes in ("auto", "never"):
        sampler = FrameSampler(packets, format="png", keyframes=keyframes)
        taken = list(sampler)
        whole = all_decoded(packets, {one.key.index for one in taken})
        assert seconds(taken) == present
        assert all(np.array_equal(decode(one.data, one.key), whole[one.key.index]) for one in taken)
        assert sampler.stats().balanced
