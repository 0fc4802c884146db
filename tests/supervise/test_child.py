"""The child's side: when its supervisor is killed, when it is asked to end, and when it has none."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

import pytest
from tests.conftest import WaitFor
from tests.supervise.children import Program, is_gone

Begin: TypeAlias = Callable[[str], Program]
TOLD = """
import os, signal, sys, threading, time
def tell(*words):
    with open(sys.argv[1], "a") as lines:
        print(*words, file=lines, flush=True)
"""
CHILD = (
    TOLD
    + """
from sightline.supervise import Child
child = Child.here()
tell("pid", os.getpid())
child.ready()
"""
)
WAITING = (
    CHILD
    + """
child.wait()
tell("cleanup", os.getpid())
"""
)
# Nothing in it comes to run any more: neither a signal's handler nor the thread that hears of the end.
HOLDING = (
    CHILD
    + """
import ctypes
ctypes.PyDLL(None).sleep(1000)
"""
)
WITHOUT_PRCTL = """
import sightline.supervise.child
sightline.supervise.child.die_with_parent = lambda: None
"""


def supervising(*children: str, then: str = "signal.pause()", watch: str = "") -> str:
    """A program that supervises children of this code, and then does that."""
    return f"""{TOLD}
from sightline.supervise import ChildSpec, State, Supervisor, Watch
children = [
    ChildSpec(name=str(number), command=[sys.executable, "-c", code, sys.argv[1]], watch=Watch({watch}))
    for number, code in enumerate({children!r})
]
asked = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: asked.set())
with Supervisor(children) as supervisor:
    supervisor.wait_until(lambda states: all(s.state is State.RUNNING for s in states.values()), 30)
    tell("running", os.getpid())
    {then}
tell("over", os.getpid())
"""


def begun(program: Program, wait_for: WaitFor) -> list[int]:
    """Wait until all its children run; gives their ids."""
    wait_for(lambda: program.said("running"), 30, "all to run")
    return program.pids()


@pytest.mark.parametrize(
    "child",
    [WAITING, HOLDING, WITHOUT_PRCTL + WAITING],
    ids=["that waits", "that holds the interpreter", "without the kernel's help"],
)
def test_when_the_supervisor_is_killed_its_child_ends_at_once(
    child: str, program: Begin, wait_for: WaitFor
) -> None:
    supervisor = program(supervising(child))
    pids = begun(supervisor, wait_for)
    os.kill(supervisor.popen.pid, signal.SIGKILL)
    wait_for(lambda: all(map(is_gone, pids)), 2, "the child to be gone")
    assert not supervisor.said("cleanup")


def test_when_a_supervisor_of_supervisors_is_killed_all_end(program: Begin, wait_for: WaitFor) -> None:
    inner = supervising(WAITING).replace(TOLD, CHILD, 1)
    supervisor = program(supervising(inner))
    wait_for(lambda: len(supervisor.said("running")) == 2, 30, "both to run")
    os.kill(supervisor.popen.pid, signal.SIGKILL)
    wait_for(lambda: all(map(is_gone, supervisor.pids())), 2, "both generations to be gone")
    assert len(supervisor.pids()) == 2


def test_a_supervisor_that_just_returns_takes_its_children_along(program: Begin, wait_for: WaitFor) -> None:
    supervisor = program(supervising(WAITING, then="os._exit(0)"))
    pids = begun(supervisor, wait_for)
    assert supervisor.popen.wait(10) == 0
    wait_for(lambda: all(map(is_gone, pids)), 2, "the child to be gone")


def test_ctrl_c_is_for_the_supervisor_which_lets_its_children_clean_up(
    program: Begin, wait_for: WaitFor
) -> None:
    slow = "time.sleep(0.5); tell('asked', 0); supervisor.stop()"
    supervisor = program(supervising(WAITING, WAITING, then=f"asked.wait(); {slow}"))
    pids = begun(supervisor, wait_for)
    os.killpg(supervisor.popen.pid, signal.SIGINT)  # as a terminal does it: to all of the group
    assert supervisor.popen.wait(20) == 0
    assert sorted(supervisor.said("cleanup")) == sorted(map(str, pids))
    told = [line for line in supervisor.lines() if line.split()[0] in {"asked", "cleanup", "over"}]
    assert [line.split()[0] for line in told] == ["asked", "cleanup", "cleanup", "over"]
    assert "KeyboardInterrupt" not in supervisor.end()


def test_when_all_stood_still_for_a_while_nobody_is_blamed(program: Begin, wait_for: WaitFor) -> None:
    supervisor = program(supervising(WAITING, then="asked.wait()", watch="hung_s=0.5"))
    (pid,) = begun(supervisor, wait_for)
    for process in (supervisor.popen.pid, pid):
        os.kill(process, signal.SIGSTOP)
    time.sleep(2.5)  # the time itself is what is tested
    os.kill(supervisor.popen.pid, signal.SIGCONT)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)
    time.sleep(1)
    assert not supervisor.said("cleanup")
    supervisor.popen.send_signal(signal.SIGTERM)
    assert supervisor.popen.wait(20) == 0
    assert supervisor.said("cleanup") == [str(pid)]


def test_sigterm_from_anybody_runs_the_cleanup(program: Begin, wait_for: WaitFor) -> None:
    supervisor = program(supervising(WAITING))
    (pid,) = begun(supervisor, wait_for)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: supervisor.said("cleanup") == [str(pid)], 10, "its cleanup")
    wait_for(lambda: len(supervisor.pids()) == 2, 10, "it to be begun again")


def test_a_fork_of_a_child_that_is_ended_does_not_end_the_child(program: Begin, wait_for: WaitFor) -> None:
    forking = (
        CHILD
        + """
