"""The processes of `sightline up`: gone with it, however it ends."""

import os
import signal
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest
from tests.conftest import WaitFor
from tests.proof.conftest import FRAMES, MakeStreet, StartUp, Up
from tests.proof.runs import results_in, settings_of

ROOT = Path(__file__).resolve().parents[2]
MOTION = {"model": {"kind": "motion"}}
STUCK = {"model": {"kind": "python", "class": "tests.site.slow_model:Stuck"}}


def processes(started: Up) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(started.process.pid).children(recursive=True)
    return found


def folder_of(found: list[psutil.Process]) -> Path:
    """Where the hub of these processes listens."""
    sockets = [one.laddr for process in found for one in process.net_connections(kind="unix")]
    (path,) = {Path(str(address)).parent for address in sockets if "sightline-up-" in str(address)}
    return path


def are_gone(found: list[psutil.Process]) -> bool:
    return not [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def live(street: MakeStreet) -> dict[str, Any]:
    return {"a": {"url": str(street(1).path), "loop": True, "realtime": True}}


def test_killed_it_takes_all_its_processes_along_and_the_next_removes_its_folder(
    up: StartUp, street: MakeStreet, tmp_path: Path, grows: Any, wait_for: WaitFor
) -> None:
    secret = {"url": "rtsp://127.0.0.1:1/stream", "username": "viewer", "password": "Tulip-77"}
    started = up(settings_of({**live(street), "secret": secret}, tmp_path, w=MOTION), "-vv")
    grows(tmp_path / "w.jsonl", 10)
    found = processes(started)
    folder = folder_of(found)
    assert len(found) == 3
    said = [started.out.read_text(), started.err.read_text()]
    assert "capture-1 | " in said[1]
    assert "Tulip" not in str([said, [(one.cmdline(), one.environ()) for one in found]])
    started.tell(signal.SIGKILL)
    wait_for(lambda: are_gone(found), 5, "the end of all its processes")
    assert folder.exists()

    again = up(settings_of({"a": {"url": str(street(1).path)}}, tmp_path / "up-0", w=MOTION))
    assert again.ends(60) == 0
    assert len(results_in(tmp_path / "up-0" / "w.jsonl")) == FRAMES
    assert not folder.exists()


def test_a_second_ctrl_c_does_not_wait(
    up: StartUp, street: MakeStreet, tmp_path: Path, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a model that does not return."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    started = up(settings_of(live(street), tmp_path, w=STUCK))
    wait_for(lambda: "worker-w | stuck" in started.err.read_text(), 30, "the model to hang")
    assert "stuck" not in started.out.read_text()  # where lines of JSON may stand
    found = processes(started)
    started.tell(signal.SIGINT)
    wait_for(lambda: len(processes(started)) < 3, 10, "captures to end")
    started.tell(signal.SIGINT)
    asked_s = monotonic()
    assert started.ends(10) == 130
    assert monotonic() - asked_s < 2
    wait_for(lambda: are_gone(found), 5, "the end of all its processes")
