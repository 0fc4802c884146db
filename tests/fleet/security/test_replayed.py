"""What was said once is not done twice: whoever can write to the bus may send again what he read there."""

from uuid import UUID, uuid4

import pytest

from sightline.fleet.agent.listening import Listening
from sightline.fleet.agent.turns import Turn
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.topics import AgentCommand, Message
from sightline.fleet.post.envelope import Envelope, signed_text
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Received

BOOT = 1_700_000_000_000
NODE = uuid4()


class Ears:
    """An agent's, with a coordinator that signs."""

    def __init__(self, post: Post) -> None:
        self.coordinator, self.identity = Identity.made(), Identity.made()
        self.node_id, self.turns = NODE, list[Turn]()
        self.listening = Listening(
            post, NODE, self.identity, self.coordinator.public, self.turns.append, boot=BOOT
        )

    def hear(self, message: Message) -> bool:
        """Whether it has something done."""
        before, value = len(self.turns), message.to_json()
        text = signed_text("coordinator", message.topic, str(NODE).encode(), value)
        envelope = Envelope("coordinator", self.coordinator.sign(text), text)
        self.listening._heard(Received(message, str(NODE), envelope))
        return len(self.turns) > before


@pytest.fixture
def ears() -> Ears:
    with Post(f"memory://{uuid4()}", identity=None, by="") as post:
        return Ears(post)


@pytest.mark.parametrize("command", ["restart", "retry", "logs", "probe"])
def test_what_users_ask_once_is_done_once_and_in_this_life_of_the_agent(ears: Ears, command: str) -> None:
    asked = AgentCommand.model_validate({"command": command, "node_id": NODE, "boot": BOOT, "number": 7})
    assert ears.hear(asked)
    replayed: list[dict[str, int]] = [{}, {"number": 6}, {"number": 0}, {"number": 8, "boot": BOOT - 1}]
    for again in (*replayed, {"number": 8, "boot": 0}):
        assert not ears.hear(asked.model_copy(update=again))
    assert ears.hear(asked.model_copy(update={"number": 8}))


@pytest.mark.parametrize("key", ["", str(Identity.made().public)], ids=["none", "another"])
def test_a_refusal_of_another_key_is_not_ours(ears: Ears, key: str) -> None:
    refusal = AgentCommand(command="refuse", node_id=NODE, boot=0, key=key)
    assert not ears.hear(refusal)
    assert ears.hear(refusal.model_copy(update={"key": str(ears.identity.public)}))


def test_a_command_for_another_agent_is_not_ours(ears: Ears) -> None:
    assert not ears.hear(AgentCommand(command="report", node_id=UUID(int=NODE.int ^ 1)))
    assert ears.hear(AgentCommand(command="report"))
