"""What the coordinator says, as its agent hears it: signed by the one that it believes, or not at all.

Deliberately not here: what follows from it, and what is out of date: numbers in the messages say that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from sightline.errors import Closed, SightlineError
from sightline.fleet.agent.turns import Turn
from sightline.fleet.deciding.agent.desired import Desired
from sightline.fleet.deciding.agent.machine import Action, Agent
from sightline.fleet.documents.opening import generation_of, open_config, own_generation
from sightline.fleet.keys.identity import Identity, PublicKey
from sightline.fleet.messages.topics import LEASES_KEY, AgentCommand, AgentConfig, Message
from sightline.fleet.post.counts import Tally
from sightline.fleet.post.post import Post
from sightline.fleet.post.reading import Received
from sightline.log import Repeated, get_logger, redact

_MOST: Final = 100
_POLL_S: Final = 0.5
_MOST_REASON: Final = 500
_LIE: Final = "not signed by our coordinator"
_ONCE: Final = frozenset({"restart", "retry", "logs", "probe"})
"""Commands that do something each time; all others only say what is so."""


class Listening:
    """One thread that reads.

    Args:
        post: to read from.
        node_id, identity, boot: of this agent.
        coordinator: whom it believes.
        hear: is given turns for the machine; it may wait.
    """

    def __init__(
        self,
        post: Post,
        node_id: UUID,
        identity: Identity,
        coordinator: PublicKey,
        hear: Callable[[Turn], None],
        *,
        boot: int,
    ) -> None:
        self._node_id = node_id
        self._identity = identity
        self._hear = hear
        self._boot, self._number = boot, 0
        self._tally = Tally()
        self._passed_over = Repeated(get_logger(__name__), "a message is passed over")
        self._reader = post.reader(
            AgentConfig,
            AgentCommand,
            keys=[str(node_id), LEASES_KEY],
            believed=coordinator,
            on_unreadable=self._unreadable,
        )
        self._thread = threading.Thread(target=self._live, name="agent listens", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def passed_over(self) -> dict[str, int]:
        """Messages that were not believed, or could not be opened, by reason."""
        lies = self._reader.counts().invalid.get("signature", 0)
        return self._tally.by_reason("passed over") | ({_LIE: lies} if lies else {})

    def end(self) -> None:
        self._reader.close()

    def join(self) -> None:
        self._thread.join()
        self._passed_over.flush()

    def _live(self) -> None:
        while True:
            try:
                came = self._reader.poll(_MOST, _POLL_S)
            except Closed:
                return
            for each in came:
                self._heard(each)

    def _heard(self, received: Received) -> None:
        match received.message:
            case AgentCommand() as command:
                if self._is_meant(command):
                    self._hear(partial(_commanded, command))
                else:
                    self._pass_over("for another one, or said before", command.command)
            case AgentConfig() as config:
                self._open(config)

    def _is_meant(self, command: AgentCommand) -> bool:
        """Whether a command is for this very agent, and comes for the first time: whoever can write to the
        bus may send again what he read there, and may have greeted as us.
        """
        if command.node_id not in {None, self._node_id}:
            return False
        if command.command == "refuse":
            return command.key == str(self._identity.public)
        if command.command not in _ONCE:
            return True
        if command.boot != self._boot or command.number <= self._number:
            return False
        self._number = command.number
        return True

    def _open(self, config: AgentConfig) -> None:
        try:
            desired = open_config(config, self._identity, self._node_id)
        except SightlineError as error:
            self._pass_over("not to be opened", str(error))
            self._refuse(own_generation(config.agent_info_list, self._node_id), str(error))
            return
        self._hear(partial(_configured, desired))

    def _unreadable(self, kind: type[Message], value: bytes, why: str) -> None:
        """It is our coordinator's, and is no message to us: of another version, it may be."""
        if kind is AgentConfig:
            self._refuse(generation_of(value, self._node_id), why)

    def _refuse(self, generation: int, why: str) -> None:
        """The coordinator is told, where it can be said of which one."""
        if generation:
            self._hear(partial(_refused, generation, redact(why)[:_MOST_REASON]))

    def _pass_over(self, reason: str, told: str) -> None:
        self._tally.add("passed over", reason)
        self._passed_over.add(reason=reason, told=told)


def _commanded(command: AgentCommand, agent: Agent, now_ns: int) -> list[Action]:
    return agent.commanded(command, now_ns)


def _refused(generation: int, why: str, agent: Agent, now_ns: int) -> list[Action]:
    return agent.refused(generation, why, now_ns)


def _configured(desired: Desired, agent: Agent, now_ns: int) -> list[Action]:
    return agent.configured(desired, now_ns)
