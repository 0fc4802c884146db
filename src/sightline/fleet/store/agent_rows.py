"""A machine as it goes into the database and comes out, with the document's names.

What an agent says of itself is not changed by users: `labels` and `capacity` of theirs lie over it.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import UUID4, Field

from sightline.fleet.store.row import AnyName, Count, Labels, Row, Text


class AgentIn(Row):
    """A machine that is to be in the fleet; it is, once its agent enrols with this node_id."""

    agent_name: AnyName = Field(description="What users call it.", examples=["hall"])
    hostname: Text = Field("", description="Until its agent says it.")
    ip_address: Text = Field("", description="Until its agent says it.")
    node_id: UUID4 | None = Field(
        None, description="The number that its agent goes by; a new one if left out."
    )
    description: Text = Field("", description="For people.")
    labels: Labels = Field({}, description="What it has to offer, over what its agent says.")
    capacity: Count | None = Field(None, description="Cameras that it takes, whatever its agent says.")
    drained: bool = Field(False, description="Nothing is to run there.")


class AgentChange(Row):
    """What is to be another of a machine; what is left out stays."""

    agent_name: AnyName | None = None
    description: Text | None = None
    labels: Labels | None = Field(None, description="Over what its agent says; all of them each time.")
    capacity: Count | None = Field(None, description="Whatever its agent says; null: as it says.")
    drained: bool | None = None
    revoked: bool | None = Field(None, description="It is not let in any more.")


class AgentOut(Row):
    """A machine as it is."""

    id: int
    agent_name: str
    ip_address: str
    hostname: str
    node_id: str
    connected: bool
    state: str = Field(description="new (never enrolled), connected, lost, drained or revoked.")
    capacity: int | None
    gpulist: list[str]
    labels: dict[str, str] = Field(description="Those that hold.")
    set_labels: dict[str, str] = Field(description="Those of them that users set.")
    set_capacity: int | None = Field(description="That users set.")
    runtimes: list[str]
    description: str
    agent_version: str
    enrolled: bool
    drained: bool
    revoked: bool
    generation: int = Field(description="Rises with each change of a user.")
    config_generation: int = Field(description="Of the configuration that it was sent last.")
    observed_generation: int = Field(description="Of the configuration that it runs.")
    verified_generation: int = Field(description="Of its known good configuration.")
    deployment: str
    last_seen: datetime | None
    instance_count: int = Field(description="Instances that are to run there now.")
