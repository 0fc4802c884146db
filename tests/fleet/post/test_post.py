"""The fleet's post over each of the three brokers, and while they come and go."""

import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Protocol
from uuid import UUID, uuid4

import pytest
from tests.conftest import WaitFor
from tools.services.kafka import KafkaBroker

from sightline.bus import open_log
from sightline.errors import Closed, ConfigError, WireError
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.parts import NodeConfig
from sightline.fleet.messages.topics import (
    AgentCommand,
    AgentConfig,
    AgentInfo,
    AgentResponse,
    Refresh,
)
from sightline.fleet.post.link import log_url
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Reader, Received
from sightline.hub import StreamServer
from sightline.hub.broker.loops import new_loop

LIMIT_S = 30.0
COORDINATOR, AGENT = Identity.made(), Identity.made()
NODE = UUID("6b3b6a1e-6a0e-4a52-9a9f-6a1f0c9d7e11")


class MakePost(Protocol):
    def __call__(
        self, *, identity: Identity | None = COORDINATOR, on_reconnected: Callable[[], None] | None = None
    ) -> Post: ...


@pytest.fixture(scope="module")
def hub() -> Iterator[StreamServer]:
    new_loop().close()  # libuv has a pipe for life from its first loop on
    with StreamServer(port=0) as server:
        yield server


@pytest.fixture(params=["memory", "hub", pytest.param("kafka", marks=pytest.mark.needs("kafka"))])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return f"memory://post-{secrets.token_hex(4)}"
    if request.param == "hub":
        return str(request.getfixturevalue("hub").url)
    return f"kafka://{request.getfixturevalue('kafka')}"


@pytest.fixture
def make(url: str, no_leaks: None) -> Iterator[MakePost]:
    """Posts of one fleet on the broker."""
    posts, prefix = [], f"fleet{secrets.token_hex(4)}."

    def made(
        *, identity: Identity | None = COORDINATOR, on_reconnected: Callable[[], None] | None = None
    ) -> Post:
        by = "coordinator" if identity is COORDINATOR else str(NODE)
        post = Post(url, identity=identity, by=by, prefix=prefix, on_reconnected=on_reconnected)
        posts.append(post)
        return post

    yield made
    for post in posts:
        post.close()


def config(generation: int, node_id: UUID = NODE) -> AgentConfig:
    node = NodeConfig(hostname="one", node_id=node_id, generation=generation)
    return AgentConfig(agent_info_list=[node])


def generations(received: list[Received]) -> list[tuple[str, int]]:
    found = []
    for each in received:
        assert isinstance(each.message, AgentConfig)
        found += [(each.key, node.generation) for node in each.message.agent_info_list]
    return found


def read(reader: Reader, count: int, wait_for: WaitFor) -> list[Received]:
    got: list[Received] = []

    def all_came() -> bool:
        got.extend(reader.poll(100, 0.2))
        return len(got) >= count

    wait_for(all_came, LIMIT_S, f"{count} messages")
    assert len(got) == count
    return got


def arrived(post: Post, url: str, count: int, wait_for: WaitFor) -> None:
    """Waits until the broker has so many configurations; a post knows only that it was handed over."""
    topic = post.topic(AgentConfig)
    with open_log(log_url(url)) as log:
        wait_for(lambda: topic in (at := log.ends(topic)) and at[topic].next == count, LIMIT_S, "the broker")


def ready(reader: Reader) -> Reader:
    assert reader.ready(LIMIT_S)
    return reader


def test_a_message_comes_as_it_was_sent_and_signed(make: MakePost, wait_for: WaitFor) -> None:
    coordinator, agent = make(), make(identity=AGENT)
    reader = ready(coordinator.reader(AgentInfo, AgentResponse))
    info = AgentInfo(node_id=NODE, hostname="one", ip_address="10.0.0.5")  # type: ignore[arg-type]
    agent.send(info)
    agent.send(AgentResponse(node_id=NODE, seq=7))
    first, second = read(reader, 2, wait_for)
    if isinstance(first.message, AgentResponse):  # two topics: their order is not promised
        first, second = second, first
    assert first.message == info
    assert isinstance(second.message, AgentResponse)
    assert second.message.seq == 7
    for each in (first, second):
        assert each.by == each.key == str(NODE)
        assert each.signed_by(AGENT.public)
        assert not each.signed_by(COORDINATOR.public)
    assert agent.counts().published == 2
    assert reader.counts().balanced


