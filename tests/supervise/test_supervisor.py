"""Children that die, hang, never get ready and do not listen: real processes."""

import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.conftest import WaitFor
from tests.supervise.children import GOOD, command, end_of, is_gone, pid_of, reach, spec

from sightline.errors import Closed, ConfigError
from sightline.supervise import ChildSpec, Restart, State, Supervisor, Watch, When
from sightline.supervise import supervisor as supervisor_module
from sightline.supervise.charge import Charge

pytestmark = pytest.mark.usefixtures("no_leaks")

DEAF = """
import signal
from sightline.supervise import Child
child = Child.here()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child.ready()
while True:
    signal.pause()
"""
STUCK = """
import time
from sightline.supervise import Child
child = Child.here()
lane = child.lane("detect")
child.ready()
for done in range(3):
    lane.progress(done)

def stuck_for_ever():
    time.sleep(1000)

stuck_for_ever()
"""


def test_children_are_begun_in_order_and_ended_in_reverse() -> None:
    news: list[tuple[str, State]] = []
    children = [spec("hub", gate=True), spec("worker")]
    with Supervisor(children, on_state=lambda name, state, _: news.append((name, state))) as supervisor:
        assert reach(supervisor, "worker", State.RUNNING) == "here I am"
        pids = [pid_of(supervisor, name) for name in ("hub", "worker")]
    assert news == [
        ("hub", State.STARTING),
        ("hub", State.RUNNING),
        ("worker", State.STARTING),
        ("worker", State.RUNNING),
        ("worker", State.STOPPING),
        ("worker", State.ENDED),
        ("hub", State.STOPPING),
        ("hub", State.ENDED),
    ]
    assert all(map(is_gone, pids))
    assert {status.reason for status in supervisor.states().values()} == {"exit code 0"}


