"""Writer, reader and hub, each in a container, with nothing in common but the folder of the hub's socket."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from tests.hub.contained import PICTURES, Told, namespaces
from tools.services import Docker

pytestmark = [pytest.mark.needs("docker"), pytest.mark.alone]

MIB = 1 << 20
WARM_UP = 10
"""Pictures that go as bytes, until all have the memory."""
Start: TypeAlias = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        yield docker


@pytest.fixture
def start(docker: Docker, tmp_path: Path) -> Iterator[Start]:
    """Starts a part in a container that may have so much memory; the hub is there. All are ended."""
    folder = tmp_path / "hub"
    folder.mkdir()
    path = str(folder / "socket")
    hub = ["sightline", "hub", "--port=0", f"--unix={path}"]
    with ExitStack() as running:

        def start(part: str, memory: str = "512m") -> subprocess.Popen[bytes]:
            program = hub if part == "hub" else ["tests.hub.contained", part, path]
            process = docker.run(
                part,
                [sys.executable, "-m", *program],
                shares=[folder],
                options=["--shm-size=1m", f"--memory={memory}"],
            )
            running.enter_context(process)
            running.callback(docker.remove, part)
            return process

        start("hub")
        yield start


def told(process: subprocess.Popen[bytes]) -> Told:
    assert process.stdout is not None
    return msgspec.json.decode(process.stdout.readline(), type=Told)


def looks_again(reader: subprocess.Popen[bytes]) -> bool:
    return reader.communicate(b"\n", timeout=10)[0] == b"whole\n" and reader.returncode == 0


def test_pictures_are_shared_between_containers_that_share_a_folder(docker: Docker, start: Start) -> None:
    reader, writer = start("read"), start("write")
    seen, wrote = told(reader), told(writer)
    for one in (seen, wrote):
        assert (one.shared_memory_bytes, one.names, one.interfaces) == (MIB, [], ["lo"])
    for places in zip(seen.namespaces, wrote.namespaces, namespaces(), strict=True):
        assert len(set(places)) == 3
    assert wrote.shared > PICTURES - WARM_UP
    assert wrote.shared + sum(wrote.not_shared.values()) == PICTURES
    assert seen.shared_in == wrote.shared
    assert seen.shared_out == seen.shared > PICTURES - WARM_UP
    docker.kill("write")
    writer.wait(10)
    assert looks_again(reader), "a picture outlives the container that drew it"


def test_a_container_with_little_memory_sends_bytes(start: Start) -> None:
    reader, writer = start("read"), start("write", memory="96m")
    wrote = told(writer)
    assert (wrote.shared, wrote.not_shared) == (0, {"no_memory": PICTURES})
    assert told(reader).shared == 0
    assert looks_again(reader)
