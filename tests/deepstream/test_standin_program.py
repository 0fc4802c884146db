"""The stand-in as a process: what it says, sends and answers, how it ends, and how it is made to fail."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Who is started so has no handler of Python's before the program's, and that can be told from none."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a stand-in on a file of this text; it is ended."""
    with ExitStack() as running:

        def start(text: str = APP, *, faults: str = "", name: str = "app.txt") -> subprocess.Popen[str]:
            (tmp_path / name).write_text(text)
            command = [sys.executable, "-m", "sightline.deepstream.standin", "-c", str(tmp_path / name)]
            with ignoring_interrupts():
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


def does(process: subprocess.Popen[str], what: str) -> bool:
    """Whether it catches (`SigCgt`) or ignores (`SigIgn`) interrupts."""
    mask = Path(f"/proc/{process.pid}/status").read_text().split(f"{what}:")[1].split()[0]
    return bool(int(mask, 16) & 1 << signal.SIGINT - 1)


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
    assert code == 0
    assert told.endswith("** ERROR: <_intr_handler>: User Interrupted.. \n\nQuitting\nApp run successful\n")
    assert complained == ""  # the real one has its own errors on the standard output


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
        (APP.replace("type=4", "type=77", 1) + "[surface0]\n", "app.txt", "type"),
    ],
    ids=["type", "uri", "junk", "suffix", "no-source", "no-engine", "another's-looks"],
)
def test_a_file_that_deepstream_would_not_load_ends_it_with_255(
    start: Start, text: str, name: str, told: str
) -> None:
    code, said, complained = ended(start(text, name=name))
    assert code == 255
    assert told in said
    assert said.endswith("Quitting\nApp run failed\n")
    assert complained == ""
    assert "planted-secret" not in said


def test_a_file_at_which_yaml_cpp_throws_ends_it_by_an_abort(start: Start) -> None:
    code, said, complained = ended(start("a: [", name="app.yml"))
    assert (code, said) == (-signal.SIGABRT, "")
    assert complained.startswith("terminate called after throwing")


def test_without_a_file_it_says_which_option_it_misses() -> None:
    command = [sys.executable, "-m", "sightline.deepstream.standin"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 255
    assert "Specify config file with -c option" in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--nope"], 255, "Unknown option --nope"),
        (["-c"], 255, "expected one argument"),
        (["--cfg=app.txt"], 255, "Unknown option"),
        (["--gst-debug=3", "passed-over", "--version"], 0, "deepstream-app version"),
    ],
)
def test_options_are_taken_as_glib_takes_them(options: list[str], code: int, told: str) -> None:
    command = [sys.executable, "-m", "sightline.deepstream.standin", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert told in done.stdout


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


def test_an_interrupt_before_its_pipeline_runs_is_obeyed_when_it_does(
    start: Start, wait_for: WaitFor
) -> None:
    process = start(faults="slow 4s")
    wait_for(lambda: does(process, "SigCgt"), 30.0, "its handler")
    process.send_signal(signal.SIGINT)
    code, told, _ = ended(process)
    assert code == 0
    assert told.index("User Interrupted") < told.index("Runtime") < told.index("App run successful")


def test_a_second_interrupt_ends_it_at_once(start: Start, wait_for: WaitFor) -> None:
    process = start(faults="slow 1min")
    wait_for(lambda: does(process, "SigCgt"), 30.0, "its handler")
    process.send_signal(signal.SIGINT)
    read_until(process, "User Interrupted")
    wait_for(lambda: not does(process, "SigCgt"), 30.0, "the end of its handler")
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == -signal.SIGINT


def test_an_interrupt_before_all_ends_it_without_a_word(start: Start, wait_for: WaitFor) -> None:
    process = start()
    wait_for(lambda: not does(process, "SigIgn"), 30.0, "its first lines")
    process.send_signal(signal.SIGINT)
    code, _, complained = ended(process)
    assert code in {-signal.SIGINT, 0}  # 0: it was so fast that it ran already
    assert complained == ""


def test_who_no_longer_reads_it_ends_it_and_a_full_disk_does_not(start: Start, tmp_path: Path) -> None:
    process = start()
    read_until(process, "Runtime")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(30) == -signal.SIGPIPE
    command = [sys.executable, "-m", "sightline.deepstream.standin", "-c", str(tmp_path / "app.txt")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "STANDIN_FAULTS": "exit 3 at 2s"},
        )
    assert (done.returncode, done.stderr) == (3, "")


def test_the_terminate_signal_does_not_end_who_is_deaf(start: Start) -> None:
    process = start(faults="deaf to 1s")
    assert ended(process)[0] == 255  # no such words
    process = start(faults="deaf from 0s to 3s")
    read_until(process, "Runtime")
    process.terminate()
    process.send_signal(signal.SIGINT)
    for _ in range(4):
        read_until(process, "30.00")
    assert process.poll() is None  # what came then is lost
    process.terminate()
    assert ended(process)[0] == -signal.SIGTERM


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


LISTED = """
[source-list]
num-source-bins=2
use-nvmultiurisrcbin=1
list=rtsp://127.0.0.1:9/a;rtsp://127.0.0.1:9/b
sensor-id-list=gate;yard
sensor-name-list=Gate;Yard
max-batch-size=4
http-ip=127.0.0.1
http-port=PORT

[source-attr-all]
enable=1
type=4
"""
BEFORE, _, AFTER = APP.partition("[source0]")


def listed(port: int) -> str:
    return BEFORE + LISTED.replace("PORT", str(port)) + AFTER[AFTER.index("[streammux]") :]


def test_its_routes_are_there_where_the_file_has_them(start: Start) -> None:
    port = free_port()
    process = start(listed(port))
    read_until(process, "Runtime")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/api/v1/stream/get-stream-info")
    told = json.loads(connection.getresponse().read())
    assert [stream["camera_id"] for stream in told["stream-info"]["stream-info"]] == ["gate", "yard"]
    connection.close()
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 0


def test_without_a_source_it_waits_for_one_where_the_routes_can_add_it(start: Start) -> None:
    port = free_port()
    text = listed(port).replace("num-source-bins=2", "num-source-bins=0")
    text = "".join(line for line in text.splitlines(True) if not line.startswith(("list=", "sensor-")))
    process = start(text)
    read_until(process, "Runtime")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    value = {"camera_id": "gate", "camera_url": "rtsp://127.0.0.1:9/a", "change": "camera_add"}
    connection.request("POST", "/api/v1/stream/add", json.dumps({"value": value}))
    assert connection.getresponse().status == 200
    connection.close()
    read_until(process, "30.00")
