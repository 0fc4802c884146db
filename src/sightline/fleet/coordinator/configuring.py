"""Shares as messages: of what was applied, for the keys of those that are in.

It promises: what cannot be made of an instance is known by name (`mistakes`), and everything else is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sightline.errors import WireError
from sightline.fleet.deciding.coordinator.actions import NodeShare
from sightline.fleet.documents.building import Mistake, config_for
from sightline.fleet.documents.sources import Sources
from sightline.fleet.inventory import NodeId
from sightline.fleet.keys.identity import PublicKey
from sightline.fleet.messages.parts import RunOptions, WorkerInstance
from sightline.fleet.messages.topics import AgentConfig
from sightline.log import get_logger


class Configuring:
    """Of one coordinator; for its thread alone.

    Args:
        sources: of the revision that is applied.
        key_of: for whom logins are sealed; None: that agent is not in.
        own_key: for what has nothing to seal, such as the last words to an agent that was removed.
        ready_s: for machines where a begin ends when all runs, or is refused: the seconds to become ready of
            an instance that has as many as by default.
    """

    def __init__(
        self,
        sources: Sources,
        key_of: Callable[[NodeId], PublicKey | None],
        own_key: PublicKey,
        ready_s: Mapping[NodeId, float] | None = None,
    ) -> None:
        self.sources = sources
        self._key_of, self._own_key = key_of, own_key
        self._ready_s = ready_s or {}
        self._mistakes: dict[NodeId, tuple[Mistake, ...]] = {}

    def made(self, share: NodeShare, hostname: str) -> AgentConfig | None:
        """The message; None: there is nobody to send it to."""
        key = self._key_of(share.node_id)
        if key is None and share.instances:
            return None
        try:
            built = config_for(share, self.sources, hostname=hostname, key=key or self._own_key)
        except WireError as error:
            told = "nothing can be sealed for an agent"
            get_logger(__name__).error(told, node=str(share.node_id), reason=str(error))
            return None
        self._keep(share.node_id, built.mistakes)
        return self._hurried(built.config, share.node_id)

    @property
    def mistakes(self) -> Mapping[str, Mistake]:
        """Of what is to run and cannot be made, by instance."""
        return {one.instance: one for found in self._mistakes.values() for one in found}

    def _hurried(self, config: AgentConfig, node_id: NodeId) -> AgentConfig:
        ready_s = self._ready_s.get(node_id)
        if ready_s is None:
            return config
        nodes = [
            one.model_copy(update={"worker_list": [_ready_in(each, ready_s) for each in one.worker_list]})
            for one in config.agent_info_list
        ]
        return config.model_copy(update={"agent_info_list": nodes})

    def _keep(self, node_id: NodeId, mistakes: tuple[Mistake, ...]) -> None:
        self._mistakes.pop(node_id, None)
        if mistakes:
            self._mistakes[node_id] = mistakes
            log = get_logger(__name__)
            for one in mistakes:
                told = "an instance cannot be made as it is wanted"
                log.warning(told, instance=one.instance, camera=one.camera_id, reason=one.reason)


def _ready_in(one: WorkerInstance, ready_s: float) -> WorkerInstance:
    if one.run.ready_s != RunOptions().ready_s:
        return one  # somebody said so
    return one.model_copy(update={"run": one.run.model_copy(update={"ready_s": ready_s})})
