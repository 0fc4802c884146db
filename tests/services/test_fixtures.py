"""What the shared fixtures do to a test: each case is a test run of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs one test file with our conftest and an environment in which no program is found."""

    def run_file(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "test_it.py"
        path.write_text(code)
        command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
        command += ["-p", "tests.conftest", "-p", "no:cacheprovider", str(path)]
        outside = {name: value for name, value in os.environ.items() if name not in ("CI", "PATH")}
        settings = {**outside, "PYTHONPATH": str(ROOT), "PATH": "", **environment}
        return subprocess.run(
            command, env=settings, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run_file


NEEDY = """
import pytest
@pytest.mark.needs("ffmpeg")
def test_needy(): pass
def test_free(): pass
"""


def test_a_missing_service_skips_the_test_by_name_with_the_command_that_adds_it(run: Run) -> None:
    ended = run(NEEDY)
    assert ended.returncode == 0, ended.stdout
    assert "1 passed, 1 skipped" in ended.stdout
    assert "service ffmpeg: not found; to add it: python -m tools.services install ffmpeg" in ended.stdout


def test_in_ci_a_missing_service_is_a_failure(run: Run) -> None:
    ended = run(NEEDY, CI="true")
    assert ended.returncode == 1
    assert "1 passed, 1 error" in ended.stdout
    assert "python -m tools.services install ffmpeg" in ended.stdout


def test_the_environment_may_name_a_program(run: Run) -> None:
    code = """
def test_named(found_at): assert found_at("ffmpeg") == "/opt/other/ffmpeg"
"""
    assert "1 passed" in run(code, SIGHTLINE_FFMPEG="/opt/other/ffmpeg").stdout


def test_an_unknown_service_is_an_error_and_no_skip(run: Run) -> None:
    assert run(NEEDY.replace("ffmpeg", "ffmpg")).returncode == 1


def test_a_leak_is_an_error_that_names_it(run: Run) -> None:
    ended = run("""
import subprocess, sys, threading, time
kept = []
def test_leaks(no_leaks):
    kept.append(open(__file__))
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
    threading.Thread(target=time.sleep, args=(60,), name="lost", daemon=True).start()
""")
    assert ended.returncode == 1
    assert re.search(
        r"left behind: descriptor \d+ -> \S*test_it.py, .*process \d+, thread lost", ended.stdout
    )


def test_what_ends_in_time_is_no_leak(no_leaks: None) -> None:
    with Path(__file__).open():
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_waiting_ends_with_the_answer_or_at_the_deadline(wait_for: Callable[..., object]) -> None:
    answers = iter([None, 0, "here"])
    assert wait_for(lambda: next(answers), 5.0, "an answer") == "here"
    with pytest.raises(TimeoutError, match=r"waited 0.1 s for rain; the last answer was \[\]"):
        wait_for(list, 0.1, "rain")


def test_free_ports_lie_below_those_of_outgoing_connections(free_port: Callable[[], int]) -> None:
    first_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 < free_port() < first_outgoing for _ in range(20))
