"""`sightline agent` as a process: killed, begun again without any network, and asked to end."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import WaitFor
from tests.fleet.agent.agent_process import PROCESSES, AgentProcess
from tests.fleet.agent.desk import PASSWORD, Desk, source
from tools.services.kafka import KafkaBroker

from sightline.fleet.keys.identity import Identity
from sightline.hub import StreamServer
from sightline.hub.broker.loops import new_loop

LIMIT_S = 60.0
LEASE_S = 15.0


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    begun: list[AgentProcess] = []

    def start(url: str, token: str | None = None, *options: str) -> AgentProcess:
        begun.append(AgentProcess(url, tmp_path / "agent", token, *options, settings=PROCESSES))
        return begun[-1]

    yield start
    for each in begun:
        each.end(signal.SIGKILL)


def kill(server: StreamServer) -> None:
    assert server._process is not None
    assert server._process._process is not None
    server._process._process.send_signal(signal.SIGKILL)
    server.join(LIMIT_S)


def test_an_agent_that_is_killed_goes_on_with_what_it_ran_without_any_broker(
    begin: Callable[..., AgentProcess], free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    new_loop().close()
    port, identity = free_port(), Identity.made()
    url = f"hub://127.0.0.1:{port}"
    with StreamServer(port=port) as hub, Desk(url, identity=identity, lease_s=LEASE_S) as desk:
        first = begin(url, desk.token.text)
        wait_for(lambda: desk.responses, LIMIT_S, "the agent to be let in")
        generation = desk.configure(source("west"), source("east"))
        wait_for(lambda: desk.verified() == generation, LIMIT_S, "both to be verified")
        ran = first.instances()
        assert len(ran) == 2
        kill(hub)
    first.end(signal.SIGKILL)
    wait_for(lambda: not any(each.is_running() for each in ran), LIMIT_S, "its processes to end with it")
    second = begin(url)
    wait_for(lambda: len(second.instances()) == 2, LIMIT_S, "both to run again, without any broker")
    with StreamServer(port=port), Desk(url, identity=identity, lease_s=LEASE_S) as desk:
        wait_for(lambda: desk.responses, LIMIT_S, "it to be let in")
        wait_for(lambda: desk.state("west") == "running", LIMIT_S, "it to be told")
        assert desk.verified() == generation
        assert desk.infos[-1].generation == generation
        assert second.end(signal.SIGINT) == 0
    assert "the coordinator lets us in" in second.said()
    assert PASSWORD not in first.said() + second.said()


def test_a_second_agent_of_a_folder_is_refused_and_the_first_goes_on(
    begin: Callable[..., AgentProcess], free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    with Desk("memory://nowhere") as desk:
        token = desk.token.text
    url = f"hub://127.0.0.1:{free_port()}"
    first = begin(url, token, "--name", "left")
    wait_for(lambda: "runtimes: process" in first.said(), LIMIT_S, "the first to begin")
    second = begin(url)
    assert second.process.wait(LIMIT_S) == 1
    assert "expected no other agent with the folder" in second.said()
    assert "Traceback" not in second.said()
    assert first.process.poll() is None
    assert "agent: left" in first.said()
    assert first.end() == 0
    assert token not in first.said() + second.said()


def test_what_happens_is_told_as_lines_of_json(
    begin: Callable[..., AgentProcess], free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    new_loop().close()
    with StreamServer(port=0) as hub, Desk(hub.url, prefix="north.") as desk:
        agent = begin(hub.url, desk.token.text, "--json", "--prefix", "north.", "--label", "room=a")
        wait_for(lambda: "lets us in" in agent.said(), LIMIT_S, "it to be let in")
        assert desk.infos[-1].labels == {"room": "a"}
        assert agent.end() == 0
    lines: list[dict[str, Any]] = [json.loads(line) for line in agent.said().splitlines()]
    assert lines[0]["event"] == "begun"
    assert lines[0]["node"] == str(desk.node_id)
    told = [line for line in lines if line["event"] == "told"]
    assert any(line["what"].startswith("the coordinator lets us in") for line in told)
    assert {"time", "level", "instance", "what"} <= told[0].keys()


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ([], 1, "expected an enrolment token"),
        (["--token", "slt1.x"], 1, "expected an enrolment token slt1.ID.SECRET.KEYS"),
        (["--bus", "mqtt://x"], 1, "expected an enrolment token"),
        (["--settings", "none.toml"], 1, "none.toml: there is no such file"),
        (["--label", "room"], 2, "expected NAME=VALUE"),
        (["--runtime", "podman"], 1, "runtimes.0"),
    ],
)
def test_what_is_wrong_is_told_and_ends_it(
    begin: Callable[..., AgentProcess], options: list[str], code: int, told: str
) -> None:
    agent = begin("memory://here", None, *options)
    assert agent.process.wait(LIMIT_S) == code
    assert told in " ".join(agent.said().split())
    assert "Traceback" not in agent.said()


@pytest.mark.needs("kafka")
def test_an_agent_gets_over_a_kafka_that_is_killed(
    begin: Callable[..., AgentProcess], kafka_broker: KafkaBroker, wait_for: WaitFor
) -> None:
    url = f"kafka://{kafka_broker.address}"
    with Desk(url, lease_s=LEASE_S) as desk:
        agent = begin(url, desk.token.text)
        wait_for(lambda: desk.responses, LIMIT_S, "the agent to be let in")
        first = desk.configure(source("west"))
        wait_for(lambda: desk.verified() == first, LIMIT_S, "it to run")
        ran = [each.pid for each in agent.instances()]
        kafka_broker.kill()
        kafka_broker.start()
        heard = len(desk.responses)
        wait_for(lambda: len(desk.responses) > heard + 1, LIMIT_S, "it to be heard again")
        assert [each.pid for each in agent.instances()] == ran
        second = desk.configure(source("west"), source("east"))
        wait_for(lambda: desk.verified() == second, LIMIT_S, "both to run")
        assert len(agent.instances()) == 2
        assert agent.end() == 0
