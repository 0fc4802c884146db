"""What was decided, as messages: how long an instance has to become ready is a matter of its machine too."""

from uuid import UUID

from tests.fleet.documents.shares import NODE, WORKER

from sightline.fleet.coordinator.configuring import Configuring
from sightline.fleet.deciding.coordinator.actions import CameraShare, InstanceShare, NodeShare
from sightline.fleet.documents.sources import CameraSource, InstanceSource, Sources
from sightline.fleet.keys.identity import Identity
from sightline.fleet.messages.parts import RunOptions

OTHER = UUID(int=NODE.int ^ 1)


def test_a_machine_that_begins_at_once_is_told_so_where_nobody_said_otherwise() -> None:
    said = {"plain": RunOptions(), "slow": RunOptions(ready_s=120.0)}
    sources = Sources(
        cameras={name: CameraSource(camera_id=name, address="rtsp://10.0.0.5/") for name in said},
        instances={
            name: InstanceSource(name=name, kind="worker", config=WORKER, run=run)
            for name, run in said.items()
        },
    )
    shares = tuple(InstanceShare(name, 1, cameras=(CameraShare(name, 1, 1),)) for name in said)
    key = Identity.made().public
    configuring = Configuring(sources, lambda _node_id: key, key, {NODE: 5.0})

    def told(node_id: UUID) -> dict[str, float]:
        config = configuring.made(NodeShare(node_id=node_id, generation=1, instances=shares), "hall")
        assert config is not None
        return {one.name: one.run.ready_s for one in config.agent_info_list[0].worker_list}

    assert told(NODE) == {"plain": 5.0, "slow": 120.0}
    assert told(OTHER) == {"plain": 60.0, "slow": 120.0}
