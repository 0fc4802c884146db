"""What was told and verified, on disk; where a new one is current, what only older ones used is removed.

Deliberately not here: when a stage is due (`deployment`), and files themselves (`disk`, `files`).
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from sightline.errors import SightlineError
from sightline.fleet.agent.disk import Stages
from sightline.fleet.agent.files import Files
from sightline.fleet.deciding.agent.desired import Desired, Keep
from sightline.fleet.documents.opening import open_document
from sightline.fleet.keys.identity import Identity


class Keeping:
    """Of one agent's folder. `keep` is called by one thread.

    Args:
        newest: what was told last.
    """

    def __init__(self, stages: Stages, files: Files, newest: Callable[[], Desired | None]) -> None:
        self._stages = stages
        self._files = files
        self._newest = newest

    def begun_with(self, identity: Identity, node_id: UUID) -> Desired | None:
        """What was verified last and can still be opened; None: nothing."""
        stored = self._stages.load()
        for _ in range(2):
            if stored is None:
                return None
            try:
                return open_document(stored.document, identity, node_id)
            except SightlineError as error:
                stored = self._stages.set_aside(str(error))
        return None

    def keep(self, keep: Keep) -> None:
        """Write a stage. Raises StoreError."""
        match keep.stage:
            case "pending":
                self._stages.write_pending(keep.desired.document, keep.desired.generation)
            case "verified":
                self._stages.verify()
            case "current":
                self._stages.promote()
                # The machine has yet to hear of it, and takes the one before it for current.
                self._files.prune(lambda: in_use(keep.desired, self._newest()))


def in_use(*documents: Desired | None) -> list[tuple[str, str]]:
    """Names and digests of what is to run by any of them."""
    return [(one.name, one.digest) for each in documents if each for one in each.instances.values()]
