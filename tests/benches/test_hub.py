import shutil
import sys
from pathlib import Path

import pytest
from benches.bench import OURS, Bench, Missing, Scale, WrongWork
from benches.board import PICTURE, SMALL
from benches.contest import COST, LOST, MB, P99, RATE, Contender, hand_over, stream
from benches.interpreters import python
from benches.pairing import Aim
from benches.peers import Peer
from benches.report import markdown
from benches.turns import BENCHES, run

SHORT = Scale(window_s=0.6)
RELAY = Contender(module="relay", python=lambda: Path(sys.executable))


@pytest.mark.parametrize(("size", "readers"), [(SMALL, 2), (PICTURE, 1)])
def test_processes_are_counted_at_their_readers(size: str, readers: int) -> None:
    figures = stream(RELAY, size, readers)(SHORT)
    assert figures[RATE] > 10
    assert figures[MB] == pytest.approx(figures[RATE] * (100 if size == SMALL else 6_220_800) / 1e6)
    assert figures[LOST] == 0
    assert figures[COST] > 0
    assert figures[P99] > 0
    assert {"cores: server", "cores: write", "cores: read"} <= set(figures)


def test_a_role_that_fails_says_why() -> None:
    nobody = Contender(module="nobody", python=RELAY.python)
    with pytest.raises(WrongWork, match=r"(?s)server0 ended with 1.*No module named 'benches.roles.nobody'"):
        stream(nobody, SMALL, 1)(SHORT)


@pytest.mark.parametrize("variant", ["queue", "place"])
def test_processes_of_one_parent_are_counted_with_it(variant: str) -> None:
    pair = Contender(module="pairs", variant=variant, python=RELAY.python, alone="pair")
    figures = hand_over(pair, PICTURE, whole=variant == "queue")(SHORT)
    assert figures[RATE] > 1
    assert figures[LOST] == 0
    assert figures["cores: pair"] > 0
    assert {"p50 ms, 25/s", "p99 ms, 100/s"} <= set(figures)


@pytest.mark.parametrize("variant", ["place", "copied", "batches"])
def test_frames_are_handed_over_in_shared_memory(variant: str) -> None:
    ours = Contender(module="shared", variant=variant, python=RELAY.python, server=False)
    figures = hand_over(ours, PICTURE, whole=variant == "copied")(SHORT)
    assert figures[RATE] > 10
    assert figures[LOST] == 0


def absent() -> None:
    raise Missing("a unicorn")


def test_a_contender_that_cannot_be_had_is_left_out_alone() -> None:
    bench = Bench(
        name="small",
        title="",
        contenders=dict.fromkeys((OURS, "gone"), BENCHES["small"].contenders[OURS]),
        aims=(Aim("gone", "s", 1), Aim(OURS, "s", 1, "gone")),
        peers={"gone": absent},
    )
    report = run(bench, Scale(calls=64), 1, say=lambda _turn: None)
    assert set(report.taken) == {OURS}
    assert report.verdicts == []
    assert "- gone: left out for want of a unicorn" in markdown(report)


def test_an_interpreter_is_looked_for_on_the_path_and_in_pyenvs_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    with pytest.raises(Missing, match=f"Python {version}, on the PATH or in pyenv's folder"):
        python(version)
    kept = tmp_path / "pyenv" / "versions" / f"{version}.1" / "bin"
    kept.mkdir(parents=True)
    (kept / "python").symlink_to(sys.executable)
    assert python(version) == kept / "python"
    named = tmp_path / "path" / f"python{version}"
    named.parent.mkdir()
    named.write_text("#!/bin/sh\nexit 127\n")  # as pyenv's, where the version is not chosen
    named.chmod(0o755)
    assert python(version) == kept / "python"
    named.unlink()
    named.symlink_to(sys.executable)
    assert python(version) == named
    shutil.rmtree(kept)


def test_a_peer_without_its_python_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benches.peers.KEPT", tmp_path)
    with pytest.raises(Missing, match="Python 3.1,"):
        Peer(name="old", packages=(), dependencies=(), version="3.1").python()
