"""`sightline top`, as it is typed, beside a site that runs."""

import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from tests.conftest import WaitFor

from sightline.site import private_folder
from sightline.top import window_feed
from sightline.top.addresses import windows_here
from sightline.top.watching import Watching

WAIT_S = 60.0
COMMAND = [sys.executable, "-m", "alone"]
ALONE = """
import tempfile
from pathlib import Path
from sightline.site import private_folder
private_folder._MOST_PATH_BYTES = 90
private_folder.places = lambda: [Path(tempfile.gettempdir())]
from sightline.cli import main
main()
"""
SITE = """
cameras:
  gate: {url: "synthetic://street?size=160x90&fps=10&gop=10"}
workers:
  people: {model: {kind: motion}}
"""

PIPE = """
import time
from sightline.pipe import Pipe, Policy, Wire, WireSettings, routine

@routine
def hello():
    time.sleep(0.1)
    return "hello"

@routine
def heard(data): ...

pipe = Pipe()
pipe.create_flow("f", False, hello, heard)
pipe.link(Wire(hello, heard, settings=WireSettings(policy=Policy.LOSSLESS)))
"""


@pytest.fixture
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """With a folder for windows of its own: others of this machine are nobody's business."""
    home = tmp_path_factory.mktemp("w")
    (home / "alone.py").write_text(ALONE)
    path = os.pathsep.join([str(home), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "COLUMNS": "100", "PYTHONPATH": path, "TMPDIR": str(home)}


@pytest.fixture
def up(no_leaks: None, tmp_path: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "site.yaml").write_text(SITE)
    command = [*COMMAND, "up", str(tmp_path / "site.yaml"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=WAIT_S)


def top(environ: dict[str, str], *options: str, code: int = 0) -> str:
    command = [*COMMAND, "top", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, env=environ, check=False)
    assert done.returncode == code, done
    return done.stdout + done.stderr


@pytest.fixture
def watching(no_leaks: None, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    """What the command watches, without a process for each look."""
    for module in (private_folder, window_feed):
        monkeypatch.setattr(module, "places", lambda: [Path(environ["TMPDIR"])])
    with Watching(windows_here, every_s=0.2) as watching:
        yield watching


def facts(watching: Watching) -> dict[str, Any]:
    """Of the one that runs."""
    return next(iter(watching.picture.facts.values()), {})


def amiss(told: dict[str, Any]) -> list[str]:
    """What stands in the columns that say why."""
    return [
        why for rows in told.values() if isinstance(rows, list) for row in rows if (why := row.get("why"))
    ]


def test_that_nothing_runs_is_told(environ: dict[str, str]) -> None:
    assert "nothing of yours runs here" in top(environ, "--once")
    assert "nothing of yours runs here" in top(environ, "--seconds", "0.2")
    assert json.loads(top(environ, "--once", "--json")) == {}


def test_what_was_named_and_does_not_answer_is_a_failure(environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "127.0.0.1" in top(environ, f"http://127.0.0.1:{port}", "--once", code=1)
    assert "expected addresses such as" in top(environ, "gate", "--once", code=1)


def test_a_site_is_seen_while_it_runs_and_a_worker_that_is_killed(
    up: subprocess.Popen[str], environ: dict[str, str], watching: Watching, wait_for: WaitFor
) -> None:
    def results() -> list[dict[str, Any]]:
        """The workers' may be told before the captures' state is."""
        cameras = facts(watching).get("cameras", ())
        return [of for of in cameras if of["state"] == "live" and (of["results_per_s"] or 0) > 1]

    (gate,) = wait_for(results, WAIT_S, "results")
    assert gate["camera"] == "gate"
    (now,) = json.loads(top(environ, "--once", "--json")).values()
    assert (now["name"], now["fault"]) == ("site.yaml", "")
    assert "cameras" in {of["routine"] for of in now["routines"]}
    assert {of["flow"] for of in now["routines"]} == {"worker-people"}
    assert "raw_gate" in {of["channel"] for of in now["channels"]}
    assert {of["process"] for of in now["processes"]} == {"main", "hub", "capture-1", "worker-people"}
    worker = next(of for of in now["processes"] if of["process"] == "worker-people")
    assert worker["mb"] > 10
    table = top(environ, "--once")
    assert "gate" in table
    assert "worker-people" in table
    if "why" in table:  # a model that is held up has let pictures go, and that stays told
        wait_for(lambda: amiss(facts(watching)), WAIT_S, "what is amiss")
    else:
        assert amiss(now) == []
    os.kill(worker["pid"], signal.SIGKILL)

    def is_back() -> bool:
        (now,) = (of for of in facts(watching)["processes"] if of["process"] == "worker-people")
        return bool(now["ends"] == 1 and now["pid"] not in {None, worker["pid"]})

    wait_for(is_back, WAIT_S, "another worker")


def test_a_demo_is_seen_while_it_runs(
    tmp_path: Path, environ: dict[str, str], watching: Watching, wait_for: WaitFor
) -> None:
    command = [*COMMAND, "demo", "--seconds", "600", "--folder", str(tmp_path)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: len(facts(watching).get("cameras", ())) == 2, WAIT_S, "its cameras")
            assert facts(watching)["name"] == "demo"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_S)


def test_the_pipe_of_a_file_is_seen_while_it_runs(
    tmp_path: Path, environ: dict[str, str], watching: Watching, wait_for: WaitFor
) -> None:
    (tmp_path / "hello.py").write_text(PIPE)
    command = [*COMMAND, "pipe", "run", str(tmp_path / "hello.py")]
    with subprocess.Popen(command, env=environ) as process:
        try:
            wait_for(lambda: facts(watching).get("wires"), WAIT_S, "its wire")
            assert facts(watching)["name"] == "hello.py"
            table = top(environ, "--once")
            assert "hello" in table
            assert "why" not in table  # nothing is ever lost on such a wire
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_S)


@contextmanager
def in_terminal(
    environ: dict[str, str], *options: str, errors: IO[bytes] | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {**environ, "TERM": "xterm-256color"}
    environ.pop("COLUMNS")
    command = [*COMMAND, "top", *options]
    try:
        with subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=errors or theirs,
            env=environ,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            yield ours, process
    finally:
        os.close(ours)


def read_until(ours: int, word: bytes) -> bytes:
    told = b""
    while word not in told:
        told += os.read(ours, 65536)
    return told


def test_a_terminal_shows_it_and_is_left_as_it_was(
    up: subprocess.Popen[str], environ: dict[str, str], watching: Watching, wait_for: WaitFor
) -> None:
    wait_for(lambda: facts(watching).get("cameras"), WAIT_S, "its camera")
    for ending in (b"q", b"\x03", signal.SIGTERM):
        with in_terminal(environ) as (ours, process):
            read_until(ours, b"gate")
            if isinstance(ending, bytes):
                os.write(ours, ending)
            else:
                process.send_signal(ending)
            read_until(ours, b"\x1b[?1049l")  # out of the screen of its own
            assert process.wait(WAIT_S) == 0
            assert termios.tcgetattr(ours)[3] & termios.ECHO


def test_it_ends_by_itself_where_it_was_asked_to(environ: dict[str, str]) -> None:
    with in_terminal(environ, "--seconds", "0.2") as (ours, process):
        read_until(ours, b"\x1b[?1049l")
        assert process.wait(WAIT_S) == 0


def test_where_the_screen_would_go_to_a_file_it_tells_lines(environ: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "errors").open("w+b") as errors:
        with in_terminal(environ, "--seconds", "0.2", errors=errors) as (ours, process):
            read_until(ours, b"nothing of yours runs here")
            assert process.wait(WAIT_S) == 0
        errors.seek(0)
        assert errors.read() == b""


def test_what_is_missing_is_told_with_how_to_have_it(environ: dict[str, str], tmp_path: Path) -> None:
    missing = 'raise ModuleNotFoundError("No module named \'textual\'", name="textual")'
    (tmp_path / "textual.py").write_text(missing)
    environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environ["PYTHONPATH"]])
    with in_terminal(environ) as (ours, process):
        read_until(ours, b"pip install 'sightline[top]'")
        assert process.wait(WAIT_S) == 1
    assert "nothing of yours" in top(environ, "--once")
