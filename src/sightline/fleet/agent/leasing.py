"""The lease on disk, for the guard that ends what must not run twice where this agent cannot.

Deliberately not here: for how long it runs (`lease`), and the guard itself (`runtime.docker.guard`).
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from sightline.fleet.agent.settings import AgentSettings
from sightline.fleet.runtime.lease import Lease, boot_id, read_lease, write_lease
from sightline.log import Repeated, get_logger


class Leasing:
    """Of one agent's folder.

    Args:
        folder: of its state.
        node_id, settings: of it.
        outlives: whether anything that it begins goes on without it; else no guard is needed.
    """

    def __init__(self, folder: Path, node_id: UUID, settings: AgentSettings, outlives: bool) -> None:
        self._folder = folder
        self._node = str(node_id)
        self._prefix = settings.container_prefix
        self._address = settings.docker
        self._outlives = outlives
        self._boot_id = boot_id()
        self._noted: int | None = None
        self._failed = Repeated(get_logger(__name__), "the lease cannot be kept for the guard", every_s=10.0)

    def left_over_ns(self) -> int | None:
        """Until when the agent before this one had a lease; None: it had none that is known."""
        left = read_lease(self._folder)
        ours = left is not None and (left.node, left.boot_id) == (self._node, self._boot_id)
        return left.deadline_ns if left is not None and ours else None

    def note(self, ends_ns: int, holds: bool) -> None:
        """It ends then. Written where something may run by it, or may soon."""
        if not self._outlives or ends_ns == self._noted:
            return
        lease = Lease(
            deadline_ns=ends_ns,
            boot_id=self._boot_id,
            node=self._node,
            prefix=self._prefix,
            address=self._address,
        )
        try:
            write_lease(self._folder, lease)
        except OSError as error:  # the guard ends it too soon, never too late
            self._failed.add(reason=str(error.strerror), holds=holds)
            return
        self._noted = ends_ns

    def guarded(self) -> None:
        """See to it that a guard is there. Raises RuntimeFault."""
        if self._outlives:
            from sightline.fleet.runtime.docker.guard import begin_guard  # noqa: PLC0415 - Docker's library

            begin_guard(self._folder)
