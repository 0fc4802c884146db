"""Scripts as people write them, without a main guard, and each way in which they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.conftest import WaitFor
from tests.pipe.script import begin_script

LISTING = """
import time
from pathlib import Path
from sightline.pipe.functional import routine
from sightline.pipe.pipe import Pipe
from sightline.pipe.roles import DestinationRoutine, SourceRoutine

FOLDER = Path(__file__).parent

class GenerateData(SourceRoutine):
    def main_logic(self) -> dict:
        time.sleep(0.01)
        return {"value": "example"}

class PrintResult(DestinationRoutine):
    def setup(self) -> None:
        (FOLDER / "setup").touch()

    def main_logic(self, data: dict) -> None:
        print(data["value"], flush=True)

    def cleanup(self) -> None:
        (FOLDER / "cleanup").touch()

example_pipe = Pipe()
generate_data_routine = GenerateData()
print_result_routine = PrintResult()
example_pipe.create_flow("example_flow", True, generate_data_routine, print_result_routine)
example_pipe.build()
(FOLDER / "pids").write_text(" ".join(map(str, example_pipe.pids.values())))
example_pipe.notify_event("start")
"""

STARTED = """
while not (FOLDER / "setup").exists():
    time.sleep(0.01)
(FOLDER / "started").touch()
"""


class Script:
    """A script that runs in a folder of its own."""

    def __init__(self, folder: Path, text: str) -> None:
        self._folder = folder
        self.process = begin_script(folder, text)

    def has(self, name: str) -> bool:
        return (self._folder / name).exists()

    def ended(self, timeout_s: float = 20) -> tuple[int, str]:
        """Its exit code and output, once it and all processes of its flows are no more."""
        output, _ = self.process.communicate(timeout=timeout_s)
        pids = (self._folder / "pids").read_text().split() if self.has("pids") else []
        deadline = time.monotonic() + 5
        while left := [pid for pid in pids if psutil.pid_exists(int(pid))]:
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.01)
        return self.process.returncode, output


Run = Callable[[str], Script]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return lambda text: Script(tmp_path, text)


def test_the_listing_runs_as_it_is_written(run: Run) -> None:
    script = run(LISTING + STARTED + 'time.sleep(0.1)\nexample_pipe.notify_event("kill")\n')
    code, output = script.ended()
    assert code == 0
    assert set(output.split()) == {"example"}
    assert script.has("cleanup")


def test_the_listing_ends_also_where_kill_comes_before_start_was_done(run: Run) -> None:
    code, _ = run(LISTING + 'example_pipe.notify_event("kill")\n').ended()
    assert code == 0


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("", 0),
        ("example_pipe.notify_event('stop')", 0),
        ("del example_pipe", 0),
        ("raise ValueError('mine')", 1),
        ("raise SystemExit(7)", 7),
    ],
)
def test_the_end_of_a_script_cleans_up_and_leaves_nothing(run: Run, how: str, expected: int) -> None:
    script = run(LISTING + STARTED + how)
    code, output = script.ended()
    assert code == expected, output
    assert script.has("cleanup")


@pytest.mark.parametrize("where", ["example_pipe.join()", "example_pipe.wait(60)", "time.sleep(60)"])
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_clean_up(
    run: Run, wait_for: WaitFor, where: str, number: signal.Signals, expected: int
) -> None:
    script = run(LISTING + STARTED + where)
    wait_for(lambda: script.has("started"), 10, "the routines to run")
    script.process.send_signal(number)
    code, output = script.ended(10)
    assert code == expected, output
    assert script.has("cleanup")


def test_a_script_that_is_killed_takes_its_flows_along(run: Run, wait_for: WaitFor) -> None:
    script = run(LISTING + STARTED + "time.sleep(60)")
    wait_for(lambda: script.has("started"), 10, "the routines to run")
    script.process.kill()
    script.ended(5)
    assert not script.has("cleanup")


def test_a_fork_of_a_script_ends_without_its_flows(run: Run) -> None:
    script = run(
        LISTING + STARTED + "import os\nif not os.fork(): raise SystemExit\nos.wait()\nprint('waited')"
    )
    code, output = script.ended()
    assert code == 0
    assert "waited" in output


def test_functions_lambdas_and_modules_beside_the_script_go_along(run: Run, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def half(value):\n    return value / 2\n")
    text = """
import beside, time
from dataclasses import dataclass
from sightline.pipe.functional import FunctionalMiddleRoutine, routine
from sightline.pipe.pipe import Pipe
from sightline.pipe.wire import Wire

@dataclass
class Value:
    number: float

FACTOR = 10
numbers = iter([1, 2, 3])

@routine
def give() -> Value:
    time.sleep(0.05)
    return Value(next(numbers))

@routine
def half(value: Value) -> Value:
    return Value(beside.half(value.number))

times = FunctionalMiddleRoutine(lambda value: Value(value.number * FACTOR), "times")

@routine
def show(value: Value) -> None:
    print(value, flush=True)

class Numbers:
    def __init__(self): self.left = [3, 2, 1]
    def __next__(self):
        if not self.left: raise StopIteration
        return self.left.pop()
numbers = Numbers()
with Pipe() as pipe:
    pipe.create_flow("all", True, give, half, times, show)
    pipe.build()
    pipe.notify_event("start", wait=True)
    pipe.wait()
"""
    code, output = run(text).ended()
    assert (code, output.splitlines()) == (0, [f"Value(number={n}.0)" for n in (5, 10, 15)])


def test_logs_come_out_with_the_names_of_pipe_flow_and_routine(run: Run) -> None:
    text = LISTING.replace('print(data["value"], flush=True)', 'self.logger.info("got %s", data)')
    _, output = run(text + STARTED + "time.sleep(0.1)\nexample_pipe.join(to_kill=True)").ended()
    line = output.splitlines()[0].split(" — ")
    assert line[1:] == ["Pipe.example_flow.PrintResult-0", "INFO", "got {'value': 'example'}"]
    assert os.linesep not in line[0]


def test_cells_of_a_notebook_are_run_and_run_again(tmp_path: Path) -> None:
    """As a kernel runs them: in a `__main__` without a file, each by itself, in a loop of asyncio."""
    cells = """
from sightline.pipe import DestinationRoutine, Pipe, QueueNetwork, SourceRoutine
# ---
class Numbers(SourceRoutine):
    def setup(self):
        self.numbers = iter(range(2))
    def main_logic(self):
        return next(self.numbers) + OFFSET
# ---
class Show(DestinationRoutine):
    def main_logic(self, number):
        print(number, flush=True)
# ---
OFFSET = 10
# ---
def run():
    with Pipe(network=QueueNetwork(put_block=True)) as pipe:
        pipe.create_flow("all", True, Numbers(), Show())
        pipe.build()
        pipe.notify_event("start")
        assert pipe.wait(60)
# ---
run()
# ---
OFFSET = 20
# ---
run()
"""
    kernel = """
import __main__, asyncio, sys
async def kernel():
    for number, cell in enumerate(sys.stdin.read().split("# ---")):
        exec(compile(cell, f"<cell {number}>", "exec"), vars(__main__))
asyncio.run(kernel())
"""
    done = subprocess.run(
        [sys.executable, "-c", kernel],
        cwd=tmp_path,
        input=cells,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["10", "11", "20", "21"])
