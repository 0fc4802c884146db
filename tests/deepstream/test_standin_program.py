"""The stand-in as a process: what it says, sends and answers, how it ends, and how it is made to fail."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import WaitFor
from tools.services.ports import free_port

APP = """
[application]
enable-perf-measurement=1
perf-measurement-interval-sec=1

[source0]
enable=1
type=4
uri=rtsp://viewer:planted-secret@127.0.0.1:9/gate

[source1]
enable=1
type=4
uri=rtsp://127.0.0.1:9/yard

[streammux]
batch-size=2
width=1280
height=720
live-source=1

[sink0]
enable=1
type=1
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a stand-in on a file of this text; it is ended."""
    with ExitStack() as running:

        def start(text: str = APP, *, faults: str = "", name: str = "app.txt") -> subprocess.Popen[str]:
            (tmp_path / name).write_text(text)
            command = [sys.executable, "-m", "sightline.deepstream.standin", "-c", str(tmp_path / name)]
            process = subprocess.Popen(
                command,
                env={**os.environ, "STANDIN_FAULTS": faults},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            running.enter_context(process)
            running.callback(process.kill)
            return process

        yield start


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """Its lines up to the first with this word; the test's own time limit is the deadline."""
    assert process.stdout is not None
    told = []
    while line := process.stdout.readline():
        told.append(line)
        if word in line:
            return "".join(told)
    raise AssertionError(f"ended without {word!r}: {''.join(told)}{process.communicate()[1]}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    told, complained = process.communicate(timeout=30)
    return process.returncode, told, complained


def test_it_says_its_rates_and_ends_well_on_an_interrupt(start: Start) -> None:
    process = start()
    told = read_until(process, "30.00")
    assert "Runtime commands:" in told
    assert "**PERF:  FPS 0 (Avg)\tFPS 1 (Avg)\t\n**PERF:  30.00 (30.00)\t30.00 (30.00)\t\n" in told
    process.send_signal(signal.SIGINT)
    code, told, complained = ended(process)
    assert (code, told) == (0, "Quitting\nApp run successful\n")
    assert "User Interrupted" in complained


def test_sigterm_ends_it_as_it_ends_the_real_one(start: Start) -> None:
    process = start()
    read_until(process, "Runtime")
    process.terminate()
    assert ended(process)[0] == -signal.SIGTERM


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (APP.replace("type=4", "type=77", 1), "app.txt", "type"),
        (APP.replace("uri=rtsp://127.0.0.1:9/yard", ""), "app.txt", "uri"),
        (APP + "\njunk\n", "app.txt", "line 26"),
        (APP, "app.conf", "expected a name that ends in .txt, .yml or .yaml"),
        (APP.replace("enable=1\ntype=4", "enable=0\ntype=4"), "app.txt", "source"),
        (APP + "[primary-gie]\nenable=1\nconfig-file=gone.txt\n", "app.txt", "gone.txt"),
        ("a: [", "app.yml", "app.yml"),
    ],
    ids=["type", "uri", "junk", "suffix", "no-source", "no-engine", "yaml"],
)
def test_a_file_that_deepstream_would_not_load_ends_it_with_255(
    start: Start, text: str, name: str, told: str
) -> None:
    code, said, complained = ended(start(text, name=name))
    assert (code, said) == (255, "Quitting\nApp run failed\n")
    assert told in complained
    assert "Traceback" not in complained
    assert "planted-secret" not in complained


def test_without_a_file_it_says_which_option_it_misses() -> None:
    command = [sys.executable, "-m", "sightline.deepstream.standin"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 255
    assert "Specify config file with -c option" in done.stderr


@pytest.mark.parametrize(
    ("faults", "code", "last"),
    [
        ("refuse", 255, "App run failed"),
        ("exit 3 at 100ms", 3, ""),
        ("error at 100ms", 255, "App run failed"),
        ("crash at 100ms", -signal.SIGSEGV, ""),
        ("bogus", 255, "App run failed"),
    ],
)
def test_it_fails_as_it_is_told(start: Start, faults: str, code: int, last: str) -> None:
    returned, told, _ = ended(start(faults=faults))
    assert returned == code
    assert last in told


def test_what_is_written_beside_its_file_while_it_runs_befalls_it(start: Start, tmp_path: Path) -> None:
    process = start()
    read_until(process, "Runtime")
    (tmp_path / "standin.faults").write_text("nonsense\n")
    assert process.stderr is not None
    assert "expected one of refuse" in process.stderr.readline()
    (tmp_path / "standin.faults").write_text("lose source1\nexit 9 at 2500ms\n")
    assert "30.00 (30.00)\t0.00" in read_until(process, "0.00 (30.00)\t\n")
    assert ended(process)[0] == 9


@pytest.mark.parametrize("fault", ["deaf", "hang at 1500ms"])
def test_who_is_deaf_or_hangs_is_ended_by_a_kill_alone(start: Start, fault: str, wait_for: WaitFor) -> None:
    process = start(faults=fault)
    read_until(process, "PERF")
    ignores = Path(f"/proc/{process.pid}/status")
    if fault == "deaf":
        process.send_signal(signal.SIGINT)
        read_until(process, "30.00")
        read_until(process, "30.00")
    else:
        wait_for(
            lambda: int(ignores.read_text().split("SigIgn:")[1].split()[0], 16) & 1 << 14,
            10.0,
            "ignoring signals",
        )
        process.send_signal(signal.SIGINT)
        process.terminate()
    assert process.poll() is None
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL


def test_its_routes_are_there_where_the_file_has_them(start: Start) -> None:
    port = free_port()
    sources = f"""
[source-list]
num-source-bins=2
use-nvmultiurisrcbin=1
list=rtsp://127.0.0.1:9/a;rtsp://127.0.0.1:9/b
sensor-id-list=gate;yard
sensor-name-list=Gate;Yard
max-batch-size=4
http-ip=127.0.0.1
http-port={port}

[source-attr-all]
enable=1
type=4
"""
    before, _, after = APP.partition("[source0]")
    process = start(before + sources + after[after.index("[streammux]") :])
    read_until(process, "Runtime")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/api/v1/stream/get-stream-info")
    told = json.loads(connection.getresponse().read())
    assert [stream["camera_id"] for stream in told["stream-info"]["stream-info"]] == ["gate", "yard"]
    connection.close()
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 0
