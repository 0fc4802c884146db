"""A fleet whose Kafka asks for a login by TLS: the commands as they are typed, no secret in any of them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.bus.secure_kafka import PASSWORD, SecureKafka
from tests.capture.tls import Authority
from tests.conftest import WaitFor
from tests.fleet.agent.agent_process import AgentProcess
from tests.fleet.proof.machines import CoordinatorProcess, arguments_of, environment_of

from sightline.buffer import Capacity, Overflow
from sightline.bus import open_bus
from sightline.wire import result_from_json

pytestmark = [pytest.mark.needs("kafka", "openssl"), pytest.mark.timeout(240)]

LIMIT_S = 90.0
FLEET = ("topics", "create", "--fleet", "--prefix", "s.")
TOLD = ("uthentication failed", "certificate verify failed")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, found_at: Callable[[str], str]) -> Iterator[SecureKafka]:
    secure = SecureKafka(tmp_path_factory.mktemp("secure"), found_at("openssl"), client_auth="none")
    with secure.broker:
        yield secure


def test_a_fleet_gets_in_once_password_and_authority_are_right(
    secure: SecureKafka, tmp_path: Path, found_at: Callable[[str], str], wait_for: WaitFor
) -> None:
    """Each is begun with something wrong, says so, goes on trying, and gets in when that is put right."""
    wrong_password = secure.by_file("geheim-other", name="coordinators")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(Authority(tmp_path, found_at("openssl")).file.read_bytes())
    wrong_ca = secure.by_file(ca=ca, name="agents")
    coordinator = CoordinatorProcess(wrong_password, tmp_path / "coordinator", prefix="s.", timing={})
    coordinator.start()
    client = coordinator.client()
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(client.post("/api/v1/enrolment-tokens")["token"])
    options = ("--token-file", str(token), "--prefix", "s.", "--name", "hall")
    agent = AgentProcess(wrong_ca, tmp_path / "agent", None, *options, settings='RUNTIMES = ["process"]\n')
    try:
        for process, told in zip((coordinator, agent), TOLD, strict=True):
            wait_for(lambda one=process, words=told: words in one.said(), LIMIT_S, told)  # type: ignore[misc]
        refused = typed("topics", "list", "--bus", wrong_password)
        assert (refused.returncode, TOLD[0] in " ".join(refused.stderr.split())) == (1, True), refused.stderr
        secure.by_file(name="coordinators")
        ca.write_bytes(secure.ca.read_bytes())
        made = typed(*FLEET, "--bus", wrong_password)
        assert (made.returncode, "AgentConfig" in made.stdout) == (0, True), made.stderr

        def state() -> str:
            rows = client.get("/api/v1/agents")["items"]
            return rows[0]["state"] if rows else ""

        wait_for(lambda: state() == "connected", LIMIT_S, "the agent to be let in")
        look = {
            "model": {"kind": "motion"},
            "size": "160x90",
            "sinks": [{"kind": "bus", "url": secure.by_file()}],
        }
        client.post(
            "/api/v1/instances",
            {"instance_name": "look", "kind": "worker", "config": {"workers": {"w": look}}},
        )
        client.post(
            "/api/v1/cameras",
            {"camera_id": "street", "address": "synthetic://street", "settings": {"realtime": True}},
        )
        client.post("/api/v1/update-config")
        with (
            open_bus(secure.url(ours=False)) as bus,
            bus.subscribe(
                "results_street", capacity=Capacity(count=9), overflow=Overflow.DROP_OLDEST
            ) as reader,
        ):
            got = wait_for(lambda: reader.poll(1, 0.5), LIMIT_S, "a result of the worker on the secure Kafka")
        assert result_from_json(got[0].value).camera_id == "street"
        for one in (coordinator.process, agent.process):
            assert one is not None
            family = psutil.Process(one.pid)
            for each in (family, *family.children(recursive=True)):
                assert PASSWORD not in arguments_of(each) + environment_of(each)
    finally:
        client.close()
        agent.end()
        coordinator.end()
    said = coordinator.said() + agent.said() + refused.stderr + made.stdout
    assert not [form for form in ("geheim", "9c1f") if form in said]


def typed(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "sightline", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
