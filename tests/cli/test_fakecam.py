"""`sightline fakecam` as a process: what it prints, what it serves, how it ends."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import COMMAND, Invoke
from tests.fakecam.client import Client

from sightline.frame import Size
from sightline.scene import Scene, write_clip

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(*arguments)`: the command on a free port, ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> "subprocess.Popen[str]":
        command = [*COMMAND, "fakecam", "--port", "0", *arguments]
        pipe = subprocess.PIPE
        running.append(
            subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ | {"CAM": "s:e"})
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate(timeout=10)


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(start: Start, number: signal.Signals) -> None:
    process = start("--cameras", "2")
    urls = [line(process), line(process)]
    assert [url.rpartition("/")[2] for url in urls] == ["cam1", "cam2"]
    with Client(urls[1]) as client:
        client.play()
        assert next(client.rtp()).payload
        process.send_signal(number)
        assert process.wait(10) == 0


def test_files_logins_and_scripts(start: Start, tmp_path: Path) -> None:
    clip = write_clip(Scene(size=Size(160, 90)), tmp_path / "yard.mp4", 10)
    script = tmp_path / "faults.yaml"
    script.write_text("gate: [wrong_password]\n")
    process = start(
        *(f"yard={clip}", "gate=synthetic://street?size=160x90&fps=5"),
        *("--username", "viewer", "--password-env", "CAM"),
        *("--script", str(script), "--misbehave", "yard: half_open from 1h"),
    )
    yard, gate = line(process), line(process)
    right = "Basic dmlld2VyOnM6ZQ=="
    for url in (yard, gate):
        with Client(url) as client:
            refused = client.ask("DESCRIBE", Authorization=right)
            assert refused.status == 401
            assert refused.headers["www-authenticate"].startswith("Digest ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gate"], "expected NAME=SOURCE such as gate=parking.mp4, got 'gate'"),
        (["a=x.mp4", "a=y.mp4"], "each camera's name once, got 'a' again"),
        (["--host", "0.0.0.0"], "expected a username and a password for cam1 to listen on 0.0.0.0"),
        (["--misbehave", "cam1: sing"], "expected one of stall"),
        (["--script", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["--username", "viewer", "--password-env", "NOT_SET"], "NOT_SET, which is not set"),
        (["--username", "viewer"], "a username without ':' and a password"),
        (["gate=nowhere.mp4"], "cannot read nowhere.mp4"),
    ],
)
def test_a_mistake_is_one_line(invoke: Invoke, arguments: list[str], said: str) -> None:
    result = invoke("fakecam", "--port", "0", *arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.splitlines()) == 1
