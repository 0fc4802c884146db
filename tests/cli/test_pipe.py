"""`sightline pipe`, as it is typed: a file's pipe is run, drawn and asked for its events."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from tests.conftest import WaitFor
from tests.pipe.outside.receiving import Plain

from sightline.cli.pipe_run import event_lines
from sightline.pipe.counts.stats import PipeStats

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))
DONE_S = 60
WAIT_S = 30.0

FILE = """\
from __future__ import annotations
import dataclasses
import time
from pathlib import Path
from sightline.pipe import DestinationRoutine, Pipe, QueueNetwork, SourceRoutine, dataclass, events

FOLDER = Path(__file__).parent
print("the file is run")

@dataclass
class Number:
    number: int

class Count(SourceRoutine):
    most = 3

    def setup(self):
        self.left = self.most

    def main_logic(self) -> Number:
        if not self.left:
            raise StopIteration
        self.left -= 1
        time.sleep(0.001)
        return Number(self.left)

class Show(DestinationRoutine):
    def setup(self) -> None:
        @dataclasses.dataclass
        class Mark:
            made: int  # a text, which is looked up in the module

        self.mark = Mark(1)

    def main_logic(self, data: Number) -> None:
        if data.number < 3:  # of an endless one nobody reads what it prints
            print("number", data.number, flush=True)
        (FOLDER / "got").touch()

    def cleanup(self) -> None:
        (FOLDER / "cleanup").touch()

    @events("say")
    def say(self, what): ...

def of(name: str, most: int = 3) -> Pipe:
    made, count = Pipe(network=QueueNetwork(put_block=True)), Count("count")
    count.most = most
    made.create_flow(name, True, count)
    show = Show("show")
    made.create_flow("out", False, show)
    from sightline.pipe import Wire
    made.link(Wire(count, show))
    return made

def endless() -> Pipe:
    return of("endless", 1_000_000_000)
"""
MADE = "def make_pipe() -> Pipe:\n    return of('made')\n"
GUARDED = "if __name__ == '__main__':\n    raise ValueError('this is for python alone')\n"


class Written:
    """A file with a pipe, and the command at work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: subprocess.Popen[str] | None = None

    def file(self, rest: str = MADE, name: str = "yard.py") -> str:
        (self.folder / name).write_text(FILE + rest)
        return name

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [SIGHTLINE, "pipe", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=DONE_S,
            check=False,
        )

    def begin(self, *words: str, environ: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        self.running = subprocess.Popen(
            [sys.executable, "-m", "sightline.pipe", *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environ or {}),
        )
        return self.running

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    written = Written(tmp_path)
    yield written
    if written.running is not None:
        with written.running as running:
            running.kill()


@pytest.mark.parametrize(
    ("rest", "name", "of"),
    [
        (MADE + GUARDED, "json.py", ""),
        (
            "other = of('other')\npipe = of('started')\npipe.build()\npipe.notify_event('start')\n",
            "a.py",
            ":pipe",
        ),
    ],
    ids=["called as a module is", "started by itself"],
)
def test_the_pipe_of_a_file_runs_to_its_end(written: Written, rest: str, name: str, of: str) -> None:
    done = written.run("run", written.file(rest, name) + of)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("number")] == [
        "number 2",
        "number 1",
        "number 0",
    ]
    assert written.has("cleanup")


def test_its_counts_are_all_that_standard_output_has(written: Written) -> None:
    done = written.run("run", written.file(), "--json", "--seconds", "40")
    last = [msgspec.json.decode(line, type=PipeStats) for line in done.stdout.splitlines()][-1]
    assert (last.state.value, last.routines["show"].processed) == ("over", 3)
    assert last.balanced
    assert {"the file is run", "number 0"} <= {*done.stderr.splitlines()}


def test_its_counts_are_told_while_it_runs(written: Written) -> None:
    running = written.begin(written.file("pipe = endless()\n"), "--json")
    assert running.stdout is not None
    shown = (json.loads(line)["flows"]["out"]["routines"]["show"] for line in running.stdout)
    at_work = (one["processed"] for one in shown if one["state"] == "running" and one["processed"])
    assert next(at_work) < next(at_work)
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate(timeout=DONE_S)
    assert json.loads(rest.splitlines()[-1])["state"] == "over"