end, other = os.pipe()
if not (fork := os.fork()):
    os.write(other, b"!")
    while True:
        time.sleep(0.05)
os.read(end, 1)
os.kill(fork, signal.SIGTERM)
tell("fork", os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]))
tell("stopping", child.wait(0.5))
child.wait()
"""
    )
    supervisor = program(supervising(forking))
    begun(supervisor, wait_for)
    wait_for(lambda: supervisor.said("stopping"), 10, "what it thinks")
    assert supervisor.said("fork") == [str(-signal.SIGTERM)]
    assert supervisor.said("stopping") == ["False"]


def test_whoever_wants_is_called_when_a_child_is_to_end(program: Begin, wait_for: WaitFor) -> None:
    calling = (
        CHILD
        + """
def fails():
    raise ValueError("no thanks")
child.on_stop(fails)
child.on_stop(lambda: tell("called", child.stopping))
child.wait()
child.on_stop(fails)  # as it would have been before
child.on_stop(lambda: tell("late", child.stopping))
"""
    )
    supervisor = program(supervising(calling, then="pass"))
    assert supervisor.popen.wait(20) == 0
    assert supervisor.said("called") == supervisor.said("late") == ["True"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_a_supervisor_the_same_program_runs_and_is_asked_to_end(
    number: signal.Signals, program: Begin, wait_for: WaitFor
) -> None:
    alone = program(
        CHILD
        + "lane = child.lane('x')\nlane.progress(1)\ntell('alone', child.supervised)\n"
        + WAITING[len(CHILD) :]
    )
    wait_for(lambda: alone.said("alone"), 20, "it to run")
    alone.popen.send_signal(number)
    assert alone.popen.wait(10) == 0
    assert alone.said("alone") == ["False"]
    assert alone.said("cleanup") == alone.said("pid")


def test_a_second_ctrl_c_breaks_off(program: Begin, wait_for: WaitFor) -> None:
    slow = program(CHILD + "child.wait()\ntell('asked', 0)\ntime.sleep(100)")
    wait_for(lambda: slow.said("pid"), 20, "it to run")
    slow.popen.send_signal(signal.SIGINT)
    wait_for(lambda: slow.said("asked"), 10, "it to be asked")
    slow.popen.send_signal(signal.SIGINT)
    assert slow.popen.wait(10) == -signal.SIGINT
    assert "KeyboardInterrupt" in slow.end()


def test_there_is_one_child_in_a_process_and_it_is_made_in_the_main_thread() -> None:
    code = """
import threading
from sightline.supervise import Child
threading.excepthook = lambda told: print(told.exc_type.__name__)
thread = threading.Thread(target=Child.here)
thread.start()
thread.join()
print(Child.here() is Child.here())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["ValueError", "True"]
