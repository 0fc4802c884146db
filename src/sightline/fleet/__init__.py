"""A fleet: a coordinator, an agent on every machine, and the instances that these run.

Users say what they want (cameras, instances of DeepStream or of Sightline's own workers); the coordinator
keeps it in a database, decides which machine runs what, and tells each agent the whole of its part by one
message; an agent makes what runs equal to what it was last told, also with no network, and says how it goes.
What decides is pure (`deciding`, `placing`); what speaks to databases, brokers
and Docker is thin.

Deliberately not here: pages for people (`cockpit`), and pictures, packets and results, which go their own
way.
"""

from typing import TYPE_CHECKING

from sightline.later import import_later

if TYPE_CHECKING:
    from sightline.fleet.agent.service import AgentService
    from sightline.fleet.agent.settings import AgentSettings
    from sightline.fleet.api.client import FleetClient
    from sightline.fleet.api.serving import CoordinatorServer
    from sightline.fleet.deciding.agent.desired import Found
    from sightline.fleet.keys.identity import Identity
    from sightline.fleet.messages.parts import (
        CameraFigures,
        FleetDsInstance,
        FleetInstanceStatus,
        Limits,
        NodeConfig,
        RunOptions,
        WorkerInstance,
    )
    from sightline.fleet.messages.topics import (
        TOPIC200,
        TOPIC201,
        TOPIC210,
        TOPIC220,
        TOPIC300,
        TOPIC301,
        AgentCommand,
        AgentConfig,
        AgentInfo,
        AgentResponse,
        Lease,
        Refresh,
        UpdateConfig,
    )
    from sightline.fleet.post.post import Post
    from sightline.fleet.runtime.promise import Feature, RunSpec, Runtime
    from sightline.fleet.timing import Timing

__all__ = [
    "TOPIC200",
    "TOPIC201",
    "TOPIC210",
    "TOPIC220",
    "TOPIC300",
    "TOPIC301",
    "AgentCommand",
    "AgentConfig",
    "AgentInfo",
    "AgentResponse",
    "AgentService",
    "AgentSettings",
    "CameraFigures",
    "CoordinatorServer",
    "Feature",
    "FleetClient",
    "FleetDsInstance",
    "FleetInstanceStatus",
    "Found",
    "Identity",
    "Lease",
    "Limits",
    "NodeConfig",
    "Post",
    "Refresh",
    "RunOptions",
    "RunSpec",
    "Runtime",
    "Timing",
    "UpdateConfig",
    "WorkerInstance",
]

import_later(
    __name__,
    {
        "sightline.fleet.deciding.agent.desired": "Found",
        "sightline.fleet.agent.service": "AgentService",
        "sightline.fleet.agent.settings": "AgentSettings",
        "sightline.fleet.api.client": "FleetClient",
        "sightline.fleet.api.serving": "CoordinatorServer",
        "sightline.fleet.keys.identity": "Identity",
        "sightline.fleet.messages.parts": "CameraFigures FleetDsInstance FleetInstanceStatus Limits "
        "NodeConfig RunOptions WorkerInstance",
        "sightline.fleet.messages.topics": "TOPIC200 TOPIC201 TOPIC210 TOPIC220 TOPIC300 TOPIC301 "
        "AgentCommand AgentConfig AgentInfo AgentResponse Lease Refresh UpdateConfig",
        "sightline.fleet.post.post": "Post",
        "sightline.fleet.runtime.promise": "Feature RunSpec Runtime",
        "sightline.fleet.timing": "Timing",
    },
)
