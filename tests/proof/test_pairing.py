"""A drawn street over RTSP: each result is about the picture in the very packet that it names."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.proof.conftest import FRAMES, GOP, MakeStreet, Street
from tests.proof.marks import mark_of
from tests.proof.runs import Recorder, captured, counts_of, results_in, site_of

from sightline import Result
from sightline.codec import coded_slices
from sightline.scene import Codec, Mark
from sightline.site.running import RunningSite
from sightline.site.worker import WorkerCounts

pytestmark = pytest.mark.needs("rtsp")
BUS = "memory://pairing"
WORKERS: dict[str, dict[str, object]] = {"all": {}, "ten": {"rate": 10}, "key": {"pictures": "key"}}
CODECS: tuple[Codec, ...] = ("h264", "hevc")
# More than one turn of the clip, so that the place where it begins again is within.
ENOUGH = FRAMES + 2 * GOP


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_each_picture_is_the_one_in_the_packet_that_its_result_names(
    no_leaks: None,
    rtsp_server: StartRtspServer,
    street: MakeStreet,
    tmp_path: Path,
    wait_for: WaitFor,
    transport: str,
) -> None:
    streets: dict[str, Street] = {
        codec: street(number, codec=codec) for number, codec in enumerate(CODECS, start=1)
    }
    server = rtsp_server({name: one.path for name, one in streets.items()})
    cameras: dict[str, dict[str, str]] = {
        name: {"url": server.url(name), "transport": transport} for name in streets
    }
    with Recorder(BUS, cameras) as recorder:
        with RunningSite(site_of(cameras, tmp_path, bus=BUS, **WORKERS)) as running:
            wait_for(
                lambda: all(counts.results >= ENOUGH for counts in counts_of(running, "all").values()),
                40,
                "a turn of each clip",
            )
            for name in cameras:
                server.freeze(name)
            wait_for(lambda: _is_at_rest(running, recorder), 10, "all to be at rest")
            counts = {worker: counts_of(running, worker) for worker in WORKERS}
            delivered = {name: of.counts.delivered for name, of in captured(running).items()}
        outlets = running.status().sinks
        packets = {name: recorder.seen(name) for name in cameras}
    for name, one in streets.items():
        assert len(packets[name]) == delivered[name]
        assert [packet.index for packet in packets[name]] == list(range(delivered[name]))
        units = [one.frame_of[coded_slices(packet.data, one.codec)] for packet in packets[name]]
        assert units == [one.frames[index % FRAMES] for index in range(delivered[name])]
        for worker in WORKERS:
            results = results_in(tmp_path / f"{worker}.jsonl", name)
            _check_accounts(counts[worker][name], results, delivered[name])
            _check_pairs(results, recorder, one)
        keys = results_in(tmp_path / "key.jsonl", name)
        assert [result.index for result in keys] == [p.index for p in packets[name] if p.keyframe]
        _check_rate(counts["ten"][name], delivered[name] * 10 / one.fps)
    for outlet in outlets:
        written = len(results_in(tmp_path / f"{outlet.sink.partition('-')[0]}.jsonl"))
        assert outlet.waiting.left == written
        assert outlet.waiting.balanced
        assert not outlet.failed


def _is_at_rest(running: RunningSite, recorder: Recorder) -> bool:
    """Whether all that was captured came through everything, but what a decoder holds for its order."""
    return all(
        len(recorder.seen(name)) == status.counts.received == counts[name].lane.packets.left
        and counts[name].balanced
        and not counts[name].lane.frames.held
        for worker in WORKERS
        for counts in (counts_of(running, worker),)
        for name, status in captured(running).items()
    )


def _check_accounts(counts: WorkerCounts, results: Sequence[Result], delivered: int) -> None:
    """Each packet that was captured is a line, was dropped for a reason, or is held for its order."""
    assert counts.balanced, counts
    assert counts.lane.bus.entered == counts.lane.bus.left == counts.lane.packets.entered == delivered
    held = counts.lane.packets.held + counts.lane.decoder.held + counts.lane.frames.held
    assert counts.results == len(results)
    assert delivered == counts.results + counts.unwanted + sum(counts.dropped.values()) + held
    assert held <= 4  # two B-frames, and what libav looks ahead


def _check_pairs(results: Sequence[Result], recorder: Recorder, street: Street) -> None:
    assert len({result.identity for result in results}) == len(results)
    assert len({result.epoch for result in results}) == 1
    for result in results:
        packet = recorder.packets[result.identity]
        number = street.frame_of[coded_slices(packet.data, street.codec)]
        assert mark_of(result) == Mark(street.camera, number), result
        assert (result.pts, result.captured_at_ns) == (packet.pts, packet.captured_at_ns)
    # libav has no time yet for the first packet of an RTSP stream, which is shown first
    times = [result.pts for result in results if result.pts is not None]
    assert len(times) >= len(results) - 1
    assert all(a < b for a, b in pairwise(times))


def _check_rate(counts: WorkerCounts, wanted: float) -> None:
    """So many pictures of media time were decoded; of these a live camera may drop some for being late.

    At the end up to four are held; at the beginning the first one's unknown time costs a slot or two.
    """
    assert wanted - 4 <= counts.lane.frames.entered <= wanted + 1, (counts.lane.frames.entered, wanted)
