"""The frame queue's benches: all contenders do their work, with real servers."""

from pathlib import Path

import pytest
from benches.bench import CPU, FRAMES, OURS, Scale
from benches.contest import COST, RATE
from benches.framequeue import BUSY, HELD, OVERHEAD, PUT, UNCOUNTED, USED
from benches.pairing import Figures
from benches.turns import BENCHES, take

SHORT = Scale(clip_s=4, window_s=0.3)
ALL = pytest.mark.needs("redis", "rabbitmq", "ffmpeg")
# Each turn has a broker of its own to wait for.
pytestmark = pytest.mark.timeout(400)


def taken(name: str, *contenders: str) -> dict[str, Figures]:
    """A turn of each, or of these; none is thrown away."""
    bench = BENCHES[name]
    bench.needs(SHORT)
    return {contender: take(name, contender, SHORT) for contender in contenders or bench.contenders}


@ALL
def test_both_put_a_picture_a_second_and_its_key_where_they_belong(clips: Path) -> None:
    for each in taken("framequeue-sample").values():
        assert abs(each[FRAMES] - SHORT.clip_s) <= 1
        assert each[CPU] > 0


@ALL
def test_all_hand_pictures_over_from_one_process_to_another(clips: Path) -> None:
    for each in taken("framequeue-hand-over").values():
        assert each[RATE] > 1
        assert each[COST] > 0


@pytest.mark.needs("redis", "ffmpeg")
def test_a_budget_is_kept_and_what_goes_for_it_is_counted(clips: Path) -> None:
    figures = taken("framequeue-memory")
    ours, documented = figures[OURS], figures["as documented"]
    assert ours[UNCOUNTED] == 0
    assert ours["evicted"] > 0
    assert ours[HELD] < ours[PUT] / 3
    assert ours[OVERHEAD] < 2
    assert documented[USED] > documented[PUT] > 2 * ours[USED]


@ALL
def test_workers_share_the_pictures_of_one_queue(clips: Path) -> None:
    figures = taken("framequeue-workers", "1 worker", "4 workers")
    assert figures["4 workers"][RATE] > figures["1 worker"][RATE]
    assert 0 < figures["1 worker"][BUSY] <= 1.05
