"""The agent with everything real but the coordinator: a bus, signatures, a disk, and processes that run."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.conftest import WaitFor
from tests.fleet.agent.desk import PASSWORD, QUICK, Desk, agent_settings, source

from sightline.errors import ConfigError
from sightline.fleet.agent.service import AgentService
from sightline.fleet.deciding.agent.desired import Told
from sightline.fleet.keys.identity import Identity
from sightline.fleet.keys.tokens import Token
from sightline.fleet.messages.parts import NodeConfig
from sightline.fleet.messages.topics import AgentConfig, AgentResponse
from sightline.fleet.post.post import Post
from sightline.log import redact

LIMIT_S = 40.0
BROKEN = {"workers": {"w": {"model": {"kind": "no-such-model"}}}}


@pytest.fixture
def url() -> str:
    return f"memory://agent-{secrets.token_hex(4)}"


@pytest.fixture
def desk(no_leaks: None, url: str) -> Iterator[Desk]:
    with Desk(url) as desk:
        yield desk


@pytest.fixture
def begin(desk: Desk, url: str, tmp_path: Path) -> Iterator[Callable[..., AgentService]]:
    """Begins an agent; all are ended at the end."""
    services: list[AgentService] = []

    def begun(**more: Any) -> AgentService:
        token = more.pop("token", desk.token)
        on_told = more.pop("on_told", None)
        bus, state = more.pop("bus", url), more.pop("state", tmp_path / "state")
        settings = agent_settings(bus, state, token, **more)
        services.append(AgentService(settings, timing=QUICK, on_told=on_told))
        services[-1].start()
        return services[-1]

    yield begun
    for service in services:
        service.close()
        assert service.fault == ""


def welcome(desk: Desk, wait_for: WaitFor) -> None:
    wait_for(lambda: desk.responses, LIMIT_S, "the agent to be let in")


def runs(desk: Desk, generation: int, wait_for: WaitFor) -> None:
    """A full status comes once a second at most, what is verified in any response."""
    wait_for(lambda: desk.verified() == generation, LIMIT_S, "it to be verified")
    wait_for(lambda: desk.state("west") == "running", LIMIT_S, "it to run")


def test_an_agent_is_let_in_and_runs_what_it_is_told(
    desk: Desk, begin: Callable[..., AgentService], tmp_path: Path, wait_for: WaitFor
) -> None:
    agent = begin(labels={"room": "a"}, capacity=8)
    welcome(desk, wait_for)
    info = desk.infos[-1]
    assert (info.hostname, info.labels, info.capacity, info.runtimes) == (
        "one",
        {"room": "a"},
        8,
        ["process"],
    )
    assert info.boot == agent.boot
    generation = desk.configure(source("west"), source("east"))
    wait_for(lambda: desk.verified() == generation, LIMIT_S, "it to be verified")
    wait_for(lambda: desk.responses[-1].observed_generation == generation, LIMIT_S, "it to be observed")
    wait_for(lambda: desk.state("west") == desk.state("east") == "running", LIMIT_S, "both to be told")
    assert desk.status().keys() == {"west", "east"}
    wait_for(lambda: desk.status()["west"].cameras, LIMIT_S, "rates of cameras")
    west = desk.status()["west"]
    assert west.cameras["gate"].fps == 30.0
    assert (west.memory_mib or 0) > 5
    assert (west.generation, west.terms) == (generation, {"gate": 1})
    desk.command("report")
    wait_for(lambda: desk.infos[-1].observed_generation == generation, LIMIT_S, "its greeting to say so too")
    assert [*tmp_path.glob("state/instances/east/*/set-*")]
    generation = desk.configure(source("west"))
    wait_for(lambda: desk.verified() == generation, LIMIT_S, "the second to be verified")
    wait_for(lambda: desk.status().keys() == {"west"}, LIMIT_S, "the other one to be gone")
    assert desk.responses[-1].deployment == "done"
    wait_for(
        lambda: not [*tmp_path.glob("state/instances/east/*/set-*")],
        LIMIT_S,
        "its files, with their logins, to be gone",
    )


def test_logs_are_fetched_and_an_instance_begins_anew_on_demand(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor
) -> None:
    begin()
    welcome(desk, wait_for)
    generation = desk.configure(source("west"))
    runs(desk, generation, wait_for)
    desk.command("logs", instance="west", lines=50, request="r1")
    logs = wait_for(lambda: [one.log for one in desk.responses if one.request == "r1"], LIMIT_S, "its log")
    assert "Runtime commands" in str(logs)
    assert PASSWORD not in str(logs)
    desk.command("restart", instance="west", request="r2")
    wait_for(
        lambda: desk.status()["west"].restarts == 1 or desk.state("west") != "running", LIMIT_S, "an end"
    )
    wait_for(lambda: desk.state("west") == "running", LIMIT_S, "its begin")


def test_what_fails_comes_back_as_it_was_and_the_reason_is_told(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor
) -> None:
    told: list[Told] = []
    begin(on_told=told.append)
    welcome(desk, wait_for)
    first = desk.configure(source("west"))
    runs(desk, first, wait_for)
    second = desk.configure(source("west", kind="worker", config=BROKEN, ready_s=3.0))
    wait_for(lambda: desk.responses[-1].deployment == "failed", LIMIT_S, "it to fail")
    wait_for(lambda: desk.state("west") == "running", LIMIT_S, "the one before it")
    last = desk.responses[-1]
    assert (last.generation, last.verified_generation) == (second, first)
    assert "west" in last.reason
    assert desk.status()["west"].generation == first
    third = desk.configure(source("west"))
    wait_for(lambda: desk.verified() == third, LIMIT_S, "the next one")
    assert any("generation" in one.what for one in told)


def test_an_agent_begins_with_what_was_verified_without_anybody(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor
) -> None:
    first = begin()
    welcome(desk, wait_for)
    generation = desk.configure(source("west"))
    runs(desk, generation, wait_for)
    first.close()
    alone = begin(token=None, bus="memory://nobody-else")
    assert alone.node_id == first.node_id
    assert alone.boot > first.boot
    wait_for(lambda: alone._looking.last("process") == ["west"], LIMIT_S, "it to run, without anybody")
    alone.close()
    third = begin(token=None)
    wait_for(lambda: desk.responses[-1].boot == third.boot, LIMIT_S, "it to be let in")
    runs(desk, generation, wait_for)


def test_what_must_not_run_twice_ends_with_its_lease(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor
) -> None:
    begin()
    welcome(desk, wait_for)
    generation = desk.configure(source("west"), exclusive=True)
    runs(desk, generation, wait_for)
    assert desk.responses[-1].held == ["west"]
    desk.silent = True
    wait_for(lambda: desk.responses[-1].held == [], LIMIT_S, "its end")
    wait_for(lambda: desk.state("west") == "waiting", LIMIT_S, "it to be told")
    desk.silent = False
    wait_for(lambda: desk.state("west") == "running", LIMIT_S, "it to begin again")


def test_nobody_but_the_coordinator_is_believed(
    desk: Desk, begin: Callable[..., AgentService], url: str, wait_for: WaitFor
) -> None:
    agent = begin()
    welcome(desk, wait_for)
    generation = desk.configure(source("west"))
    runs(desk, generation, wait_for)
    for identity in (None, Identity.made()):
        with Post(url, identity=identity, by="coordinator") as stranger:
            genuine = desk.post
            desk.post = stranger
            desk.configure()
            desk.command("refuse", reason="leave")
            desk.post = genuine
    wait_for(
        lambda: agent._listening.passed_over.get("not signed by our coordinator") == 4, LIMIT_S, "four lies"
    )
    seq = desk.responses[-1].seq
    wait_for(lambda: desk.responses[-1].seq > seq + 2, LIMIT_S, "more responses")
    assert desk.state("west") == "running"
    assert desk.responses[-1].generation == generation


class Newer(AgentConfig):
    """Of a version that does not exist yet, and has other instances."""

    node: dict[str, Any]

    def to_json(self) -> bytes:
        nodes = [{**self.node, "node_config_list": [{"name": 7}]}]
        return json.dumps({"agent_info_list": nodes, "schema_version": 2}).encode()


def refusal(desk: Desk, generation: int, wait_for: WaitFor) -> AgentResponse:
    wait_for(lambda: desk.responses[-1].refused == generation, LIMIT_S, "it to be told")
    said = desk.responses[-1]
    assert said.deployment == "failed"
    assert said.reason.startswith(f"generation {generation} cannot be used: ")
    return said


def test_what_cannot_be_used_is_told_to_the_coordinator_and_what_runs_goes_on(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor
) -> None:
    agent = begin()
    welcome(desk, wait_for)
    good = desk.configure(source("west"))
    runs(desk, good, wait_for)
    bad = desk.configure(source("east"), key=Identity.made().public)
    said = refusal(desk, bad, wait_for)
    assert (said.generation, said.observed_generation) == (good, good)
    assert agent._listening.passed_over == {"not to be opened": 1}
    desk.generation += 1
    later = {"node_id": str(agent.node_id), "hostname": "one", "generation": desk.generation}
    desk.post.send(Newer(agent_info_list=[], node=later), key=str(agent.node_id))
    assert "node_config_list" in refusal(desk, desk.generation, wait_for).reason
    assert desk.state("west") == "running"
    generation = desk.configure(source("west"))
    wait_for(lambda: desk.verified() == generation, LIMIT_S, "the next one")
    assert (desk.responses[-1].refused, desk.responses[-1].deployment) == (0, "done")


def test_of_a_longer_list_each_agent_takes_its_own(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor
) -> None:
    agent = begin()
    welcome(desk, wait_for)
    ours = NodeConfig(hostname="one", node_id=agent.node_id, generation=7)
    others = [NodeConfig(hostname="two", node_id=uuid4(), generation=number) for number in (8, 9)]
    longer = AgentConfig(agent_info_list=[others[0], ours, others[1]])
    desk.post.send(longer, key=str(agent.node_id))
    wait_for(lambda: desk.verified() == 7, LIMIT_S, "its own to be verified")
    stored = next((agent._folder.stages).glob("current.json")).read_bytes()
    assert str(others[0].node_id).encode() not in stored, "what is of others is not kept"


def test_a_folder_is_one_agents_alone(
    desk: Desk, begin: Callable[..., AgentService], url: str, tmp_path: Path
) -> None:
    first = begin()
    with pytest.raises(ConfigError, match="expected no other agent with the folder"):
        AgentService(agent_settings(url, tmp_path / "state", None))
    first.close()
    AgentService(agent_settings(url, tmp_path / "state", None)).close()


def test_an_agent_without_a_token_or_with_another_fleets_is_told_so(
    no_leaks: None, url: str, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with pytest.raises(ConfigError, match="expected an enrolment token"):
        AgentService(agent_settings(url, state, None))
    with pytest.raises(ConfigError, match="expected an enrolment token slt1"):
        AgentService(agent_settings(url, state, None).model_copy(update={"token": SecretStr("slt1.x")}))
    AgentService(agent_settings(url, state, Token.made(Identity.made().public))).close()
    with pytest.raises(ConfigError, match="got another one's; to leave its fleet"):
        AgentService(agent_settings(url, state, Token.made(Identity.made().public)))


def test_no_file_and_no_message_shows_a_password(
    desk: Desk, begin: Callable[..., AgentService], wait_for: WaitFor, tmp_path: Path
) -> None:
    begin()
    welcome(desk, wait_for)
    generation = desk.configure(source("west"))
    runs(desk, generation, wait_for)
    state = tmp_path / "state"
    shown = [path for path in state.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert shown, "its files have to have it"
    for path in shown:
        assert path.is_relative_to(state / "instances")
        assert path.stat().st_mode & 0o077 == 0
    assert PASSWORD not in redact(f"it is {PASSWORD}")
    assert all(PASSWORD.encode() not in one.to_json() for one in (*desk.infos, *desk.responses))
