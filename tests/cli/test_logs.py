"""`sightline logs`, as it is typed: what it shows of what comes, and what it keeps."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from tests.cli.conftest import Invoke
from tests.conftest import WaitFor
from tests.pipe.outside.receiving import SOON_S, Sending

JPEG = b"\xff\xd8\xff and more"
Listen = Callable[..., "Listening"]


class Listening:
    """A `sightline logs` that runs, and what it printed."""

    def __init__(self, output: Path, *options: str, environ: dict[str, str] | None = None) -> None:
        self._output = output
        with output.open("w") as told_here:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sightline", "logs", "--port", "0", *options],
                stdout=told_here,
                stderr=subprocess.PIPE,
                text=True,
                env=environ,
            )
        assert self.process.stderr is not None
        told = self.process.stderr.readline()
        match = re.fullmatch(r"listening for logs at (http://127\.0\.0\.1:\d+)\n", told)
        assert match, told + self.process.stderr.read()
        self.url = match[1]

    def lines(self) -> list[str]:
        return self._output.read_text().splitlines()

    def end(self) -> str:
        """Its last words."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=SOON_S)
        assert self.process.returncode == 0, said
        return said


@pytest.fixture
def listen(no_leaks: None, tmp_path: Path) -> Iterator[Listen]:
    begun: list[Listening] = []

    def listen(*options: str, **facts: Any) -> Listening:
        begun.append(Listening(tmp_path / f"{len(begun)}.txt", *options, **facts))
        return begun[-1]

    yield listen
    for one in begun:
        one.process.kill()
        one.process.communicate()


def say(url: str, message: str = "said", **facts: Any) -> None:
    with Sending(url) as sending:
        sending.say(message, **facts)
    assert not sending.dropped


def test_a_record_is_a_line_with_its_place(listen: Listen, wait_for: WaitFor) -> None:
    listening = listen()
    facts = {"name": "seen.cameras.gate", "processName": "cameras", "created": 0.5, "lux": 3}
    say(listening.url, "dark", exc_text="Traceback: ...", **facts)
    lines = wait_for(listening.lines, SOON_S, "a line")
    assert lines == ["00:00:00.500 INFO     seen.cameras.gate: dark lux=3", "    Traceback: ..."]
    assert listening.end() == "1 records, 0 with a picture; dropped by their senders: none\n"


def test_what_would_steer_a_terminal_is_written_out(listen: Listen, wait_for: WaitFor) -> None:
    listening = listen()
    say(listening.url, "\x1b]0;mine\x07\x9b2J\u202e \udc80")
    (line,) = wait_for(listening.lines, SOON_S, "a line")
    assert line.endswith(r"\x1b]0;mine\x07\x9b2J\u202e \udc80")


def test_a_program_gets_no_more_of_that(listen: Listen, wait_for: WaitFor) -> None:
    listening = listen("--json")
    say(listening.url, "\x1b[2J\x9b2J\u202e\u2028 für")
    (line,) = wait_for(listening.lines, SOON_S, "a line")
    assert json.loads(line)["message"] == "\x1b[2J\x9b2J\u202e\u2028 für"
    assert line.isprintable()


def test_no_record_looks_like_another(listen: Listen, wait_for: WaitFor) -> None:
    listening = listen()
    say(listening.url, "well\n00:00:00.000 CRITICAL seen.cameras.gate: forged")
    first, second = wait_for(listening.lines, SOON_S, "lines")
    assert first.endswith("INFO     seen: well")
    assert second == "    00:00:00.000 CRITICAL seen.cameras.gate: forged"


def test_what_senders_say_of_drops_is_no_words_of_theirs(listen: Listen) -> None:
    listening = listen()
    stranger = socketio.Client(reconnection=False, handle_sigint=False)
    stranger.connect(listening.url, transports=["websocket"])
    batch = {"sender": "a", "entries": [], "dropped": {"\x1b]0;mine\x07": 1}}
    assert stranger.call("logs", batch, timeout=SOON_S) == -1
    stranger.disconnect()
    assert "\x1b" not in listening.end()


