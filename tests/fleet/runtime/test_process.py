"""Instances as processes: DeepStream's stand-in, a site, and what becomes of them when the agent dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import psutil
import pytest
from tests.conftest import WaitFor
from tests.fleet.runtime.instances import PROGRAMS, deepstream, worker

from sightline.errors import Closed, ConfigError, RuntimeFault, Unsupported
from sightline.fleet.deciding.agent.desired import Found
from sightline.fleet.messages.parts import Limits
from sightline.fleet.runtime.preparing import Preparing
from sightline.fleet.runtime.process.runtime import ProcessRuntime
from sightline.fleet.runtime.promise import RunSpec

TRAP = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: (print("cleaning", flush=True), sys.exit(3)))
print("Pipeline running", flush=True)
time.sleep(600)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("Pipeline running", flush=True)
time.sleep(600)
"""


@pytest.fixture
def runtime() -> Iterator[ProcessRuntime]:
    with ProcessRuntime() as runtime:
        yield runtime


def python(text: str, name: str = "one", **more: object) -> RunSpec:
    return RunSpec(name=name, digest="d", command=(sys.executable, "-c", dedent(text)), **more)  # type: ignore[arg-type]


def only(runtime: ProcessRuntime) -> Found:
    (found,) = runtime.find()
    return found


def test_deepstream_is_ready_once_its_pipeline_runs_and_tells_rates(
    no_leaks: None, tmp_path: Path, wait_for: WaitFor
) -> None:
    with ProcessRuntime() as runtime:
        runtime.begin(Preparing(tmp_path, PROGRAMS).prepare(deepstream()))
        assert only(runtime).digest == "d1"
        wait_for(lambda: only(runtime).state == "running", 20, "it to be ready")
        assert runtime.wait(0), "it became ready, and nobody was told"
        wait_for(lambda: only(runtime).cameras, 20, "rates")
        rates = {name: of.fps for name, of in only(runtime).cameras.items()}
        assert rates == {"gate": 30.0, "yard": 30.0}
        assert (only(runtime).memory_mib or 0) > 5
        wait_for(lambda: only(runtime).cpu is not None, 10, "its use of cores")
        runtime.end("west")
        assert runtime.find() == []


def test_a_site_tells_how_its_cameras_are_and_ends_well_by_itself(
    runtime: ProcessRuntime, clips: Path, tmp_path: Path, wait_for: WaitFor
) -> None:
    spec = Preparing(tmp_path).prepare(worker(clips / "car-detection.mp4"))
    runtime.begin(spec)
    wait_for(lambda: only(runtime).state == "running", 60, "it to be ready")
    wait_for(lambda: (cameras := only(runtime).cameras) and cameras["door"].fps, 60, "its camera's rate")
    assert (only(runtime).memory_mib or 0) > 20
    wait_for(lambda: only(runtime).state == "exited", 120, "its file to be played")
    assert (only(runtime).code, only(runtime).reason) == (0, "exit code 0")
    assert spec.work is not None
    assert (spec.work / "seen.jsonl").stat().st_size > 0


def test_one_that_fails_says_why(runtime: ProcessRuntime, wait_for: WaitFor) -> None:
    runtime.begin(python("print('** ERROR: rtsp://u:geheim@h is away'); print('App run failed'); exit(255)"))
    wait_for(lambda: only(runtime).state == "failed", 10, "its end")
    found = only(runtime)
    assert found.code == 255
    assert found.reason.startswith("exit code 255: ** ERROR: rtsp://")
    assert "geheim" not in found.reason
    assert "geheim" not in "".join(runtime.log("one", 10))
    assert runtime.wait(0)


def test_a_killed_one_is_told_and_not_begun_again(runtime: ProcessRuntime, wait_for: WaitFor) -> None:
    runtime.begin(python(TRAP))
    wait_for(lambda: only(runtime).state == "running", 10, "it to be ready")
    runtime.wait(0)
    before = only(runtime).run
    os.kill(int(before.split("@")[0]), signal.SIGKILL)
    assert runtime.wait(10)
    wait_for(lambda: only(runtime).state == "failed", 10, "its end to be seen")
    assert only(runtime).reason.startswith("killed by SIGKILL")
    assert only(runtime).run == before
    runtime.begin(python(TRAP))
    assert only(runtime).run != before


