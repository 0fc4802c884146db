"""An RTSP server that is killed and comes back: pictures again within 5 s, a new epoch, nothing left."""

from pathlib import Path
from time import monotonic, time_ns

import pytest
from tests.conftest import StartRtspServer, WaitFor
from tests.proof.conftest import MakeStreet
from tests.proof.marks import mark_of
from tests.proof.runs import counts_of, results_in, site_of

from sightline.clock import NS_PER_MS
from sightline.scene import Mark
from sightline.site.running import RunningSite

pytestmark = pytest.mark.needs("rtsp")
WITHIN_S = 5.0
LONG = (pytest.mark.waits, pytest.mark.timeout(180))


@pytest.mark.parametrize(("away_s", "fps"), [(2, 25), (2, 5), pytest.param(60, 25, marks=LONG)])
def test_pictures_come_again_within_5_s_of_the_servers_return(
    no_leaks: None,
    rtsp_server: StartRtspServer,
    street: MakeStreet,
    tmp_path: Path,
    wait_for: WaitFor,
    away_s: float,
    fps: int,
) -> None:
    gate = street(1)
    server = rtsp_server({"gate": gate.path}, fps=fps)
    with RunningSite(site_of({"gate": {"url": server.url("gate")}}, tmp_path)) as running:
        wait_for(lambda: counts_of(running)["gate"].results >= fps, 20, "pictures")
        server.kill()
        killed_s = monotonic()
        wait_for(lambda: running.status().cameras["gate"].state != "live", WITHIN_S, "the loss to be noticed")
        # While it is away the camera has a reason at all times, and is never called live.
        wait_for(lambda: _is_over(running, killed_s + away_s), away_s + 5, "its return to be due")
        before = counts_of(running)["gate"].results
        back_ns = time_ns()
        server.start()
        returned_s = monotonic()
        wait_for(lambda: counts_of(running)["gate"].results > before, WITHIN_S + 5, "pictures again")
        recovered_s = monotonic() - returned_s
        print(f"{fps} fps, {away_s} s away: pictures again after {recovered_s:.2f} s")
        assert recovered_s <= WITHIN_S
        wait_for(lambda: counts_of(running)["gate"].results >= before + fps, 20, "more of them")
        assert running.status().cameras["gate"].reason == ""
    results = results_in(tmp_path / "w.jsonl")
    first, second = sorted({result.epoch for result in results})
    assert first < back_ns // NS_PER_MS <= second
    assert [result.epoch for result in results] == sorted(result.epoch for result in results)
    earlier, later = (
        [one.captured_at_ns for one in results if one.epoch == epoch] for epoch in (first, second)
    )
    assert max(earlier) < back_ns <= min(later)
    for epoch in (first, second):
        mine = [result for result in results if result.epoch == epoch]
        # Each client of the server sees the clip from its first unit on.
        marks = [Mark(1, gate.frames[result.index % len(gate.frames)]) for result in mine]
        assert [mark_of(result) for result in mine] == marks


def _is_over(running: RunningSite, end_s: float) -> bool:
    camera = running.status().cameras["gate"]
    assert camera.state in ("backing_off", "connecting")
    assert camera.reason
    return monotonic() >= end_s
