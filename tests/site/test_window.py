"""A window into what runs: its user may look and send events, and nobody there can hold up anybody else."""

import json
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.pipe.lines import Lines
from tests.pipe.parts import Collect, Counter

from sightline.hub import StreamClient, StreamServer
from sightline.hub.address import HubAddress
from sightline.log import hide_secret
from sightline.pipe import Pipe
from sightline.site import private_folder
from sightline.site import window as module
from sightline.site.visit import MAIN, PipesVisit
from sightline.site.window import MOST_ASKED_BYTES, MOST_VISITORS, Window, open_window

LOG = Lines()
WAIT_S = 20.0


@pytest.fixture
def pipe(no_leaks: None) -> Iterator[Pipe]:
    with Pipe(logger=LOG.logger()) as made:
        made.create_flow("f", True, Counter("numbers"), Collect("kept"))
        made.build()
        yield made


@pytest.fixture
def path(tmp_path: Path, pipe: Pipe) -> Iterator[Path]:
    path = tmp_path / "window.sock"
    with Window(path, lambda: PipesVisit("mine", lambda: {"p": pipe})):
        yield path
    assert not path.exists()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


class Visitor:
    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(WAIT_S)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.lines = self.socket.makefile("rb")

    def ask(self, **asked: Any) -> dict[str, Any]:
        return self.say(json.dumps(asked).encode() + b"\n")

    def say(self, line: bytes) -> dict[str, Any]:
        self.socket.sendall(line)
        told: dict[str, Any] = json.loads(self.lines.readline())
        return told

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def visitor(path: Path) -> Iterator[Visitor]:
    with closing(Visitor(path)) as visitor:
        yield visitor


def test_who_looks_sees_the_counts_of_now(pipe: Pipe, visitor: Visitor, wait_for: WaitFor) -> None:
    pipe.notify_event("start", wait=WAIT_S)
    wait_for(lambda: pipe.stats().routines["kept"].processed > 3, WAIT_S, "some to be kept")
    first = visitor.ask(type="look")["answer"]
    assert first["name"] == "mine"
    assert first["pipes"]["p"]["flows"]["f"]["routines"]["kept"]["processed"] > 3
    assert first["usage"][MAIN]["pid"] == os.getpid()
    assert first["usage"][MAIN]["rss_bytes"] > 1e6
    assert first["site"] is None
    assert visitor.ask(type="look")["answer"]["at_ns"] > first["at_ns"]


def test_who_looks_may_send_events_and_is_told_what_became_of_them(pipe: Pipe, visitor: Visitor) -> None:
    assert visitor.ask(type="events", pipe="p")["answer"][:3] == ["start", "stop", "kill"]
    sent = visitor.ask(type="send", pipe="p", event="start", targets={"f": ["numbers"]})["answer"]
    assert sent == {"event": "start", "done": ["numbers"], "failed": {}}
    assert pipe.stats().routines["numbers"].state == "running"
    assert pipe.stats().routines["kept"].state == "stopped"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"type": "send", "pipe": "q", "event": "start"}, "unknown pipe 'q'.*known: p"),
        ({"type": "send", "pipe": "p", "event": "strat"}, "unknown event.*did you mean"),
        ({"type": "send", "pipe": "p", "event": "start", "targets": {"g": []}}, "unknown flow 'g'"),
        ({"type": "send", "pipe": "p", "event": "start", "params": {"wait": 1}}, "no parameter"),
        ({"type": "send", "pipe": "p", "event": "start", "extra": 1}, "unknown field"),
        ({"type": "shell"}, "expected what may be asked"),
        ([], "expected what may be asked"),
    ],
)
def test_what_cannot_be_is_told_and_the_visitor_may_go_on(visitor: Visitor, asked: Any, told: str) -> None:
    assert re.search(told, visitor.say(json.dumps(asked).encode() + b"\n")["error"])
    assert visitor.ask(type="look")["answer"]["name"] == "mine"


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"[" * 10_000 + b"\n", b"{}\n", b"\n"])
def test_nonsense_is_answered(visitor: Visitor, line: bytes) -> None:
    assert "error" in visitor.say(line)
    assert "answer" in visitor.ask(type="look")


def test_a_line_without_end_is_not_read_on(visitor: Visitor) -> None:
    assert "expected a line" in visitor.say(b"x" * MOST_ASKED_BYTES)["error"]
    assert visitor.lines.readline() == b""


def test_no_secret_goes_through(tmp_path: Path, pipe: Pipe, opened: ExitStack) -> None:
    hide_secret("planted-2c9a")
    opened.enter_context(Window(tmp_path / "w", lambda: PipesVisit("planted-2c9a", lambda: {"p": pipe})))
    visitor = opened.enter_context(closing(Visitor(tmp_path / "w")))
    assert visitor.ask(type="look")["answer"]["name"] == "***"
    assert "planted" not in visitor.ask(type="send", pipe="planted-2c9a", event="start")["error"]


