"""An engine of the tests' own, and agents on it."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.conftest import CLIPS, require
from tools.services import Docker
from tools.services.light_images import add_light_images, mounts

from sightline.fleet.runtime.docker.containers import DockerSettings
from sightline.fleet.runtime.docker.runtime import DockerRuntime


class MakeAgent(Protocol):
    """`agent(prefix=..., node=...)`: the type of the fixture of that name."""

    def __call__(self, **settings: Any) -> DockerRuntime: ...


def settings_for(docker: Docker, **settings: Any) -> DockerSettings:
    seen = [*mounts(), *([CLIPS] if CLIPS.is_dir() else [])]
    own = {"node": str(uuid.uuid4()), "prefix": f"t{uuid.uuid4().hex[:6]}", "address": docker.address}
    return DockerSettings(**{**own, "image": "python:light", "shares": seen, **settings})


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """A daemon with the light images. Shared: use a node and a prefix of your own, never crash it."""
    require("docker")
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        add_light_images(docker)
        yield docker


@pytest.fixture
def own_docker(tmp_path: Path) -> Iterator[Docker]:
    """A daemon of this test's own, to be crashed and begun again."""
    require("docker")
    (tmp_path / "docker").mkdir()
    with Docker(tmp_path / "docker") as docker:
        add_light_images(docker)
        yield docker


@pytest.fixture
def agent(docker: Docker) -> Iterator[MakeAgent]:
    """Runtimes of agents on the shared engine; what they leave is removed."""
    with ExitStack() as opened:

        def make(**settings: Any) -> DockerRuntime:
            runtime = opened.enter_context(DockerRuntime(settings_for(docker, **settings)))
            opened.callback(_clean, runtime)
            return runtime

        yield make


def _clean(runtime: DockerRuntime) -> None:
    for found in runtime.find():
        runtime.end(found.name, at_once=True)
