"""An agent that reports instances that nobody knows, ever others, does not fill the coordinator's memory."""

from pathlib import Path
from uuid import UUID

from sightline.fleet.coordinator.looking import MOST_NAMES, Looking
from sightline.fleet.messages.parts import FleetInstanceStatus
from sightline.fleet.messages.topics import AgentResponse
from sightline.fleet.store import Database
from sightline.testing import ManualClock

NODE = UUID(int=1 << 63 | 0x4000 << 64, version=4)


def test_names_that_are_made_up_are_not_kept(tmp_path: Path) -> None:
    clock = ManualClock()
    with Database(tmp_path / "fleet.db", clock=clock) as database:
        looking = Looking(database, clock)
        for seq in range(1, 40):
            made_up = [
                FleetInstanceStatus(instance_name=f"{seq}-{number}", state="running")
                for number in range(4096)
            ]
            looking.heard(AgentResponse(node_id=NODE, boot=1, seq=seq, full_seq=seq, status=made_up))
            assert len(looking._names) <= MOST_NAMES