def test_it_ends_after_so_many_seconds(written: Written) -> None:
    done = written.run("run", written.file("pipe = endless()\n"), "--seconds", "0.2")
    assert (done.returncode, done.stderr) == (0, "")
    assert written.has("cleanup")


def test_it_ends_when_nobody_reads_its_counts(written: Written) -> None:
    running = written.begin(written.file("pipe = endless()\n"), "--json")
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    with running.stderr:
        assert {*running.stderr} <= {"the file is run\n", *(f"number {number}\n" for number in range(3))}
    assert running.wait(DONE_S) == 1
    assert written.has("cleanup")


LOGGED = """
import logging
from sightline.pipe import get_socket_logger
pipe = make_pipe()
pipe.logger = get_socket_logger("seen", logging.INFO, url="{url}")
"""
LAST = "    def cleanup(self) -> None:\n"


def test_the_last_line_of_its_log_goes_to_its_receiver(written: Written) -> None:
    with Plain() as cockpit:
        file = written.file(MADE + LOGGED.format(url=cockpit.url))
        text = (
            (written.folder / file).read_text().replace(LAST, f"{LAST}        self.logger.info('the last')\n")
        )
        (written.folder / file).write_text(text)
        assert written.run("run", file).returncode == 0
    assert [one["source"] for one in cockpit.records if one["message"] == "the last"] == ["seen.out.show"]


def flows_of(pid: int) -> list[psutil.Process]:
    flows: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    return flows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_routines_clean_up(
    written: Written, wait_for: WaitFor, number: signal.Signals
) -> None:
    running = written.begin(written.file("pipe = endless()\n"))
    wait_for(lambda: written.has("got"), WAIT_S, "it is at work")
    flows = flows_of(running.pid)
    running.send_signal(number)
    _, said = running.communicate(timeout=DONE_S)
    assert (running.returncode, said) == (0, "")
    assert written.has("cleanup")
    assert len(flows) >= 2
    assert not [flow for flow in flows if flow.is_running()]


SLOW = """
class Slow(Show):
    def __setstate__(self, state):
        (FOLDER / "got").touch()
        time.sleep(3600)

pipe = Pipe(stop_s=600)
pipe.create_flow("slow", True, Count("count"), Slow("slow"))
"""
BY_ITSELF = """
with endless() as pipe:
    pipe.build()
    pipe.notify_event("start")
    pipe.wait()
"""


@pytest.mark.parametrize(
    ("rest", "number", "code"),
    [(SLOW, signal.SIGINT, 130), (BY_ITSELF, signal.SIGTERM, 143)],
    ids=["while it is built", "within a file that runs it itself"],
)
def test_a_signal_before_it_is_run_ends_it_as_any_script(
    written: Written, wait_for: WaitFor, rest: str, number: signal.Signals, code: int
) -> None:
    running = written.begin(written.file(rest))
    wait_for(lambda: written.has("got"), WAIT_S, "a flow is there")
    flows = flows_of(running.pid)
    running.send_signal(number)
    _, said = running.communicate(timeout=WAIT_S)
    assert running.returncode == code
    assert not [line for line in said.splitlines() if "stacks" not in line], said
    assert not [flow for flow in flows if flow.is_running()]


STUCK = """
class Stuck(DestinationRoutine):
    def main_logic(self, data: Number) -> None:
        (FOLDER / "got").touch()
        time.sleep(3600)

pipe = Pipe(stop_s=600)
pipe.create_flow("stuck", True, Count("count"), Stuck("stuck"))
"""


def test_a_second_signal_does_not_wait_for_them(written: Written, wait_for: WaitFor) -> None:
    running = written.begin(written.file(STUCK))
    wait_for(lambda: written.has("got"), WAIT_S, "it is at work")
    flows = flows_of(running.pid)
    running.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        running.communicate(timeout=1.5)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=WAIT_S)
    assert running.returncode == 130
    wait_for(lambda: not [flow for flow in flows if flow.is_running()], WAIT_S, "no flow is left")


