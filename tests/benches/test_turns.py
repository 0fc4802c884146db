import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benches.bench import CPU, FRAMES, OURS, PACKETS, WALL, Scale, WrongWork
from benches.decode import figures
from benches.inference import MS_A_FRAME, SEEN
from benches.many import FAST, LOST, PACED, THREADS
from benches.measuring import Spent, spent
from benches.track import COST, IDS
from benches.turns import BENCHES, Failed, run, take
from typer.testing import CliRunner

from benches import __main__ as command
from benches import clips as making
from benches import peers

TINY = Scale(clip_s=1, cameras=3, frames=30, paced_s=3, calls=64, inferences=1)


def quiet(_turn: object) -> None:
    return


def burn(seconds: float) -> str:
    return f"import time\nwhile time.process_time() < {seconds}: pass"


def test_cpu_of_a_child_that_was_waited_for_is_counted() -> None:
    begin = spent()
    subprocess.run([sys.executable, "-c", burn(0.3)], check=True)
    assert 0.3 <= spent().since(begin).cpu_s < 3


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("name", ["decode-full", "decode-10", "decode-1", "passing"])
def test_contenders_do_the_same_work_on_a_real_clip(name: str, clips: Path) -> None:
    bench = BENCHES[name]
    taken = run(bench, TINY, 1, say=quiet).taken
    assert set(taken) == set(bench.contenders)
    assert all(each[CPU] > 0 for (each,) in taken.values())
    if name == "decode-full":
        assert {each[FRAMES] for (each,) in taken.values()} == {25}
    if name == "passing":
        assert taken[OURS][0][PACKETS] == 25


def test_both_runtimes_see_the_same_in_the_same_file() -> None:
    taken = run(BENCHES["inference"], TINY, 1, say=quiet).taken
    assert {each[FRAMES] for (each,) in taken.values()} == {1}
    assert all(each[MS_A_FRAME] > 0 for (each,) in taken.values())
    assert len({each[SEEN] for (each,) in taken.values()}) == 1


def test_many_cameras_as_fast_as_possible_lose_nothing() -> None:
    taken = take("many", FAST, TINY)
    assert taken[PACKETS] > 700
    assert taken[FRAMES] == pytest.approx(30, abs=3)
    assert taken[LOST] == 0
    assert taken[THREADS] <= 2 * (os.cpu_count() or 1) + 8  # numpy has one a core of its own


def test_many_cameras_at_their_own_pace_take_their_time() -> None:
    taken = take("many", PACED, TINY)
    assert 2.9 < taken[WALL] < 10
    assert taken[FRAMES] > 0


def test_walkers_are_followed_by_ours_alone() -> None:
    taken = take("track", OURS, Scale(calls=3000))
    assert 20 <= taken[IDS] <= 40
    assert taken[COST] > 0


def test_a_bench_whose_peer_cannot_be_installed_is_skipped_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, "KEPT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    ended = CliRunner().invoke(command.app, ["track", "--quick"])
    assert ended.exit_code == 0
    assert "track: skipped for want of the peer trackers==2.6.1, which cannot be installed" in ended.stderr


def test_a_turn_that_fails_says_why() -> None:
    with pytest.raises(Failed, match="(?s)small, nobody: ended with 1: .*KeyError"):
        take("small", "nobody", TINY)


def test_frames_that_are_missing_are_no_figure() -> None:
    with pytest.raises(WrongWork, match="expected 25 frames, got 24"):
        figures(Spent(1, 1), TINY, None, 24)
    assert figures(Spent(2, 1), TINY, None, 25)[CPU] == 120


def test_a_bench_without_its_input_is_skipped_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(making, "_SOURCES", tmp_path)
    monkeypatch.setattr(making, "_KEPT", tmp_path)
    ended = CliRunner().invoke(command.app, ["passing", "--quick"])
    assert ended.exit_code == 0
    assert f"passing: skipped for want of the real clip {making.SOURCE}" in ended.stderr


def test_what_was_measured_is_printed_for_a_program_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    ended = CliRunner().invoke(command.app, ["small", "--quick", "--runs", "1", "--json", "--record"])
    assert ended.exit_code == 0, ended.stderr
    assert len(json.loads(ended.stdout)["benches"]["small"]["rounds"][OURS]) == 1
    assert "### small: Small things" in (tmp_path / "RESULTS.md").read_text()


def test_names_are_listed_chosen_by_their_beginning_and_refused() -> None:
    listed = CliRunner().invoke(command.app, ["decode", "--list"])
    assert [row.split()[0] for row in listed.stdout.splitlines()] == ["decode-full", "decode-10", "decode-1"]
    assert CliRunner().invoke(command.app, ["nonsense"]).exit_code == 2
