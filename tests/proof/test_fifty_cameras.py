"""Fifty cameras behind one recorder that loses its power: all live again soon, and not in step."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

import pytest
from tests.conftest import StartRtspServer, WaitFor

from sightline.capture import CameraInput, Capture
from sightline.clock import NS_PER_MS
from sightline.frame import Size
from sightline.packet import Packet
from sightline.scene import Scene, write_clip

CAMERAS, WITHIN_S, AWAY_S = 50, 30.0, 6.0
NAMES = [f"gate-{number}" for number in range(CAMERAS)]


@pytest.mark.waits
@pytest.mark.needs("rtsp")
def test_fifty_cameras_that_lose_their_server_come_back_jittered_and_soon(
    no_leaks: None, rtsp_server: StartRtspServer, tmp_path: Path, wait_for: WaitFor
) -> None:
    clip = write_clip(Scene(fps=5, size=Size(160, 90)), tmp_path / "clip.mp4", 25, gop=5)
    server = rtsp_server(dict.fromkeys(NAMES, clip))
    packets: dict[str, list[Packet]] = {name: [] for name in NAMES}
    captures = {
        name: Capture(CameraInput(camera_id=name, url=server.url(name)), packets[name].append)
        for name in NAMES
    }
    try:
        for capture in captures.values():
            capture.start()
        wait_for(lambda: _all_live(captures), 60, "all to be live")
        server.kill()
        killed_s = monotonic()
        wait_for(lambda: not _any_live(captures), 15, "all to notice the loss")
        due: dict[int, dict[str, int]] = defaultdict(dict)
        wait_for(lambda: _note_retries(captures, due) and monotonic() > killed_s + AWAY_S, 15, "its return")
        before = {name: len(taken) for name, taken in packets.items()}
        server.start()
        back_s = monotonic()
        wait_for(
            lambda: all(len(packets[name]) > count for name, count in before.items()),
            2 * WITHIN_S,
            "pictures of all cameras",
        )
        took_s = monotonic() - back_s
        assert all(not capture.status().reason for capture in captures.values())
    finally:
        stopped = [capture.stop(5) for capture in captures.values()]
    print(f"{CAMERAS} cameras live {took_s:.1f} s after the server's return")
    assert took_s < WITHIN_S
    assert all(stopped)
    _check_jitter([list(each.values()) for each in due.values()])
    for name, capture in captures.items():
        counts = capture.status().counts
        assert counts.received == counts.delivered == len(packets[name])
        _check_epochs(packets[name])


def _states(captures: Mapping[str, Capture]) -> list[str]:
    return [capture.status().state for capture in captures.values()]


def _all_live(captures: Mapping[str, Capture]) -> bool:
    return set(_states(captures)) == {"live"}


def _any_live(captures: Mapping[str, Capture]) -> bool:
    return "live" in _states(captures)


def _note_retries(captures: Mapping[str, Capture], due: dict[int, dict[str, int]]) -> bool:
    """When each camera's retry after so many failures is due, of those that can be seen now."""
    for name, capture in captures.items():
        status = capture.status()
        if status.next_retry_at_ns is not None:
            due[status.failures].setdefault(name, status.next_retry_at_ns)
    return True


def _check_jitter(rounds: Sequence[Sequence[int]]) -> None:
    """In no round of retries do more than half of the cameras come within a tenth of a second."""
    well_seen = [sorted(due) for due in rounds if len(due) > CAMERAS / 2]
    assert well_seen
    for due in well_seen:
        fullest = max(sum(at <= one <= at + 100 * NS_PER_MS for one in due) for at in due)
        assert fullest <= CAMERAS / 2, due


def _check_epochs(packets: Sequence[Packet]) -> None:
    """Two at least, each beginning with a keyframe and counted without a gap."""
    epochs = sorted({packet.epoch for packet in packets})
    assert len(epochs) >= 2
    for epoch in epochs:
        mine = [packet for packet in packets if packet.epoch == epoch]
        assert mine[0].keyframe
        assert [packet.index for packet in mine] == list(range(len(mine)))