@pytest.mark.parametrize("by_pidfd", [True, False])
def test_a_child_that_is_killed_is_begun_again_within_a_second(
    by_pidfd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    with Supervisor([spec("worker")]) as supervisor:
        reach(supervisor, "worker", State.RUNNING)
        os.kill(pid_of(supervisor, "worker"), signal.SIGKILL)
        killed = time.monotonic()
        assert end_of(supervisor, "worker", 1) == "killed by SIGKILL"
        assert time.monotonic() - killed < 2.5
        due_ns = supervisor.states()["worker"].due_ns
        assert due_ns is not None
        assert due_ns > time.monotonic_ns() - 1_000_000_000
        assert reach(supervisor, "worker", State.RUNNING) == "here I am"
        assert supervisor.states()["worker"].due_ns is None


def test_a_child_that_is_stopped_by_a_signal_is_hung_and_is_killed() -> None:
    watch = Watch(hung_s=0.6, stop_s=0.3)
    with Supervisor([spec("worker", watch=watch)]) as supervisor:
        reach(supervisor, "worker", State.RUNNING)
        os.kill(pid_of(supervisor, "worker"), signal.SIGSTOP)
        stopped = time.monotonic()
        assert end_of(supervisor, "worker", 1) == "made no progress for 0.6 s; killed by SIGKILL"
        assert time.monotonic() - stopped < 0.6 + 0.25 + 0.3 + 5


def test_a_lane_that_is_stuck_is_named_its_stacks_told_and_the_child_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    child = spec("worker", STUCK, watch=Watch(hung_s=0.5, stop_s=0.3), restart=Restart(when=When.NEVER))
    with caplog.at_level(logging.WARNING, "sightline.supervise"), Supervisor([child]) as supervisor:
        reason = reach(supervisor, "worker", State.ENDED)
        assert reason.startswith("made no progress of detect for 0.5 s; ")
    assert "in stuck_for_ever" in caplog.text


def test_a_child_at_work_and_one_that_waits_for_work_are_left_alone() -> None:
    at_work = GOOD.replace(
        "child.wait()", "lane = child.lane('x')\nwhile not child.wait(.1): lane.progress(0)"
    )
    idle = GOOD.replace("child.wait()", "lane = child.lane('x')\nlane.progress(1)\nlane.idle()\nchild.wait()")
    watch = Watch(hung_s=1.5)
    with Supervisor([spec("a", at_work, watch=watch), spec("b", idle, watch=watch)]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        reach(supervisor, "b", State.RUNNING)
        assert not supervisor.wait_until(lambda states: any(s.ends for s in states.values()), 4)


def test_a_child_that_never_gets_ready_is_ended() -> None:
    silent = GOOD.replace('child.ready("here I am")', "")
    with Supervisor([spec("worker", silent, watch=Watch(ready_s=1))]) as supervisor:
        # On a machine that has much to do it is asked to end before it has begun to listen.
        ends = ("exit code 0", "killed by SIGTERM")
        assert end_of(supervisor, "worker", 1) in {f"was not ready within 1 s; {end}" for end in ends}


def test_a_child_that_ignores_sigterm_is_dumped_and_killed_by_the_deadline(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Supervisor([spec("worker", DEAF)]) as supervisor:
        reach(supervisor, "worker", State.RUNNING)
        begun = time.monotonic()
        with caplog.at_level(logging.WARNING, "sightline.supervise"):
            supervisor.stop(0.5)
        assert 0.5 <= time.monotonic() - begun < 4
    assert supervisor.states()["worker"].reason == "killed by SIGKILL"
    assert 'File "<string>", line 8 in <module>' in caplog.text


def test_the_deadline_is_for_all_stages_together() -> None:
    deaf = [spec(name, DEAF, gate=True) for name in ("a", "b", "c")]
    with Supervisor(deaf) as supervisor:
        reach(supervisor, "c", State.RUNNING)
        begun = time.monotonic()
        supervisor.stop(1.2)
        assert time.monotonic() - begun < 3.4


def test_a_thousand_quick_deaths_end_in_quarantine_and_leave_nothing() -> None:
    restart = Restart(delay_s=0, most_ends=1000, within_s=600)
    me = psutil.Process()
    others = set(me.children())  # servers of other tests
    with Supervisor([command("quick", "true", restart=restart), spec("worker")]) as supervisor:
        reach(supervisor, "worker", State.RUNNING)
        end_of(supervisor, "quick", 100)
        before = me.num_fds()
        reason = reach(supervisor, "quick", State.QUARANTINED, 60)
        assert reason == "ended 1000 times within 600 s, the last time: exit code 0"
        assert abs(me.num_fds() - before) <= 8  # one process of the quick one, or none
        assert [child.pid for child in set(me.children()) - others] == [pid_of(supervisor, "worker")]
        assert supervisor.states()["worker"].ends == 0
        supervisor.begin("quick")
        end_of(supervisor, "quick", 1001)


def test_a_program_that_is_not_there_is_tried_again_and_then_left() -> None:
    child = command("worker", "/nowhere/to/be/found", restart=Restart(delay_s=0, most_ends=3))
    with Supervisor([child]) as supervisor:
        reason = reach(supervisor, "worker", State.QUARANTINED)
    assert "the last time: it cannot be begun: FileNotFoundError: " in reason


def test_why_it_ends_is_told_in_its_own_words() -> None:
    says = "from sightline.supervise import Child\nChild.here().failed('no such model')\nraise SystemExit(3)"
    child = spec("worker", says, restart=Restart(when=When.NEVER))
    with Supervisor([child]) as supervisor:
        assert supervisor.wait_until(lambda s: s["worker"].reason == "no such model (exit code 3)", 20)


def test_a_child_that_is_done_is_not_begun_again() -> None:
    with Supervisor([command("worker", "true", restart=Restart(when=When.FAILURE))]) as supervisor:
        assert supervisor.wait_until(lambda s: s["worker"].reason == "exit code 0", 20)
        assert supervisor.states()["worker"].ends == 0


def test_the_stacks_of_a_fault_are_told(caplog: pytest.LogCaptureFixture) -> None:
    faulty = GOOD.replace("child.wait()", "import ctypes\nctypes.string_at(0)")
    with (
        caplog.at_level(logging.WARNING, "sightline.supervise"),
        Supervisor([spec("a", faulty)]) as supervisor,
    ):
        assert end_of(supervisor, "a", 1) == "killed by SIGSEGV"
    assert "Fatal Python error: Segmentation fault" in caplog.text
    assert "string_at" in caplog.text


def test_stacks_are_told_on_request(caplog: pytest.LogCaptureFixture, wait_for: WaitFor) -> None:
    with caplog.at_level(logging.WARNING, "sightline.supervise"), Supervisor([spec("a")]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        supervisor.dump("a")
        wait_for(lambda: 'File "<string>"' in caplog.text, 10, "the stacks")
        assert supervisor.states()["a"].state is State.RUNNING


def test_one_child_is_ended_and_begun_again_by_word() -> None:
    with Supervisor([spec("a"), spec("b")]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        reach(supervisor, "b", State.RUNNING)
        first, other = pid_of(supervisor, "a"), pid_of(supervisor, "b")
        supervisor.end("a", 5)
        assert reach(supervisor, "a", State.ENDED) == "exit code 0"
        supervisor.begin("a")
        reach(supervisor, "a", State.RUNNING)
        assert pid_of(supervisor, "a") != first
        assert pid_of(supervisor, "b") == other
        assert {status.ends for status in supervisor.states().values()} == {0}


def test_what_a_child_began_goes_with_it(tmp_path: Path, wait_for: WaitFor) -> None:
    told = tmp_path / "pid"
    code = (
        "import subprocess, sys; from pathlib import Path\n"
        "Path(sys.argv[1]).write_text(str(subprocess.Popen(['sleep', '1000']).pid))\n" + GOOD
    )
    with Supervisor([spec("a", code, str(told))]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        grandchild = int(told.read_text())
        os.kill(pid_of(supervisor, "a"), signal.SIGKILL)
        wait_for(lambda: is_gone(grandchild), 5, "what it began to be gone")


def test_a_child_inherits_new_sockets_each_time_it_is_begun() -> None:
    ours: list[socket.socket] = []
    spawned: list[int] = []

    def pair() -> dict[str, socket.socket]:
        mine, its = socket.socketpair()
        ours.append(mine)
        return {"work": its}

    code = GOOD.replace("child.wait()", "child.sockets['work'].sendall(b'done')\nchild.wait()")
    child = spec("a", code, sockets=pair, on_spawn=spawned.append, environ={"COLOUR": "green"})
    with Supervisor([child]) as supervisor:
        assert ours or supervisor.wait_until(lambda _: bool(ours), 10)
        for number in range(2):
            reach(supervisor, "a", State.RUNNING)
            assert ours[number].recv(4) == b"done"
            assert spawned[number] == pid_of(supervisor, "a")
            assert psutil.Process(spawned[number]).environ()["COLOUR"] == "green"
            os.kill(spawned[number], signal.SIGKILL)
            assert ours[number].recv(4) == b""  # nobody else has it
            end_of(supervisor, "a", number + 1)
    for mine in ours:
        mine.close()


def test_what_is_called_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    def no_sockets() -> dict[str, socket.socket]:
        raise OSError("no sockets today")

    def fails(*_: object) -> None:
        raise ValueError("no thanks")

    children = [
        ChildSpec(name="a", command=["true"], sockets=no_sockets, restart=Restart(when=When.NEVER)),
        spec("b", on_spawn=fails),
    ]
    with Supervisor(children, on_state=fails) as supervisor:
        reach(supervisor, "b", State.RUNNING)
        assert supervisor.states()["a"].reason == "it cannot be begun: OSError: no sockets today"
    assert "no thanks" in caplog.text


def test_children_outlive_the_thread_that_started_their_supervisor() -> None:
    supervisor = Supervisor([spec("a")])
    thread = threading.Thread(target=supervisor.start)
    thread.start()
    thread.join()
    reach(supervisor, "a", State.RUNNING)
    assert not supervisor.wait_until(lambda states: states["a"].ends > 0, 0.5)
    supervisor.stop()


def test_a_supervisor_may_be_told_to_end_by_its_own_news(caplog: pytest.LogCaptureFixture) -> None:
    def end(_name: str, state: State, _reason: str) -> None:
        if state is State.RUNNING:
            supervisor.stop()

    supervisor = Supervisor([spec("a")], on_state=end)
    supervisor.start()
    reach(supervisor, "a", State.ENDED)
    assert supervisor.wait_until(lambda states: states["a"].reason == "exit code 0", 20)
    supervisor.stop()
    supervisor.stop()
    assert "failed" not in caplog.text


def test_mistakes_are_told() -> None:
    supervisor = Supervisor([command("a", "sleep", "100")])
    supervisor.stop()
    with pytest.raises(Closed, match="was started"):
        supervisor.begin("a")
    with supervisor:
        with pytest.raises(ConfigError, match="expected one of a, got 'b'"):
            supervisor.dump("b")
        with pytest.raises(Closed, match="not started yet"):
            supervisor.start()
    supervisor.end("a")  # so it is
    for ask in (supervisor.begin, supervisor.dump):
        with pytest.raises(Closed, match="was not stopped"):
            ask("a")
    with pytest.raises(ConfigError, match="expected a name and a command"):
        ChildSpec(name="a", command=[])


@pytest.mark.parametrize(
    "code", ["while True: signal.pause()", "os.closerange(3, 1000)\nwhile True: signal.pause()"]
)
def test_a_supervisor_with_nothing_to_do_costs_nothing(code: str) -> None:
    watch = Watch(ready_s=None, hung_s=None)
    with Supervisor([spec("a", f"import os, signal\n{code}", watch=watch)]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        before = time.process_time()
        assert not supervisor.wait_until(lambda states: states["a"].ends > 0, 1)
        assert time.process_time() - before < 0.1


def test_nothing_is_seen_of_the_handover_by_what_a_child_begins(tmp_path: Path, wait_for: WaitFor) -> None:
    told = tmp_path / "environ"
    code = "import os, sys; from pathlib import Path\n" + GOOD.replace(
        "child.wait()", "Path(sys.argv[1]).write_text(' '.join(os.environ)); child.wait()"
    )
    with Supervisor([spec("a", code, str(told))]):
        wait_for(lambda: told.exists() and told.read_text(), 10, "its environment")
    assert "SIGHTLINE_CHILD" not in told.read_text()


def test_a_child_whose_end_somebody_else_was_told_of_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")  # slow enough to be second
    with Supervisor([spec("a")]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        os.kill(pid_of(supervisor, "a"), signal.SIGKILL)
        os.waitpid(pid_of(supervisor, "a"), 0)
        end_of(supervisor, "a", 1)
        reach(supervisor, "a", State.RUNNING)


def test_what_a_child_writes_is_passed_on_line_by_line() -> None:
    lines: list[str] = []
    code = "import sys\nprint('one', flush=True)\nsys.stderr.write('two\\nthr')\nsys.stderr.write('ee')"
    child = spec("a", code, restart=Restart(when=When.NEVER), on_line=lines.append)
    with Supervisor([child]) as supervisor:
        assert supervisor.wait_until(lambda states: states["a"].reason == "exit code 0", 20)
    assert lines == ["one", "two", "three"]


def test_one_that_not_even_a_kill_ends_is_left_in_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "_KILLED_S", 0.2)
    with Supervisor([spec("a", DEAF)]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        pid = pid_of(supervisor, "a")
        with monkeypatch.context() as unkillable:
            unkillable.setattr(Charge, "_signal", lambda *_: None)
            begun = time.monotonic()
            supervisor.stop(0.2)
            assert 0.4 <= time.monotonic() - begun < 5
    assert "a child is left" in caplog.text
    assert supervisor.states()["a"].pid is None
    assert is_gone(pid)


def test_one_that_may_not_be_signalled_harms_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    def refused(*_: int) -> None:
        raise PermissionError("not yours")

    with Supervisor([spec("a"), spec("b")]) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        reach(supervisor, "b", State.RUNNING)
        with monkeypatch.context() as foreign:
            foreign.setattr(os, "kill", refused)
            foreign.setattr(os, "killpg", refused)
            supervisor.end("a", 0)
            wait_for(lambda: caplog.text.count("cannot be signalled") >= 2, 10, "its words")
        assert supervisor.states()["b"].state is State.RUNNING
        os.kill(pid_of(supervisor, "a"), signal.SIGKILL)
        reach(supervisor, "a", State.ENDED)


def test_a_process_that_cannot_be_watched_is_ended_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor([spec("a")])
    register, times = supervisor._selector.register, count()

    def full(*args: Any) -> object:
        if next(times) == 2:  # behind the supervisor's own, and the first of its process
            raise OSError(errno.ENOSPC, "no room")
        return register(*args)

    monkeypatch.setattr(supervisor._selector, "register", full)
    with supervisor:
        assert "no room" in end_of(supervisor, "a", 1)
        assert reach(supervisor, "a", State.RUNNING) == "here I am"


def test_of_a_supervisor_that_breaks_all_are_told_to_have_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    news: list[tuple[str, State, str]] = []
    with Supervisor([spec("a"), spec("b")], on_state=lambda *told: news.append(told)) as supervisor:
        reach(supervisor, "a", State.RUNNING)
        reach(supervisor, "b", State.RUNNING)
        pids = [pid_of(supervisor, name) for name in ("a", "b")]
        monkeypatch.setattr(Charge, "look", lambda *_: 1 // 0)
        supervisor.end("a")
        assert supervisor.wait_until(lambda of: all(one.pid is None for one in of.values()), 20)
    assert all(map(is_gone, pids))
    assert {told[0] for told in news if told[1] is State.ENDED} == {"a", "b"}
    assert "ZeroDivisionError" in caplog.text


def test_what_lanes_had_done_is_told_when_their_process_has_ended() -> None:
    code = """
import signal
from sightline.supervise import Child
child = Child.here()
child.lane("drawn").count(7)
child.lane("seen").progress(3)
child.ready()
signal.pause()
"""
    done: dict[State, Mapping[str, int]] = {}

    def told(name: str, state: State, _reason: str) -> None:
        done[state] = supervisor.states()[name].done

    supervisor = Supervisor([spec("a", code, restart=Restart(when=When.NEVER))], on_state=told)
    with supervisor:
        assert supervisor.wait_until(lambda _of: State.RUNNING in done, 20)
        os.kill(pid_of(supervisor, "a"), signal.SIGKILL)
        assert supervisor.wait_until(lambda of: of["a"].reason == "killed by SIGKILL", 20)
    assert done == {State.STARTING: {}, State.RUNNING: {}, State.ENDED: {"": 0, "drawn": 7, "seen": 3}}
