"""The rows of the three tables as they go in and come out, for the API and for imports."""

from sightline.fleet.store.agent_rows import AgentChange, AgentIn, AgentOut
from sightline.fleet.store.camera_rows import CameraBody, CameraChange, CameraIn, CameraOut
from sightline.fleet.store.instance_rows import (
    DsInstanceBody,
    DsInstanceChange,
    DsInstanceIn,
    DsInstanceOut,
    InstanceLimits,
    InstanceRun,
)
from sightline.fleet.store.row import Page
from sightline.fleet.store.worded import read

__all__ = [
    "AgentChange",
    "AgentIn",
    "AgentOut",
    "CameraBody",
    "CameraChange",
    "CameraIn",
    "CameraOut",
    "DsInstanceBody",
    "DsInstanceChange",
    "DsInstanceIn",
    "DsInstanceOut",
    "InstanceLimits",
    "InstanceRun",
    "Page",
    "read",
]
