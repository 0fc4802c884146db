"""What strangers and bad agents can make others hold, look into, or inherit: little."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from tests.conftest import WaitFor
from tests.fleet.security.test_replayed import Ears

from sightline.errors import WireError
from sightline.fleet.agent.settings import AgentSettings, forget_token
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.topics import MESSAGES, AgentConfig, AgentInfo, AgentResponse, Message
from sightline.fleet.post.post import Post

INFO: dict[str, Any] = {"node_id": str(uuid4()), "hostname": "hall", "ip_address": "127.0.0.1"}
RESPONSE: dict[str, Any] = {"node_id": str(uuid4())}
MANY = {str(number): "x" for number in range(300)}
WELL = {"instance_name": "one", "state": "running"}


@pytest.mark.parametrize(
    "said",
    [
        {"gpulist": ["a card"] * 300},
        {"labels": MANY},
        {"labels": {"a": "x" * 501}},
        {"runtimes": ["docker"] * 300},
        {"description": "x" * 20_000},
        {"proof": "x" * 20_000},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_greeting_has_bounds(said: dict[str, Any]) -> None:
    AgentInfo.from_json(json.dumps(INFO).encode())
    with pytest.raises(WireError):
        AgentInfo.from_json(json.dumps({**INFO, **said}).encode())


@pytest.mark.parametrize(
    "said",
    [
        {"status": [WELL] * 4097},
        {"held": ["one"] * 4097},
        {"status": [{**WELL, "reason": "x" * 20_000}]},
        {"status": [{**WELL, "instance_name": "x" * 3000}]},
        {"status": [{**WELL, "terms": {str(number): 1 for number in range(4097)}}]},
        {"status": [{**WELL, "terms": {"gate": 2**63}}]},
        {"request": "x" * 600},
    ],
    ids=["statuses", "held", "reason", "name", "terms", "term", "request"],
)
def test_a_response_has_bounds(said: dict[str, Any]) -> None:
    AgentResponse.from_json(json.dumps({**RESPONSE, "status": [WELL] * 4096}).encode())
    with pytest.raises(WireError):
        AgentResponse.from_json(json.dumps({**RESPONSE, **said}).encode())


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: str(kind.topic))
def test_what_is_no_message_is_refused_soon(kind: type[Message]) -> None:
    too_long = b" " * (kind.most_bytes + 1)
    for data in (b"\xff\xfe{}", b"[" * 60_000, b'{"a":' * 10_000, b"1" * 60_000, b"", b"null", too_long):
        began_s = time.perf_counter()
        with pytest.raises(WireError) as refused:
            kind.from_json(data)
        assert time.perf_counter() - began_s < 2
        assert len(str(refused.value)) < 1500


def test_an_agent_looks_into_nothing_that_its_coordinator_did_not_sign(
    monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    def looked_into(_data: bytes) -> None:
        pytest.fail("it was looked into")

    bus = f"memory://{uuid4()}"
    with Post(bus, identity=None, by="") as post, Post(bus, identity=Identity.made(), by="x") as forger:
        ears = Ears(post)
        ears.listening.start()
        reader = ears.listening._reader
        wait_for(lambda: reader.ready(0.5), 10, "it reads")
        monkeypatch.setattr(AgentConfig, "from_json", looked_into)

        def passed_over(least: int) -> None:
            wait_for(lambda: sum(reader.counts().invalid.values()) >= least, 20, f"{least} are passed over")

        try:
            for done, stranger in enumerate((post, forger)):
                stranger.forget(AgentConfig, str(ears.node_id))
                passed_over(2 * done + 1)
                stranger.send(AgentConfig(agent_info_list=[]), key=str(ears.node_id))
                passed_over(2 * done + 2)
            assert reader.counts().gone == 0
            assert sum(ears.listening.passed_over.values()) == 2 * 2
        finally:
            ears.listening.end()
            ears.listening.join()
    assert ears.turns == []


def test_what_an_agent_begins_does_not_inherit_its_token() -> None:
    environ = {"SIGHTLINE_AGENT_TOKEN": "slt1.x", "SIGHTLINE_AGENT_BUS": "memory://a", "PATH": "/bin"}
    forget_token(environ)
    assert environ == {"SIGHTLINE_AGENT_BUS": "memory://a", "PATH": "/bin"}


def test_an_agent_may_say_of_itself_what_its_settings_may_say() -> None:
    settings = AgentSettings.read(
        {"bus": "memory://a", "labels": dict.fromkeys(map(str, range(256)), "x" * 500)}, environ={}
    )
    assert AgentInfo(**INFO, labels=settings.labels).labels == settings.labels