BROKEN = """
class Broken(DestinationRoutine):
    def setup(self):
        raise OSError("no such camera: rtsp://me:hunter2@gate/")

    def main_logic(self, data: Number) -> None: ...

pipe = Pipe()
pipe.create_flow("flow", True, Count("count"), Broken("broken"))
"""


def test_a_routine_that_failed_makes_it_exit_with_1(written: Written) -> None:
    done = written.run("run", written.file(BROKEN), "--seconds", "2")
    assert done.returncode == 1
    assert re.search(
        r"^routine broken of flow flow: failed \(.*no such camera: rtsp://\*\*\*@gate/",
        done.stderr,
        re.MULTILINE,
    ), done.stderr
    assert "hunter2" not in done.stderr
    assert (done.stdout.count("broken: setup failed"), done.stderr.count("setup failed")) == (1, 0)


DYING = """
import os
from sightline.supervise import Restart

class Dying(Show):
    def main_logic(self, data: Number) -> None:
        os._exit(3)

pipe = Pipe(restart=Restart(most_ends=1))
pipe.create_flow("dying", True, Count("count"), Dying("dying"))
"""


def test_a_flow_that_is_given_up_makes_it_exit_with_1(written: Written) -> None:
    done = written.run("run", written.file(DYING), "--json")
    assert done.returncode == 1
    told = msgspec.json.decode(done.stdout.splitlines()[-1], type=PipeStats)
    assert (told.state.value, told.flows["dying"].state.value) == ("over", "quarantined")
    assert done.stderr.endswith(f"flow dying: quarantined ({told.flows['dying'].reason})\n")
    assert told.flows["dying"].reason.endswith("the last time: exit code 3")


def test_what_is_wrong_with_a_file_is_a_line(written: Written) -> None:
    done = written.run("run", written.file("\nraise ValueError('rtsp://me:hunter2@gate/')\n"))
    assert done.returncode == 1
    assert re.fullmatch(r"yard.py:\d+: ValueError: rtsp://\*\*\*@gate/\n", done.stderr)


def test_it_is_drawn_and_its_events_are_listed_and_no_flow_begins(written: Written) -> None:
    file = written.file()
    drawn = written.run("draw", file)
    assert drawn.stdout.splitlines()[:3] == [
        "flow made",
        "  count (source)",
        "    > show in flow out [lossless 1]",
    ]
    assert drawn.stderr == "the file is run\n"
    assert [*event_lines(json.loads(written.run("events", file, "--json").stdout))] == [
        "made.count: none of its own",
        "out.show: say",
        "all: start, stop, kill",
    ]
    assert not written.has("got")


def asked(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, method="POST", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        return int(answer.status)


def test_it_takes_requests_and_calls_and_ends_when_one_kills_it(written: Written, wait_for: WaitFor) -> None:
    token = {"SIGHTLINE_RPC_TOKEN": "planted-4711"}
    running = written.begin(
        written.file("pipe = endless()\n"),
        *("--api", "0", "--rpc", "tcp://127.0.0.1:*", "--token-env", "SIGHTLINE_RPC_TOKEN"),
        environ=token,
    )
    assert running.stdout is not None
    lines = iter(running.stdout.readline, "")
    api = next(line for line in lines if line.startswith("api: ")).split()[1]
    rpc = next(line for line in lines if line.startswith("rpc: ")).split()[1]
    wait_for(lambda: written.has("got"), WAIT_S, "it is at work")
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(f"{api}/kill", "wrong")
    refused.value.close()
    assert refused.value.code in {401, 403}
    assert asked(f"{api}/start", "planted-4711") == 200
    done = subprocess.run(
        [SIGHTLINE, "rpc", rpc, "execute", "join", '{"to_kill":true}'],
        env=os.environ | token,
        check=False,
        timeout=DONE_S,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    _, said = running.communicate(timeout=DONE_S)
    assert (running.returncode, said) == (0, "")
    assert written.has("cleanup")