def test_who_comes_late_gets_the_newest_configuration_of_each_key_and_nothing_older(
    make: MakePost, url: str, wait_for: WaitFor
) -> None:
    coordinator, other = make(), uuid4()
    for generation in range(1, 6):
        coordinator.send(config(generation))
        coordinator.send(config(10 * generation, other))
        count = 2 * generation  # of two that wait the newer takes the older one's place
        arrived(coordinator, url, count, wait_for)
    late = ready(make(identity=AGENT).reader(AgentConfig))
    assert dict(generations(read(late, 2, wait_for))) == {str(NODE): 5, str(other): 50}
    coordinator.send(config(6))
    assert generations(read(late, 1, wait_for)) == [(str(NODE), 6)]
    assert late.counts().balanced


def test_an_agent_is_not_bothered_with_what_is_for_others(make: MakePost, wait_for: WaitFor) -> None:
    coordinator = make()
    reader = ready(make(identity=AGENT).reader(AgentConfig, AgentCommand, keys=[str(NODE), "leases"]))
    for _ in range(3):
        coordinator.send(config(1, uuid4()))
        coordinator.send(AgentCommand(command="report", node_id=uuid4()))
    coordinator.send(AgentCommand(command="report"))
    coordinator.send(AgentCommand(command="retry", node_id=NODE))
    commands = [each.message for each in read(reader, 2, wait_for)]
    assert [each.command for each in commands if isinstance(each, AgentCommand)] == ["report", "retry"]
    wait_for(lambda: not reader.poll(1, 0.05) and reader.counts().others == 6, LIMIT_S, "the others")
    assert reader.counts().balanced


def test_what_is_no_message_is_counted_and_the_next_one_comes(
    make: MakePost, url: str, wait_for: WaitFor
) -> None:
    coordinator, agent = make(), make(identity=AGENT)
    reader = ready(coordinator.reader(AgentResponse))
    with open_log(log_url(url)) as stranger:
        topic = coordinator.topic(AgentResponse)
        for value in (b"", b"{", b"\xff", b"[]", b'{"node_id": "rtsp://user:hidden@host"}', b"x" * 100_000):
            stranger.publish(topic, value)
        stranger.publish(topic, b"{}", headers=(("sl-by", b"me"),))
        stranger.publish(topic, b'{"node_id": "%s"}' % str(NODE).encode(), key=b"\xff")
    agent.send(AgentResponse(node_id=NODE))
    wait_for(lambda: reader.poll(10, 0.1), LIMIT_S, "the next one")
    wait_for(lambda: not reader.poll(10, 0.1) and reader.counts().came == 9, LIMIT_S, "all of them")
    assert reader.counts().invalid == {"message": 7, "envelope": 1}
    assert reader.counts().balanced


def test_an_agent_that_is_no_more_is_forgotten(make: MakePost, url: str, wait_for: WaitFor) -> None:
    coordinator, other = make(), uuid4()
    coordinator.send(config(1))
    coordinator.send(config(2, other))
    arrived(coordinator, url, 2, wait_for)
    coordinator.forget(AgentConfig, str(NODE))
    arrived(coordinator, url, 3, wait_for)
    late = ready(make(identity=AGENT).reader(AgentConfig))
    assert generations(read(late, 1, wait_for)) == [(str(other), 2)]
    assert late.counts().gone == 1
    assert late.counts().invalid == {}
    assert late.counts().balanced


def test_a_message_that_nobody_signed_is_signed_by_nobody(make: MakePost, wait_for: WaitFor) -> None:
    reader = ready(make().reader(Refresh))
    make(identity=None).send(Refresh(desc="who is there?"))
    (received,) = read(reader, 1, wait_for)
    assert received.message == Refresh(desc="who is there?")
    assert received.by == ""
    assert not received.signed_by(COORDINATOR.public)


def test_one_post_sends_for_several(make: MakePost, wait_for: WaitFor) -> None:
    coordinator = make()
    reader = ready(coordinator.reader(AgentResponse))
    make().send(AgentResponse(node_id=NODE), identity=AGENT, by=str(NODE))
    (received,) = read(reader, 1, wait_for)
    assert received.by == str(NODE)
    assert received.signed_by(AGENT.public)


def test_a_post_that_was_closed_says_so(make: MakePost) -> None:
    post = make()
    reader = post.reader(AgentInfo)
    post.close()
    post.close()
    for use in (
        lambda: post.send(Refresh()),
        lambda: post.reader(AgentInfo),
        lambda: post.wait_connected(0),
        lambda: reader.poll(1, 0),
        lambda: reader.ready(0),
    ):
        with pytest.raises(Closed):
            use()
    assert not post.connected


def test_a_wrong_url_prefix_or_message_is_told_at_once() -> None:
    for url in ("", "mqtt://host", "hub://host/path", "kafka://"):
        with pytest.raises(ConfigError):
            Post(url, identity=None, by="")
    with pytest.raises(ConfigError, match="expected a topic"):
        Post("memory://", identity=None, by="", prefix="north/")
    with Post("memory://alone", identity=None, by="") as post, pytest.raises(WireError):
        post.send(AgentConfig(agent_info_list=[]))


