"""`place`: who is where, decided at once for a whole fleet; pure, total, and the same for any order of input.

Kept: what users put somewhere by hand is there or nowhere; what has a valid place keeps it; no capacity is
exceeded, of cameras or of graphics cards; labels and runtimes are had; nothing new goes to a machine that is
drained, lost or not heard. Placing again what was placed changes nothing.

The rest is greedy, the ones with the most needs first. So it is promised that nothing is left out that would
still fit; it is not promised that the most possible has a place, nor that loads are as even as they could be
(`rebalance` moves what is above its fair part, and nothing else).

An instance without cameras keeps its place, and what it needs stays its own; whether it runs is not said
here (`deciding.coordinator.fleet`: it does not, as neither DeepStream nor a site runs without a source).
"""

from __future__ import annotations

from collections.abc import Mapping

from sightline.fleet.inventory import AgentSpec, Inventory, NodeId, Placement
from sightline.fleet.placing.books import Standing
from sightline.fleet.placing.cameras import Cameras
from sightline.fleet.placing.instances import Instances
from sightline.fleet.placing.machines import Machines
from sightline.fleet.placing.placed import Placed


def place(
    inventory: Inventory,
    agents: Mapping[NodeId, AgentSpec],
    current: Placement | None = None,
    *,
    standing: Mapping[NodeId, Standing] | None = None,
    rebalance: bool = False,
) -> Placed:
    """Decide who is where.

    Args:
        inventory: what is wanted.
        agents: the machines that are let in.
        current: who is where now; None: nobody anywhere.
        standing: of machines that are not "here".
        rebalance: what is above its fair part of the load may move although it has a valid place.
    """
    was = current or Placement()
    machines = Machines(agents, standing or {})
    instances = Instances(inventory, machines, was, rebalance=rebalance)
    instances.place()
    cameras = Cameras(inventory, machines, instances.places, was, rebalance=rebalance)
    cameras.place()
    return Placed(inventory, machines, instances, cameras)
