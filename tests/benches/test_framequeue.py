"""The frame queue's benches: all contenders do their work, with real servers."""

from pathlib import Path

import pytest
from benches.bench import CPU, FRAMES, OURS, Scale
from benches.contest import COST, RATE
from benches.framequeue import BUSY, HELD, OVERHEAD, PUT, UNCOUNTED, USED
from benches.turns import BENCHES, run

SHORT = Scale(clip_s=4, window_s=0.3)
ALL = pytest.mark.needs("redis", "rabbitmq", "ffmpeg")
pytestmark = pytest.mark.timeout(400)  # each turn has a broker of its own to wait for


def quiet(_turn: object) -> None:
    return


def taken(name: str) -> dict[str, dict[str, float]]:
    report = run(BENCHES[name], SHORT, 1, say=quiet)
    assert not report.left_out
    return {contender: dict(figures[0]) for contender, figures in report.taken.items()}


@ALL
def test_both_put_a_picture_a_second_and_its_key_where_they_belong(clips: Path) -> None:
    figures = taken("framequeue-sample")
    assert set(figures) == set(BENCHES["framequeue-sample"].contenders)
    for each in figures.values():
        assert abs(each[FRAMES] - SHORT.clip_s) <= 1
        assert each[CPU] > 0


@ALL
def test_all_hand_pictures_over_from_one_process_to_another(clips: Path) -> None:
    figures = taken("framequeue-hand-over")
    assert set(figures) == set(BENCHES["framequeue-hand-over"].contenders)
    for each in figures.values():
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
    figures = taken("framequeue-workers")
    assert figures["4 workers"][RATE] > figures["1 worker"][RATE]
    assert 0 < figures["1 worker"][BUSY] <= 1.05