# Brokers that come and go


def counted(received: list[Received]) -> list[int]:
    return [each.message.seq for each in received if isinstance(each.message, AgentResponse)]


def until_seq(reader: Reader, sender: Post, seq: int, wait_for: WaitFor) -> list[int]:
    """Goes on sending until `seq` or a later one came, as an agent does; all that came."""
    got: list[int] = []
    sent = iter(range(seq, seq + 10_000))

    def came() -> bool:
        sender.send(AgentResponse(node_id=NODE, seq=next(sent)))
        got.extend(counted(reader.poll(100, 0.1)))
        return any(each >= seq for each in got)

    wait_for(came, 60.0, "a message after")
    return got


def test_a_hub_that_is_not_there_yet_or_dies_is_waited_for(
    no_leaks: None, free_port: Callable[[], int], wait_for: WaitFor
) -> None:
    port, back = free_port(), []
    url = f"hub://127.0.0.1:{port}"
    with (
        Post(
            url, identity=COORDINATOR, by="coordinator", on_reconnected=lambda: back.append(1)
        ) as coordinator,
        Post(url, identity=AGENT, by=str(NODE)) as agent,
    ):
        answers, configs = coordinator.reader(AgentResponse), agent.reader(AgentConfig)
        coordinator.send(config(1))
        assert answers.poll(1, 1.5) == []
        assert not coordinator.connected
        with StreamServer(port=port) as server:
            assert generations(read(configs, 1, wait_for)) == [(str(NODE), 1)]
            wait_for(lambda: back, LIMIT_S, "the begin to be told")
            until_seq(answers, agent, 1, wait_for)
            assert server._process is not None
            assert server._process._process is not None
            told = len(back)
            server._process._process.send_signal(signal.SIGKILL)
            server.join(LIMIT_S)
        with StreamServer(port=port):
            until_seq(answers, agent, 100_000, wait_for)
            wait_for(lambda: len(back) > told, LIMIT_S, "it to be told")
            coordinator.send(config(2))
            late = agent.reader(AgentConfig)
            wait_for(lambda: (str(NODE), 2) in generations(late.poll(10, 0.2)), LIMIT_S, "the newest")
            assert (str(NODE), 2) in generations(configs.poll(10, LIMIT_S))


@pytest.mark.needs("kafka")
def test_a_kafka_that_is_killed_is_waited_for_and_keeps_the_configurations(
    kafka_broker: KafkaBroker, wait_for: WaitFor
) -> None:
    url, back = f"kafka://{kafka_broker.address}", []
    with (
        Post(
            url, identity=COORDINATOR, by="coordinator", on_reconnected=lambda: back.append(1)
        ) as coordinator,
        Post(url, identity=AGENT, by=str(NODE)) as agent,
    ):
        answers = coordinator.reader(AgentResponse)
        coordinator.send(config(1))
        until_seq(answers, agent, 1, wait_for)
        assert back == []
        kafka_broker.kill()
        wait_for(lambda: not coordinator.connected, LIMIT_S, "it to be noticed")
        agent.send(AgentResponse(node_id=NODE, seq=50_000))
        kafka_broker.start()
        wait_for(lambda: back, LIMIT_S, "it to be told")
        assert 50_000 in until_seq(answers, agent, 100_000, wait_for)
        late = agent.reader(AgentConfig)
        assert generations(read(late, 1, wait_for)) == [(str(NODE), 1)]
        assert answers.counts().balanced


@pytest.mark.needs("kafka")
def test_a_kafka_that_is_away_at_the_begin_is_waited_for(
    kafka_broker: KafkaBroker, wait_for: WaitFor
) -> None:
    kafka_broker.kill()
    with Post(f"kafka://{kafka_broker.address}", identity=AGENT, by=str(NODE)) as post:
        reader = post.reader(AgentResponse, AgentConfig)
        assert reader.poll(1, 0.1) == []
        post.send(config(1))
        kafka_broker.start()
        assert generations(read(reader, 1, wait_for)) == [(str(NODE), 1)]


def test_a_post_whose_broker_never_comes_closes_and_counts_what_was_left(
    no_leaks: None, free_port: Callable[[], int]
) -> None:
    post = Post(f"hub://127.0.0.1:{free_port()}", identity=AGENT, by=str(NODE))
    for seq in range(5):
        post.send(AgentResponse(node_id=NODE, seq=seq))
    for generation in range(5):
        post.send(config(generation))
    post.close()
    counts = post.counts()
    assert counts.outbox.balanced
    assert counts.outbox.entered == 10
    assert counts.published == 0
    assert sum(counts.outbox.dropped.values()) + sum(counts.refused.values()) == 10
    assert counts.outbox.dropped["replaced"] == 4
