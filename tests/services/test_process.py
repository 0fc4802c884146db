"""Server programs: started, ready, ended by pid, and gone with whoever started them."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tools.services.process import Process, StartFailed, answers_at
from tools.services.waiting import wait_for

LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
SERVE = LISTEN + "print('up', flush=True); "
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def program(
    folder: Path, port: int, then: str = "s.accept(); input()", first: str = "", **options: float
) -> Process:
    command = (sys.executable, "-c", first + SERVE + then, str(port))
    return Process("server", command, folder, ready=answers_at(port))


def test_a_server_is_ready_when_it_is_started_and_gone_when_it_is_stopped(
    no_leaks: None, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with program(tmp_path, port) as server:
        pids = [server.pid]
        assert answers_at(port)()
        assert "up" in server.log_tail()
        server.start()  # it runs already
        pids.append(server.pid)
    pid = pids[0]
    assert pid is not None
    assert [*pids, server.pid] == [pid, pid, None]
    assert not psutil.pid_exists(pid)
    assert not answers_at(port)()


def test_a_killed_server_starts_again_on_its_port(
    no_leaks: None, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with program(tmp_path, free_port()) as server:
        first = server.pid
        server.kill()
        assert server.pid is None
        server.start()
        assert server.pid not in (None, first)


def test_a_start_that_fails_shows_the_log(
    no_leaks: None, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    server = program(tmp_path, free_port(), first="raise SystemExit('no disk left'); ")
    with pytest.raises(StartFailed, match=r"(?s)server ended with 1 .*no disk left"):
        server.start()


def test_a_server_that_never_answers_is_ended_at_the_deadline(no_leaks: None, tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print('thinking', flush=True); input()")
    server = Process("server", command, tmp_path, ready=lambda: False, ready_within_s=1.0)
    with pytest.raises(StartFailed, match=r"(?s)waited 1 s for server to be ready.*thinking"):
        server.start()
    assert server.pid is None


def test_stop_ends_one_that_will_not_listen_and_its_children(
    no_leaks: None, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    then = "import subprocess; subprocess.run(['sleep', '600'])"
    server = program(tmp_path, free_port(), then, first=STUBBORN)
    server.start()
    family = wait_for(lambda: psutil.Process(server.pid).children(), 5.0, "the server to have a child")
    server.stop(timeout_s=0.2)
    wait_for(lambda: not any(child.is_running() for child in family), 5.0, "the child to be gone")


def test_a_server_dies_with_the_process_that_started_it(tmp_path: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    starter = f"""
import pathlib, sys, time
from tools.services.process import Process, answers_at
command = (sys.executable, "-c", {STUBBORN + SERVE + "signal.pause()"!r}, "{port}")
server = Process("server", command, pathlib.Path({str(tmp_path)!r}), ready=answers_at({port}))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert psutil.pid_exists(pid)
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(pid), 5.0, "the server to be gone")
