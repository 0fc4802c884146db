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
from sightline.fleet.messages.topics import AgentConfig
from sightline.log import get_logger


class Configuring:
    """Of one coordinator; for its thread alone.

    Args:
        sources: of the revision that is applied.
        key_of: for whom logins are sealed; None: that agent is not in.
        own_key: for what has nothing to seal, such as the last words to an agent that was removed.
    """

    def __init__(
        self, sources: Sources, key_of: Callable[[NodeId], PublicKey | None], own_key: PublicKey
    ) -> None:
        self.sources = sources
        self._key_of, self._own_key = key_of, own_key
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
        return built.config

    @property
    def mistakes(self) -> Mapping[str, Mistake]:
        """Of what is to run and cannot be made, by instance."""
        return {one.instance: one for found in self._mistakes.values() for one in found}

    def _keep(self, node_id: NodeId, mistakes: tuple[Mistake, ...]) -> None:
        self._mistakes.pop(node_id, None)
        if mistakes:
            self._mistakes[node_id] = mistakes
            log = get_logger(__name__)
            for one in mistakes:
                told = "an instance cannot be made as it is wanted"
                log.warning(told, instance=one.instance, camera=one.camera_id, reason=one.reason)