def test_it_is_asked_to_end_by_its_own_signal(
    runtime: ProcessRuntime, tmp_path: Path, wait_for: WaitFor
) -> None:
    heard = TRAP.replace("SIGINT", "SIGUSR1").replace('print("cleaning", flush=True)', "open('heard', 'x')")
    runtime.begin(python(heard, stop_signal="SIGUSR1", work=tmp_path))
    wait_for(lambda: only(runtime).state == "running", 10, "it to be ready")
    pid = int(only(runtime).run.split("@")[0])
    runtime.end("one")
    assert not psutil.pid_exists(pid)
    assert (tmp_path / "heard").exists()


def test_one_that_takes_no_signals_is_killed_when_its_time_is_over(
    runtime: ProcessRuntime, wait_for: WaitFor
) -> None:
    for at_once, stop_s in ((False, 0.3), (True, 600.0)):
        runtime.begin(python(DEAF, stop_s=stop_s))
        wait_for(lambda: only(runtime).state == "running", 10, "it to be ready")
        pid = int(only(runtime).run.split("@")[0])
        runtime.end("one", at_once=at_once)
        assert not psutil.pid_exists(pid)


def test_another_of_its_name_takes_its_place(runtime: ProcessRuntime, wait_for: WaitFor) -> None:
    runtime.begin(python(TRAP))
    pid = int(only(runtime).run.split("@")[0])
    runtime.begin(RunSpec(name="one", digest="other", command=(sys.executable, "-c", TRAP)))
    assert only(runtime).digest == "other"
    assert not psutil.pid_exists(pid)


def test_a_program_that_is_not_there_is_told(runtime: ProcessRuntime, wait_for: WaitFor) -> None:
    runtime.begin(RunSpec(name="one", digest="d", command=("no-such-program-here",)))
    wait_for(lambda: only(runtime).state == "failed", 10, "its end")
    assert "no-such-program-here" in only(runtime).reason


def test_what_a_process_does_not_have_is_refused_by_name(runtime: ProcessRuntime) -> None:
    for refused in (
        {"image": "x"},
        {"network": "host"},
        {"limits": Limits(cpus=1)},
        {"limits": Limits(memory_mib=64)},
        {"limits": Limits(gpus=1)},
    ):
        with pytest.raises(Unsupported, match="'one'.*'process'"):
            runtime.begin(python(TRAP, **refused))
    with pytest.raises(ConfigError, match="SIGNOTHING"):
        runtime.begin(python(TRAP, stop_signal="SIGNOTHING"))
    assert runtime.find() == []


def test_a_closed_runtime_begins_nothing() -> None:
    runtime = ProcessRuntime()
    runtime.close()
    runtime.close()
    with pytest.raises((Closed, RuntimeFault)):
        runtime.begin(python(TRAP))


def test_empty_lines_do_not_push_out_what_it_said(runtime: ProcessRuntime, wait_for: WaitFor) -> None:
    runtime.begin(python("print('first'); print('\\n' * 5000); print('last', flush=True)"))
    wait_for(lambda: only(runtime).state == "failed", 10, "its end, which nobody asked for")
    assert runtime.log("one", 100) == ["first", "last"]
    assert runtime.log("nobody", 100) == []


def test_all_end_when_the_agent_is_killed(tmp_path: Path, wait_for: WaitFor) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text(
        dedent("""
        import sys, time
        from sightline.fleet.runtime.process.runtime import ProcessRuntime
        from sightline.fleet.runtime.promise import RunSpec
        runtime = ProcessRuntime()
        text = "import time; print('Pipeline running', flush=True); time.sleep(600)"
        for name in "ab":
            runtime.begin(RunSpec(name=name, digest="d", command=(sys.executable, "-c", text)))
        while not all(found.state == "running" for found in runtime.find()):
            time.sleep(0.05)
        print(*(found.run.split("@")[0] for found in runtime.find()), flush=True)
        time.sleep(600)
        """)
    )
    running = subprocess.Popen([sys.executable, str(agent)], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        pids = [int(pid) for pid in running.stdout.readline().split()]
        assert len(pids) == 2
        assert all(psutil.pid_exists(pid) for pid in pids)
    finally:
        running.kill()
        running.communicate()
    wait_for(lambda: not any(map(psutil.pid_exists, pids)), 10, "no process to be left")
