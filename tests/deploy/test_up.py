"""The compose file, begun: by compose, a daemon of the test's own, and images of programs of this machine.

So these are other versions of Redis and RabbitMQ than those that config.env names, and the same files, users,
limits, checks and commands.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.conftest import WaitFor
from tests.deploy.files import FOLDER, compose, filled_in, put_in, write
from tools.services import SERVICES, Docker
from tools.services.docker import ROOT, programs

pytestmark = [
    pytest.mark.needs("docker", "compose", "redis", "rabbitmq"),
    pytest.mark.waits,
    pytest.mark.xdist_group("docker"),  # one deployment for all of them
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
NAMED = filled_in(REDIS_IMAGE=IMAGE, RABBITMQ_IMAGE=IMAGE, SIGHTLINE_IMAGE=IMAGE)
SERVED = compose()["services"]
CELERYS = {name for name, service in SERVED.items() if service.get("profiles") == ["celery"]}
FINISHED = r"""
import re, urllib.request
told = urllib.request.urlopen('http://127.0.0.1:9100/metrics').read().decode()
exit(not re.search(r'left_frames_total.*finished.* [3-9]', told))
"""
# RabbitMQ's ports, where it takes no more keys, and how much of quorum queues it writes in a row.
ASKED = """[
    [Port || {listener, _, _, _, _, Port, _} <- rabbit_networking:active_listeners()],
    vm_memory_monitor:get_memory_limit(),
    maps:get(wal_max_size_bytes, ra_system:fetch(quorum_queues))
]."""
EVERY_S = {"redis": 1, "rabbitmq": 4}  # they are asked: to be begun, all others wait for that
UP_S = 240.0


class Deployed:
    """What compose is asked."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        files = ["--file", str(FOLDER / "compose.yaml"), "--file", str(_mounts(folder / "mounts.yaml"))]
        settings = ["--env-file", str(write(folder / "config.env", NAMED))]
        self._command = [str(SERVICES["compose"].find()), *settings, *files]
        self._environment = {**os.environ, "DOCKER_HOST": docker.address}
        self._docker = docker

    def ask(self, *words: str, profile: str = "") -> str:
        chosen = {"COMPOSE_PROFILES": profile} if profile else {}
        done = subprocess.run(
            [*self._command, *words],
            env=self._environment | chosen,
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def containers(self) -> dict[str, list[dict[str, Any]]]:
        """What Docker says of each that runs, by service."""
        running = self._docker.ask("ps", "--quiet").split()
        found: dict[str, list[dict[str, Any]]] = {}
        for one in json.loads(self._docker.ask("inspect", *running)):
            found.setdefault(one["Config"]["Labels"]["com.docker.compose.service"], []).append(one)
        return found

    def within(self, service: str, *command: str) -> str:
        return self._docker.ask("exec", self.containers()[service][0]["Id"], *command)

    def _redis(self, *command: str) -> str:
        return self.within("redis", "redis-cli", "--user", NAMED["REDIS_USER"], *command)

    def stored(self) -> set[str]:
        """All that is in Redis but for Celery's, by name."""
        return set(self._redis("--scan").split())

    def wait_within(self, service: str, condition: str, what: str) -> None:
        """Until a line of shell succeeds there; to ask Docker each time costs more than is waited for."""
        try:
            self.within(service, "timeout", str(UP_S), "sh", "-c", f"until {condition}; do sleep 0.3; done")
        except RuntimeError as error:
            raise TimeoutError(f"waited {UP_S:g} s for {what}") from error

    def well(self, service: str) -> bool:
        """Whether its own check says so, at once."""
        kind, *command = (put_in(word, {}) for word in SERVED[service]["healthcheck"]["test"])
        try:
            self.within(service, *(["sh", "-c"] if kind == "CMD-SHELL" else []), *command)
        except RuntimeError:
            return False
        return True

    def remove(self, service: str) -> None:
        """Its container goes, as in a power cut; its volumes stay."""
        self._docker.ask("rm", "--force", self.containers()[service][0]["Id"])

    def finished(self) -> int:
        told = json.loads(self.within("worker", "sightline", "framequeue", "stats", "--json"))
        return sum(camera["finished"] for camera in told["store"]["cameras"].values())


def _mounts(path: Path) -> Path:
    """More for each service: the programs that its image does not hold."""
    # Compose 1 tells a number of a variable from no other text, and the daemon does not take it as a limit.
    pids = int(NAMED["MAX_PIDS"])
    more: dict[str, Any] = {name: {"volumes": programs(), "pids_limit": pids} for name in SERVED}
    for name, service in more.items():
        if "build" in SERVED[name]:
            service["environment"] = {"PYTHONPATH": f"/handlers:{ROOT / 'src'}"}
            service["init"] = False  # the daemon puts it where these mounts are
        else:
            service["healthcheck"] = {"interval": f"{EVERY_S[name]}s"}
    YAML().dump({"services": more}, path)
    return path


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """By its switch, with two workers."""
    with Docker(tmp_path_factory.mktemp("docker"), networks=True) as docker:
        environment = [f"ENV PATH={':'.join(PLACES)}", "ENV HOME=/var/lib/rabbitmq", "ENV LANG=C.UTF-8"]
        docker.add(IMAGE, *environment, 'CMD ["rabbitmq-server"]', files=FILES, owners=OWNERS)
        deployed = Deployed(docker, tmp_path_factory.mktemp("deployed"))
        deployed.ask("up", "-d", "--no-build", "--scale", "worker=2")
        yield deployed


def test_the_switch_is_enough(deployed: Deployed) -> None:
    assert {name: len(some) for name, some in deployed.containers().items()} == {
        "redis": 1,
        "rabbitmq": 1,
        "sampler": 1,
        "worker": 2,
    }
    deployed.wait_within("worker", f'python -c "{FINISHED}"', "pictures to be worked on")
    assert deployed.finished() > 2
    ports, memory, wal = json.loads(deployed.within("rabbitmq", "rabbitmqctl", "-q", "eval", ASKED))
    assert {5672, 15672} <= set(ports)
    assert memory == int(0.4 * int(NAMED["RABBITMQ_MEMORY"]))
    assert wal == int(NAMED["RABBITMQ_WAL"])


def test_each_container_has_its_limits_and_is_well(deployed: Deployed, wait_for: WaitFor) -> None:
    for name, some in deployed.containers().items():
        bounds = some[0]["HostConfig"]
        memory = int(put_in(SERVED[name]["mem_limit"], NAMED))
        assert (bounds["Memory"], bounds["MemorySwap"]) == (memory, memory), name
        assert bounds["NanoCpus"] == float(put_in(SERVED[name]["cpus"], NAMED)) * 1e9, name
        assert bounds["PidsLimit"] == int(NAMED["MAX_PIDS"]), name
        assert bounds["RestartPolicy"]["Name"] == "unless-stopped", name
        user, refused = deployed.within(name, "sh", "-c", "id -u; touch /new 2>&1 || true").splitlines()
        assert user != "0", name
        assert "Read-only file system" in refused, name
        wait_for(partial(deployed.well, name), UP_S, f"{name} to be well")


def test_celery_works_instead_and_what_was_kept_is_there(deployed: Deployed, wait_for: WaitFor) -> None:
    deployed.ask("stop", "--timeout", "5", "sampler", "worker")
    stored = deployed.stored()
    deployed.remove("redis")

    deployed.ask("up", "-d", "--no-build", profile="celery")

    assert deployed.containers().keys() == {"redis", "rabbitmq", *CELERYS}
    assert stored <= deployed.stored()
    results = f"redis-cli -n 1 --user {NAMED['REDIS_USER']} --scan"
    deployed.wait_within("redis", f"{results} | grep -q celery-task-meta-", "a result of Celery's")
    for service in CELERYS - {"celery-beat"}:  # as test_celery.py has it
        wait_for(partial(deployed.well, service), UP_S, f"{service} to be well")
