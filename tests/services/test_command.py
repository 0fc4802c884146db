"""`python -m tools.services`, and adding services."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tools.services import SERVICES, Service
from tools.services.install import CannotInstall, install, plan
from tools.services.service import Command, apt
from tools.services.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "tools.services"]


def toy(place: Path, *commands: Command) -> Service:
    """A service that is there once `place` is."""
    return Service("toy", "tests", lambda: str(place) if place.exists() else None, commands)


def test_packages_are_looked_up_once_before_the_first_of_them(tmp_path: Path) -> None:
    first, second = toy(tmp_path / "a", apt("a")), toy(tmp_path / "b", apt("b", "c"), ("true",))
    assert plan([first, second]) == [("apt-get", "update"), apt("a"), apt("b", "c"), ("true",)]
    assert plan([toy(tmp_path / "c", ("true",))]) == [("true",)]


def test_what_is_there_is_not_installed_again(tmp_path: Path) -> None:
    install([toy(tmp_path, ("false",))])


def test_what_is_missing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    install([toy(tmp_path / "there", ("touch", str(tmp_path / "there")))])
    assert (tmp_path / "there").exists()


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("false", "ended with 1: false"),
        ("true", "yet not found: toy"),
        ("no-such-tool", "no-such-tool: not found"),
    ],
)
def test_an_installation_that_fails_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, complaint: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(CannotInstall, match=complaint):
        install([toy(tmp_path / "missing", (command,))])


def test_without_root_the_commands_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        CannotInstall, match="sudo sh -c 'apt-get install --yes --no-install-recommends kettle'"
    ):
        install([toy(tmp_path / "missing", apt("kettle"))])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, env=settings, capture_output=True, text=True, check=False
    )


def test_list_shows_every_service_and_how_to_add_it() -> None:
    shown = run("list").stdout
    assert all(service.name in shown and service.how_to_add() in shown for service in SERVICES.values())


@pytest.mark.parametrize("names", [[], ["kettle"]])
def test_install_wants_known_names(names: list[str]) -> None:
    ended = run("install", *names)
    assert ended.returncode == 2
    assert "expected --all or some of rtsp, ffmpeg, browser, openssl, nats" in ended.stderr


@pytest.mark.needs("rtsp")
def test_start_rtsp_prints_the_address_and_ends_on_ctrl_c(made: Path) -> None:
    command = [*COMMAND, "start", "rtsp", "--clip", str(made / "h264.mp4")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("rtsp://127.0.0.1:")
        (server,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        assert process.wait(5.0) == 0
    wait_for(lambda: not server.is_running(), 5.0, "the server to be gone")
