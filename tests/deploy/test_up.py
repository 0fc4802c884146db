"""The compose file, begun: by compose, a daemon of the test's own, and images of programs of this machine.

So these are other versions of Redis and RabbitMQ than those that config.env names, and the same files, users,
limits, checks and commands.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import WaitFor
from tests.deploy.files import FOLDER, compose, filled_in, write
from tools.services import SERVICES, Docker
from tools.services.docker import ROOT, programs

pytestmark = [
    pytest.mark.needs("docker", "compose", "redis", "rabbitmq"),
    pytest.mark.waits,
    pytest.mark.timeout(420),
]
IMAGE = "this-machine:servers"
USERS = {"redis": 999, "rabbitmq": 998}
FILES = {
    "/etc/passwd": "".join(f"{name}:x:{uid}:{uid}::/var/lib/{name}:/bin/sh\n" for name, uid in USERS.items()),
    "/etc/group": "".join(f"{name}:x:{uid}:\n" for name, uid in USERS.items()),
    "/etc/rabbitmq/enabled_plugins": "[rabbitmq_management].\n",
}
OWNERS = {
    "/data": USERS["redis"],
    "/var/lib/rabbitmq": USERS["rabbitmq"],
    "/var/log/rabbitmq": USERS["rabbitmq"],
}
# Scripts of RabbitMQ themselves: what Debian has on the PATH changes to another user.
PLACES = ("/usr/lib/rabbitmq/bin", f"{sys.prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin")
UP_S = 240.0


class Deployed:
    """What compose is asked."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        named = filled_in(REDIS_IMAGE=IMAGE, RABBITMQ_IMAGE=IMAGE, SIGHTLINE_IMAGE=IMAGE)
        files = ["--file", str(FOLDER / "compose.yaml"), "--file", str(_mounts(folder / "mounts.yaml"))]
        settings = ["--env-file", str(write(folder / "config.env", named))]
        self._command = [str(SERVICES["compose"].find()), *settings, *files]
        self._environment = {**os.environ, "DOCKER_HOST": docker.address}

    def ask(self, *words: str) -> str:
        done = subprocess.run(
            [*self._command, *words],
            env=self._environment,
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def within(self, service: str, *command: str) -> str:
        return self.ask("exec", "-T", service, *command)

    def finished(self) -> int:
        told = json.loads(self.within("worker", "sightline", "framequeue", "stats", "--json"))
        return sum(camera["finished"] for camera in told["store"]["cameras"].values())


def _mounts(path: Path) -> Path:
    """More for each service: the programs that its image does not hold."""
    # Compose 1 tells a number of a variable from no other text, and the daemon does not take it as a limit.
    pids = int(filled_in()["MAX_PIDS"])
    more: dict[str, Any] = {
        name: {"volumes": programs(), "pids_limit": pids} for name in compose()["services"]
    }
    for name in ("sampler", "worker"):
        more[name]["environment"] = {"PYTHONPATH": f"/handlers:{ROOT / 'src'}"}
        more[name]["init"] = False  # the daemon puts it where these mounts are
    YAML().dump({"services": more}, path)
    return path


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with Docker(tmp_path_factory.mktemp("docker"), networks=True) as docker:
        environment = [f"ENV PATH={':'.join(PLACES)}", "ENV HOME=/var/lib/rabbitmq", "ENV LANG=C.UTF-8"]
        docker.add(IMAGE, *environment, 'CMD ["rabbitmq-server"]', files=FILES, owners=OWNERS)
        deployed = Deployed(docker, tmp_path_factory.mktemp("deployed"))
        try:
            yield deployed
        finally:
            deployed.ask("down", "--volumes", "--timeout", "1")


def test_the_switch_is_enough(deployed: Deployed, wait_for: WaitFor) -> None:
    deployed.ask("up", "-d", "--no-build", "--scale", "worker=2")
    assert len(deployed.ask("ps", "-q", "worker").split()) == 2
    wait_for(lambda: deployed.finished() > 5, UP_S, "pictures to be worked on")
    for service in compose()["services"]:
        assert deployed.within(service, "id", "-u").strip() != "0"
        refused = deployed.within(service, "sh", "-c", "touch /new 2>&1 || true")
        assert "Read-only file system" in refused
    listening = deployed.within("rabbitmq", "rabbitmq-diagnostics", "-q", "listeners")
    assert {"5672", "15672"} <= set(re.findall(r"port: (\d+),", listening))