def test_visitors_do_not_wait_for_each_other_and_there_are_not_too_many(
    path: Path, opened: ExitStack, wait_for: WaitFor
) -> None:
    silent = [opened.enter_context(closing(Visitor(path))) for _ in range(MOST_VISITORS - 1)]
    last = opened.enter_context(closing(Visitor(path)))
    assert "answer" in last.ask(type="look")
    over = opened.enter_context(closing(Visitor(path)))
    assert over.lines.readline() == b""
    silent[0].close()

    def is_let_in() -> bool:
        with closing(Visitor(path)) as another:
            try:
                return "answer" in another.ask(type="look")
            except (OSError, ValueError):
                return False

    wait_for(is_let_in, WAIT_S, "room for another")


def test_everybody_goes_when_it_is_closed(tmp_path: Path, pipe: Pipe) -> None:
    window = Window(tmp_path / "w", lambda: PipesVisit("mine", lambda: {"p": pipe}))
    with closing(Visitor(tmp_path / "w")) as visitor:
        visitor.ask(type="look")
        window.close()
        assert visitor.lines.readline() == b""
    with pytest.raises(OSError, match="No such file"):
        Visitor(tmp_path / "w")


def test_what_cannot_have_a_window_goes_on_without(
    opened: ExitStack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(private_folder, "places", lambda: [tmp_path / "none"])
    open_window(lambda: PipesVisit("mine", dict), opened)
    open_window(lambda: PipesVisit("mine", dict), opened, tmp_path / "none")
    assert caplog.text.count("nobody can look at this") == 2


class Broken(PipesVisit):
    def look(self) -> Any:
        raise RuntimeError("password=planted")


def test_a_visit_that_breaks_costs_an_answer_and_no_secret(
    tmp_path: Path, pipe: Pipe, opened: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    opened.enter_context(Window(tmp_path / "w", lambda: Broken("mine", lambda: {"p": pipe})))
    visitor = opened.enter_context(closing(Visitor(tmp_path / "w")))
    assert visitor.ask(type="look")["error"] == "this went wrong: RuntimeError('password=***')"
    assert "answer" in visitor.ask(type="events", pipe="p")
    assert "a visitor could not be answered" in caplog.text


def test_the_hub_is_asked_while_somebody_looks_and_only_then(no_leaks: None, wait_for: WaitFor) -> None:
    with StreamServer(port=0) as server, StreamClient("cam", port=server.port) as cam:
        cam.create_new_channel("street")
        address = HubAddress(port=server.port)
        with closing(PipesVisit("mine", dict, hub=lambda: address)) as visit:
            assert [
                one.agent for one in cam.server_statistics().clients if one.agent == "sightline top"
            ] == []
            hub = visit.look().hub
            assert hub is not None
            assert "street" in {channel.name for channel in hub.channels}
            assert [one.agent for one in hub.clients if one.agent == "sightline top"] == ["sightline top"]
        wait_for(lambda: len(cam.server_statistics().clients) == 1, WAIT_S, "the visitor's client to go")


def test_a_hub_that_is_away_is_trouble_and_no_more(no_leaks: None, silent_port: int) -> None:
    with closing(PipesVisit("mine", dict, hub=lambda: HubAddress(port=silent_port))) as visit:
        look = visit.look()
    assert look.hub is None
    assert look.trouble.startswith("the hub: ")


def test_nobody_else_may_connect_even_where_the_folder_is_open(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_flow_called_as_the_first_process_is_no_more_than_a_flow(no_leaks: None) -> None:
    with Pipe(logger=LOG.logger()) as made:
        made.create_flow(MAIN, True, Counter("numbers"), Collect("kept"))
        made.build()
        with closing(PipesVisit("mine", lambda: {"p": made})) as visit:
            look = visit.look()
    assert look.usage[MAIN].pid == os.getpid() != look.pipes["p"].flows[MAIN].pid


class Hung(PipesVisit):
    let_go = threading.Event()

    def look(self) -> Any:
        assert self.let_go.wait(WAIT_S)
        return super().look()


def test_it_is_closed_in_one_time_however_many_visitors_wait(
    no_leaks: None, tmp_path: Path, opened: ExitStack, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    joined: list[float] = []
    monkeypatch.setattr(module, "_LEAVES_S", 0.5)
    window = Window(tmp_path / "w", lambda: Hung("mine", dict))
    for _ in range(8):
        opened.enter_context(closing(Visitor(tmp_path / "w"))).socket.sendall(b'{"type":"look"}\n')

    def visitors() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "visitor"]

    wait_for(lambda: len(visitors()) == 8, WAIT_S, "all to be let in")
    join = threading.Thread.join

    def timed(thread: threading.Thread, timeout: float | None = None) -> None:
        joined.append(timeout or 0.0)
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", timed)
    window.close()
    Hung.let_go.set()
    assert sum(joined) < 8 * 0.5
    wait_for(lambda: not visitors(), WAIT_S, "all to go")
