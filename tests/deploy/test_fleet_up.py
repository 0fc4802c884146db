"""What compose.yaml of deploy/fleet has run, as it stands there, its places those of this machine: it works.

Kafka's own scripts are in no package here: in their place stand the classes that they begin.
"""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.deploy.files import PATH, compose, put_in, settings
from tools.services.docker import ROOT
from tools.services.kafka import JAVA

from sightline.fleet.api.client import FleetClient

pytestmark = [pytest.mark.needs("kafka", "openssl"), pytest.mark.timeout(240)]

FOLDER = ROOT / "deploy" / "fleet"
SERVED = compose(FOLDER)["services"]
UP_S = 90.0
TOOLS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}


class Deployed:
    """What compose would begin, as processes."""

    def __init__(self, folder: Path, free_port: Callable[[], int], opened: ExitStack) -> None:
        self.folder, self._opened = folder, opened
        self.secrets = folder / "secrets"
        self._run("sh", str(FOLDER / "make-secrets.sh"), SECRETS=str(self.secrets))
        ports = {number: str(free_port()) for number in ("9092", "9093", "9094", "8420")}
        self.named = {**settings(FOLDER), "KAFKA_PORT": ports["9093"], "SECRETS": str(self.secrets)}
        self.places = {
            **{f"/run/secrets/{name}": path for name, path in self._files().items()},
            "/run/kafka": str(folder / "run"),
            "/opt/kafka/bin": str(self._tools()),
            "/var/lib/kafka/data": str(folder / "kafka"),
            "/var/lib/sightline": str(folder / "state"),
            "INSIDE://:9092": f"INSIDE://:{ports['9092']}",
            "OUTSIDE://:9093": f"OUTSIDE://:{ports['9093']}",
            "127.0.0.1:9094": f"127.0.0.1:{ports['9094']}",
            "127.0.0.1/9092": f"127.0.0.1/{ports['9092']}",
            "kafka:9092": f"localhost:{ports['9092']}",
            "=0.0.0.0": "=127.0.0.1",
            "8420": ports["8420"],
            "sleep 1": "sleep 0.1",
        }
        self.url = f"http://127.0.0.1:{ports['8420']}"
        (folder / "run").mkdir()

    def _files(self) -> dict[str, str]:
        named = compose(FOLDER)["secrets"]
        return {name: put_in(one["file"], {"SECRETS": str(self.secrets)}) for name, one in named.items()}

    def _tools(self) -> Path:
        folder = self.folder / "bin"
        folder.mkdir()
        java = " ".join(f"'{word}'" for word in JAVA)
        for name, program in TOOLS.items():
            (folder / name).write_text(f'#!/bin/sh\nexec {java} {program} "$@"\n')
            (folder / name).chmod(0o755)
        return folder

    def put(self, text: str) -> str:
        """With its variables, and with the places of this machine."""
        text = put_in(text, self.named)
        # The longest first; one that was put in is not looked at again.
        found = "|".join(map(re.escape, sorted(self.places, key=len, reverse=True)))
        return re.sub(found, lambda match: self.places[match[0]], text)

    def environment(self, service: str) -> dict[str, str]:
        said = {name: self.put(str(value)) for name, value in SERVED[service]["environment"].items()}
        home = {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
        return {"PATH": f"{Path(sys.executable).parent}:{PATH}", **home, **said}

    def begin(self, service: str) -> "subprocess.Popen[bytes]":
        command = [self.put(word) for word in SERVED[service]["command"]]
        output = self._opened.enter_context((self.folder / f"{service}.log").open("wb"))
        process = subprocess.Popen(
            command, env=self.environment(service), cwd=self.folder, stdout=output, stderr=subprocess.STDOUT
        )
        self._opened.callback(_killed, process)
        return process

    def well(self, service: str) -> bool:
        """Whether its check says so."""
        _, *command = (self.put(word) for word in SERVED[service]["healthcheck"]["test"])
        done = subprocess.run(command, env=self.environment(service), capture_output=True, check=False)
        return done.returncode == 0

    def said(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text()

    def typed(self, *words: str) -> str:
        """As `docker compose exec -T coordinator ...`."""
        environment = {"SIGHTLINE_FLEET_URL": self.url, **self.environment("coordinator")}
        return subprocess.run(
            words, env=environment, capture_output=True, text=True, check=True, timeout=UP_S
        ).stdout

    def _run(self, *command: str, **environment: str) -> None:
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)


def _killed(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


@contextmanager
def deployed(folder: Path, free_port: Callable[[], int]) -> Iterator[Deployed]:
    with ExitStack() as opened:
        yield Deployed(folder, free_port, opened)


def test_it_comes_up_lets_its_agent_in_and_ends_in_its_time(
    tmp_path: Path, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    with deployed(tmp_path, free_port) as here:
        running = {"agent": here.begin("agent"), "kafka": here.begin("kafka")}
        wait_for(lambda: here.well("kafka"), UP_S, "Kafka to listen")
        assert stat.S_IMODE((tmp_path / "run" / "server.properties").stat().st_mode) == 0o600
        running["coordinator"] = here.begin("coordinator")
        wait_for(lambda: here.well("coordinator"), UP_S, "the coordinator to answer")
        assert not here.well("agent")
        assert not (tmp_path / "state" / "agent").exists(), "it waits for its token"
        token = here.typed("sightline", "fleet", "token")
        (here.secrets / "enrolment_token").write_text(token)
        wait_for(lambda: here.well("agent"), UP_S, "the agent to be let in")
        with FleetClient(here.url, (here.secrets / "root_token").read_text().strip()) as client:
            client.post("/api/v1/instances", {"instance_name": "look", "kind": "worker", "config": WORKER})
            client.post("/api/v1/cameras", {"camera_id": "street", "address": "synthetic://street"})
            client.post("/api/v1/update-config")
            wait_for(lambda: client.get("/api/v1/status")["as_desired"], UP_S, "a worker to run")
        secrets = [token.strip(), *((here.secrets / name).read_text().strip() for name in PLANTED)]
        for name, process in running.items():
            shown = b"".join(
                Path(f"/proc/{process.pid}/{part}").read_bytes() for part in ("environ", "cmdline")
            )
            assert not [one for one in secrets if one.encode() in shown + here.said(name).encode()], name
        for name in ("agent", "coordinator", "kafka"):
            _ends(running[name], SERVED[name], here.said(name))


WORKER: dict[str, Any] = {
    "workers": {"w": {"model": {"kind": "motion"}, "sinks": [{"kind": "jsonl", "path": "seen.jsonl"}]}}
}
PLANTED = ("kafka_password", "root_token")


def _ends(process: "subprocess.Popen[bytes]", service: Mapping[str, Any], said: str) -> None:
    """By the signal that Docker sends, within the time that it has, and well."""
    begun_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(float(service["stop_grace_period"].removesuffix("s")))
    assert code in {0, 143}, said[-2000:]  # a JVM's end by a signal is 143
    assert time.monotonic() - begun_s < float(service["stop_grace_period"].removesuffix("s")) / 2
