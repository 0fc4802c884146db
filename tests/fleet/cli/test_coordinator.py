"""`sightline coordinator`, as it is typed: what it says first, who it answers, how it ends."""

import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sightline.fleet.api.client import FleetClient

PASSWORD = "correct horse battery"
SIGHTLINE = str(Path(sys.executable).with_name("sightline"))


class Running:
    """A coordinator that was begun, and the lines that it said first."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process = process
        self.lines = [process.stdout.readline().strip() for _ in range(3)]
        self.url = self.lines[0].removeprefix("coordinator: ")

    def end(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@contextmanager
def running(home: Path, *options: str, **environ: str) -> Iterator[Running]:
    """One whose data folder is `home`."""
    known = {**os.environ, "XDG_DATA_HOME": str(home), **environ}
    command = [SIGHTLINE, "-v", "coordinator", "--bus", "memory://cli", "--port", "0", *options]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=known)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.communicate()


@contextmanager
def on_terminal(home: Path, *options: str) -> Iterator[list[str]]:
    """One in a terminal, and the lines that it says first."""
    ours, its = pty.openpty()
    known = {**os.environ, "XDG_DATA_HOME": str(home), "TERM": "dumb"}
    command = [SIGHTLINE, "coordinator", "--bus", "memory://cli", "--port", "0", *options]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=known, start_new_session=True)
    os.close(its)
    try:
        with os.fdopen(ours, encoding="utf-8", newline="\n") as said:
            yield [said.readline().strip() for _ in range(4)]
    finally:
        process.kill()
        process.wait(20)


def run(home: Path, *options: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    known = {**os.environ, "XDG_DATA_HOME": str(home), "COLUMNS": "100", **environ}
    command = [SIGHTLINE, "coordinator", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=known)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_when_told(tmp_path: Path, ending: signal.Signals) -> None:
    with running(tmp_path) as one:
        folder = tmp_path / "sightline" / "fleet"
        token = folder / "fleet.db.token"
        assert one.url.startswith("http://127.0.0.1:")
        assert one.lines[1] == f"token: in {token}"
        assert "sightline fleet token" in one.lines[2]
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / "fleet.db").stat().st_mode) == 0o600
        assert httpx.get(f"{one.url}/healthz", trust_env=False).json() == {"status": "ok"}
        assert httpx.get(f"{one.url}/api/v1/status", trust_env=False).status_code == 401
        with FleetClient(one.url, token.read_text().strip()) as client:
            assert client.get("/api/v1/status")["revision"] == 0
        code, out, err = one.end(ending)
    assert (code, "Traceback" in err) == (0, False), err
    assert token.read_text().strip() not in out + err


def test_what_it_kept_is_there_the_next_time(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        token = (tmp_path / "sightline" / "fleet" / "fleet.db.token").read_text()
        with FleetClient(one.url, token.strip()) as client:
            client.post("/api/v1/agents", {"agent_name": "hall"})
        one.process.kill()
    with running(tmp_path) as one, FleetClient(one.url, token.strip()) as client:
        assert client.get("/api/v1/agents/hall")["state"] == "new"


def test_a_token_of_its_users_is_taken_from_the_environment(tmp_path: Path) -> None:
    with running(tmp_path, "--token-env", "MINE", MINE="planted-0ddba11") as one:
        assert one.lines[1] == "token: in $MINE"
        with FleetClient(one.url, "planted-0ddba11") as client:
            client.get("/api/v1/status")
        assert not (tmp_path / "sightline" / "fleet" / "fleet.db.token").exists()
        _, out, err = one.end()
    assert "planted-0ddba11" not in out + err


def test_a_token_of_its_users_is_taken_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("planted-0ddba11\n")
    with running(tmp_path, "--token-file", str(file)) as one:
        assert one.lines[1] == f"token: in {file}"
        with FleetClient(one.url, "planted-0ddba11") as client:
            client.get("/api/v1/status")
        _, out, err = one.end()
    assert "planted-0ddba11" not in out + err
    file.chmod(0o644)
    bus = ("--bus", "memory://cli", "--port", "0")
    for more, told in (
        ([str(file)], "chmod 600"),
        ([str(file), "--token-env", "MINE"], "got both"),
        ([str(tmp_path / "none")], "is not there"),
    ):
        refused = run(tmp_path, *bus, "--token-file", *more, MINE="planted-0ddba11")
        assert (refused.returncode, told in " ".join(refused.stderr.split())) == (1, True), refused.stderr


def test_who_has_the_link_of_the_terminal_becomes_the_first_admin(tmp_path: Path) -> None:
    with on_terminal(tmp_path, "--host", "0.0.0.0") as lines:
        link = next(line for line in lines if "/first?code=" in line).rpartition(" ")[2]
        code = parse_qs(urlsplit(link).query)["code"][0]
        port = urlsplit(link).port
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as browser:
            assert browser.get("/first", params={"code": code}).status_code == 200
            filled = {"code": code, "name": "ada", "password": PASSWORD, "again": PASSWORD}
            done = browser.post("/first", data=filled)
            assert (done.status_code, done.headers["location"]) == (303, "/")
            me = browser.get("/api/v1/me").json()
            assert (me["name"], me["role"], me["how"]) == ("ada", "admin", "session")
            again = browser.post("/first", data={**filled, "name": "eve"})
            assert again.status_code != 303 or again.headers["location"] == "/login"
    with on_terminal(tmp_path) as lines:
        assert not any("code=" in line for line in lines), "there is a user now"
        assert any(line.startswith("page: http://127.0.0.1:") for line in lines)


def test_what_keeps_its_lines_is_told_no_link(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        assert one.process.stdout is not None
        line = one.process.stdout.readline()
        assert "sightline fleet users add" in line
        _, out, err = one.end()
    assert "code=" not in line + out + err


def test_what_cannot_begin_says_why_and_leaves_no_trace(tmp_path: Path, free_port: Callable[[], int]) -> None:
    bus = ("--bus", "memory://cli")
    unset = run(tmp_path, *bus, "--token-env", "NOT_SET")
    assert (unset.returncode, "NOT_SET" in unset.stderr) == (1, True)
    wrong = run(tmp_path, "--bus", "ftp://user:planted-1@x", "--port", "0")
    assert (wrong.returncode, "kafka://" in wrong.stderr, "planted-1" in wrong.stderr) == (1, True, False)
    short = run(tmp_path, *bus, "--port", "0", "--token-env", "SHORT", SHORT="abc")
    assert (short.returncode, "at least 8" in short.stderr) == (1, True)
    late = run(tmp_path, *bus, "--port", "0", "--timing", '{"lease_s": "late"}')
    assert (late.returncode, "--timing" in late.stderr) == (1, True)
    assert run(tmp_path).returncode == 2
    with running(tmp_path) as one:
        second = run(tmp_path, *bus, "--port", "0")
        assert (second.returncode, "fleet.db" in second.stderr) == (1, True)
        taken = run(tmp_path / "other", *bus, "--port", one.url.rpartition(":")[2])
        assert (taken.returncode, "free port" in taken.stderr) == (1, True)
    for failed in (unset, wrong, short, late, second, taken):
        assert "Traceback" not in failed.stderr


def test_its_help_has_examples(tmp_path: Path) -> None:
    told = run(tmp_path, "--help").stdout
    assert "sightline coordinator --bus kafka://127.0.0.1:9092" in told
