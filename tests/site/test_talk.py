"""Orders to a process and its reports, over all its lives."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import WaitFor

from sightline.log import hide_secret
from sightline.site import talk as module
from sightline.site.talk import Talk, supervised
from sightline.supervise import ChildStatus, Restart, State, Supervisor

ECHO = """
import os
from sightline.site.talk import Told
from sightline.supervise import Child

child = Child.here()
told = Told(child)
child.ready()
order = told.order()
print("ordered", order.decode().strip(), "Petunia-77")
if order:
    told.report(b"1 %d\\n" % os.getpid())
if order == b"stay\\n":
    child.wait()
told.report(b"last\\n")
told.report(b"half a line")
"""


class Heard:
    """What a talk told, in its order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def hear(self, line: bytes) -> None:
        self.lines.append(line.decode().strip())

    def part(self, last: ChildStatus) -> None:
        self.lines.append(f"{last.state}: {last.reason}")


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that says what it hears."""
    (tmp_path / "an_echo.py").write_text(ECHO)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return "an_echo"


@contextmanager
def running(heard: Heard, module: str, greet: Callable[[], bytes | None]) -> Iterator[Supervisor]:
    talk = Talk("echo", greet, heard.hear, heard.part)
    with supervised({talk: talk.child(module, hung_s=None, stop_s=5)}) as supervisor:
        yield supervisor
    talk.join(5)


def is_over(supervisor: Supervisor) -> bool:
    """It has not merely not begun yet."""
    ended = (State.ENDED, "exit code 0")
    return supervisor.wait_until(lambda of: (of["echo"].state, of["echo"].reason) == ended, 30)


def test_all_reports_are_heard_before_the_end(no_leaks: None, echo: str) -> None:
    heard = Heard()
    with running(heard, echo, lambda: b"begin\n") as supervisor:
        assert is_over(supervisor)
    first, *rest = heard.lines
    assert first.startswith("1 ")
    assert rest == ["last", "ended: exit code 0"]


def test_a_report_that_cannot_be_understood_hides_no_other(
    no_leaks: None, echo: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Baffled(Heard):
        def hear(self, line: bytes) -> None:
            if line.startswith(b"1 "):
                raise ValueError("expected a word")
            super().hear(line)

    heard = Baffled()
    with running(heard, echo, lambda: b"begin\n") as supervisor:
        assert is_over(supervisor)
    assert heard.lines == ["last", "ended: exit code 0"]
    assert "expected a word" in caplog.text


def test_one_that_cannot_be_begun_is_told_of_and_so_is_the_next(
    no_leaks: None, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = socket.socketpair, [OSError(24, "too many")]

    def socketpair() -> tuple[socket.socket, socket.socket]:
        if threading.current_thread().name == "sightline-supervise" and broken:
            raise broken.pop()
        return real()

    monkeypatch.setattr(socket, "socketpair", socketpair)
    monkeypatch.setattr(module, "RESTART", Restart(delay_s=0.0))
    heard = Heard()
    with running(heard, echo, lambda: b"begin\n") as supervisor:
        assert is_over(supervisor)
    why, first, *rest = heard.lines
    assert why == "waiting: it cannot be begun: OSError: [Errno 24] too many"
    assert first.startswith("1 ")
    assert rest == ["last", "ended: exit code 0"]


def test_without_room_for_a_thread_it_is_begun_again_later(
    no_leaks: None, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = threading.Thread.start, [RuntimeError("can't start new thread")]

    def start(thread: threading.Thread) -> None:
        if thread.name == "talk echo" and broken:
            raise broken.pop()
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(module, "RESTART", Restart(delay_s=0.0))
    heard = Heard()
    with running(heard, echo, lambda: b"begin\n") as supervisor:
        assert is_over(supervisor)
    why, first, *rest = heard.lines
    assert why == "waiting: it cannot be begun: RuntimeError: can't start new thread"
    assert first.startswith("1 ")
    assert rest == ["last", "ended: exit code 0"]


def test_one_that_waits_to_be_begun_again_may_be_ended(
    no_leaks: None, echo: str, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART", Restart(delay_s=60.0))
    heard = Heard()
    with running(heard, echo, lambda: b"stay\n"):
        wait_for(lambda: heard.lines, 20, "its life")
        os.kill(int(heard.lines[0].split()[1]), signal.SIGKILL)
        wait_for(lambda: len(heard.lines) == 2, 20, "its end")
    assert heard.lines[1:] == ["waiting: killed by SIGKILL", "ended: was to end; killed by SIGKILL"]


def test_each_life_has_an_order_of_its_own(
    no_leaks: None, echo: str, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART", Restart(delay_s=0.0))
    heard, orders = Heard(), iter([b"stay\n", b"stay\n"])
    with running(heard, echo, lambda: next(orders)):
        wait_for(lambda: heard.lines, 20, "the first life")
        os.kill(int(heard.lines[0].split()[1]), signal.SIGKILL)
        wait_for(lambda: len(heard.lines) == 3, 20, "the second life")
    assert heard.lines[1] == "waiting: killed by SIGKILL"
    assert heard.lines[3:] == ["last", "ended: exit code 0"]
    assert next(orders, None) is None


def test_one_that_is_to_end_while_its_order_is_awaited_ends_without_one(no_leaks: None, echo: str) -> None:
    heard, may_begin = Heard(), threading.Event()

    def greet() -> None:
        may_begin.wait()

    with running(heard, echo, greet) as supervisor:
        assert supervisor.wait_until(lambda of: of["echo"].state is State.RUNNING, 30)
        supervisor.end("echo")
        assert is_over(supervisor)
        may_begin.set()
    assert heard.lines == ["last", "ended: exit code 0"]


def test_what_it_writes_comes_out_with_its_name_and_without_secrets(
    no_leaks: None, echo: str, capfd: pytest.CaptureFixture[str]
) -> None:
    hide_secret("Petunia-77")
    with running(Heard(), echo, lambda: None) as supervisor:
        assert is_over(supervisor)
    assert "echo | ordered  ***\n" in capfd.readouterr().err


def test_its_folder_is_not_where_modules_are_looked_for(
    no_leaks: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    talk = Talk("hub", lambda: None)
    with supervised({talk: talk.child("sightline.site.hub_process", hung_s=None, stop_s=5)}) as supervisor:
        assert supervisor.wait_until(lambda of: of["hub"].state is State.ENDED, 30)
    talk.join(5)
    assert "not this one" not in capfd.readouterr().err
