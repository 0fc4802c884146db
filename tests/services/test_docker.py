"""Containers of programs of this machine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tools.services import Docker

pytestmark = pytest.mark.needs("docker")

LOOK = """
import os, socket, sys, tools.services
print([name for _, name in socket.if_nameindex()], os.getpid(), os.path.exists("/etc/passwd"))
for path in sys.argv[1:]:
    try:
        open(path + "/new", "x").close()
        print("written")
    except OSError as error:
        print(error.strerror)
"""
SLEEP = [sys.executable, "-c", "print('up', flush=True); input()"]


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        yield docker


def lines(container: subprocess.Popen[bytes]) -> list[str]:
    return container.communicate(timeout=20)[0].decode().splitlines()


def test_a_container_sees_programs_and_the_folders_that_it_is_given(docker: Docker, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOK, str(tmp_path), sys.prefix, "/usr"]
    container = docker.run("look", command, shares=[tmp_path])
    refused = "Read-only file system"
    assert lines(container) == ["['lo'] 1 False", "written", refused, refused]
    assert (tmp_path / "new").exists()


def test_a_container_that_is_killed_is_gone_at_once(docker: Docker) -> None:
    container = docker.run("sleep", SLEEP)
    assert container.stdout is not None
    assert container.stdout.readline() == b"up\n"
    docker.kill("sleep")
    assert lines(container) == []
    assert container.returncode == 128 + 9
    docker.remove("sleep")


def test_nothing_is_left_of_a_daemon(tmp_path: Path) -> None:
    with Docker(tmp_path) as docker:
        container = docker.run("sleep", SLEEP)
        assert container.stdout is not None
        assert container.stdout.readline() == b"up\n"
        assert "dockerd" in running(tmp_path)
    assert lines(container) == []
    assert not running(tmp_path)
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def running(folder: Path) -> list[str]:
    """Programs that were told of this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in argument for argument in process.cmdline()):
                found.append(process.name())
        except psutil.Error:
            continue
    return found
