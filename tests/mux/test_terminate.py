"""Ending a mux by its pid file: that process, by force if it must be, and no other."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.mux.pid_file import PidFile
from sightline.mux.terminate import main, terminate

SLEEPS = "import time; print(flush=True); time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
Start = Callable[[str], int]


@pytest.fixture
def start(no_leaks: None) -> Iterator[Start]:
    """Runs Python code until it prints, and gives its process id; whoever ended is waited for at once."""
    children: list[tuple[subprocess.Popen[bytes], threading.Thread]] = []

    def run(code: str) -> int:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        waiting = threading.Thread(target=child.wait)
        waiting.start()
        children.append((child, waiting))
        return child.pid

    yield run
    for child, waiting in children:
        if child.returncode is None:
            child.kill()
        waiting.join(10)
        assert child.stdout is not None
        child.stdout.close()


def test_a_process_is_asked_to_end(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(f"{start(SLEEPS)}\n")
    assert terminate(file).endswith("ended by SIGTERM")
    assert terminate(file).endswith("is gone already")


def test_one_that_does_not_listen_is_ended_by_force(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(str(start(DEAF)))
    assert terminate(file, wait_s=0.2).endswith("ended by SIGKILL")


def test_a_process_that_began_after_the_file_was_written_is_left_alone(start: Start, tmp_path: Path) -> None:
    file, pid = tmp_path / "pid", start(SLEEPS)
    file.write_text(str(pid))
    os.utime(file, (1_000_000_000, 1_000_000_000))
    with pytest.raises(ConfigError, match=f"process {pid} began after this was written"):
        terminate(file)
    os.kill(pid, 0)


@pytest.mark.parametrize("text", ["", "many", "0", "1", "-5", "9" * 30, "12 13"])
def test_what_is_no_process_id_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "pid"
    file.write_text(text)
    with pytest.raises(ConfigError, match="a number above 1"):
        terminate(file)


def test_the_command_says_what_it_did(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "pid: there is no such file" in capsys.readouterr().err
    Path("pid").write_text(str(start(SLEEPS)))
    assert main(["pid", "--wait", "5"]) == 0
    assert f"ended by {signal.SIGTERM.name}" in capsys.readouterr().out


def test_it_runs_as_a_module(start: Start, tmp_path: Path) -> None:
    (tmp_path / "mux.pid").write_text(str(start(SLEEPS)))
    command = [sys.executable, "-m", "sightline.mux.terminate", "mux.pid"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pid_file_is_ones_own_while_one_runs(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with PidFile(file):
        assert file.read_text() == f"{os.getpid()}\n"
    assert not file.exists()
    pid = start(SLEEPS)
    file.write_text(str(pid))
    with pytest.raises(ConfigError, match=f"process {pid}, which wrote it, still runs"):
        PidFile(file)
    terminate(file)
    mine = PidFile(file)
    file.write_text("12345")
    mine.remove()
    assert file.exists(), "it is another's by now"
    with pytest.raises(ConfigError, match="cannot be written"):
        PidFile(tmp_path)