def test_only_what_is_asked_for_is_shown(listen: Listen, wait_for: WaitFor) -> None:
    listening = listen("--level", "warning", "--routine", "cameras.g*", "--routine", "yard", "--json")
    for level, flow, routine in (
        (30, "cameras", "gate"),
        (20, "cameras", "gate"),
        (40, "cameras", "yard"),
        (40, "eyes", "gate"),
    ):
        say(listening.url, name=f"seen.{flow}.{routine}", processName=flow, levelno=level)
    assert "4 records" in listening.end()
    told = [json.loads(line) for line in listening.lines()]
    assert [(one["flow"], one["routine"]) for one in told] == [("cameras", "gate"), ("cameras", "yard")]


def test_the_newest_picture_of_each_place_is_kept(listen: Listen, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    listening = listen("--pictures", str(folder), "--json")
    facts = {"name": "seen.cameras.gate", "processName": "cameras", "side": "input"}
    for content in (b"1", b"2"):
        say(listening.url, picture=JPEG + content, **facts)
    say(listening.url, name="seen.../x/../../y", processName="../x", picture=JPEG)
    listening.end()
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert kept.pop("seen.cameras.gate.input.jpg") == JPEG + b"2"
    assert len(kept) == 1
    told = [json.loads(line) for line in listening.lines()]
    assert told[0]["picture"] == str(folder / "seen.cameras.gate.input.jpg")


def test_a_picture_of_the_longest_name_is_kept(listen: Listen, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    listening = listen("--pictures", str(folder))
    name = "\U0001d504" * 300
    say(listening.url, name=f"seen.{name}.{name}", processName=name, side=name, picture=JPEG)
    say(listening.url, "and it goes on")
    listening.end()
    assert len(list(folder.iterdir())) == 1
    assert listening.lines()[-1].endswith("and it goes on")


def test_without_a_folder_a_picture_is_a_line(listen: Listen) -> None:
    listening = listen("--json")
    say(listening.url, "input: 9 x 9", picture=JPEG)
    assert "1 with a picture" in listening.end()
    assert "picture" not in json.loads(listening.lines()[0])


def test_it_ends_after_so_many_seconds(listen: Listen) -> None:
    listening = listen("--seconds", "0.1")
    assert listening.process.wait(SOON_S) == 0


def test_it_ends_when_nobody_reads_it(no_leaks: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sightline", "logs", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        url = process.stderr.readline().split()[-1]
        with Sending(url) as sending:
            sending.say("to nobody")
            process.wait(SOON_S)
        assert "Traceback" not in process.stderr.read()


def test_it_says_why_nothing_can_be_written(no_leaks: None) -> None:
    command = [sys.executable, "-m", "sightline", "logs", "--port", "0"]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(command, stdout=full, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        with Sending(process.stderr.readline().split()[-1]) as sending:
            sending.say("too much")
            assert process.wait(SOON_S) == 1
        assert sending.handler.stats().delivered == 0
        assert "cannot write what came: [Errno 28] No space left on device" in process.stderr.read()


def test_a_token_comes_from_the_environment(
    listen: Listen, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGS_TOKEN", "sesame-seeds")
    listening = listen("--token-env", "LOGS_TOKEN")
    say(f"{listening.url}?token=sesame-seeds")
    with Sending(listening.url) as stranger:
        stranger.say("let me in")
    assert stranger.dropped == 1
    monkeypatch.delenv("LOGS_TOKEN")
    done = invoke("logs", "--port", 0, "--token-env", "LOGS_TOKEN")
    assert done.exit_code == 1
    assert "expected a token in the environment variable LOGS_TOKEN" in done.output


def test_a_missing_extra_says_how_to_have_it() -> None:
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['socketio', 'websocket', 'wsproto']))\n"
        "from sightline.cli import main\n"
        "sys.argv = ['sightline', 'logs', '--port', '0']\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "pip install 'sightline[logs]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--level", "loud"], 2, "expected one of debug, info, warning, error, critical, got 'loud'"),
        (["--host", "0.0.0.0"], 1, "can be seen by other machines: expected a token"),
    ],
)
def test_what_cannot_be_is_told(invoke: Invoke, options: list[str], code: int, told: str) -> None:
    done = invoke("logs", *options)
    assert done.exit_code == code
    assert told in done.output


def test_a_port_that_is_taken_is_told(invoke: Invoke, silent_port: int) -> None:
    done = invoke("logs", "--port", silent_port)
    assert done.exit_code == 1
    assert f"cannot listen for logs on 127.0.0.1 port {silent_port}: Address already in use" in done.output
