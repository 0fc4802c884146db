"""A placement, and why it is so: a reason for each place, and for what has none, why nobody took it.

Reasons are made when they are asked for: a fleet has tens of thousands, and people read three.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Final

import msgspec

from sightline.fleet.inventory import Inventory, Placement
from sightline.fleet.placing.cameras import Cameras, camera_refusal, named_instance
from sightline.fleet.placing.instances import BY_HAND, KEPT, Instances, instance_refusal, why_not_by_hand
from sightline.fleet.placing.machines import Machines

MOST_REFUSALS: Final = 20


class Why(msgspec.Struct, frozen=True):
    """Why something is where it is, or nowhere.

    Attributes:
        placed: it has a place.
        text: the reason, for people.
        refusals: where it has none: why each candidate did not take it; of many the first ones, and how many
            more.
    """

    placed: bool
    text: str
    refusals: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text}: {'; '.join(self.refusals)}" if self.refusals else self.text


class Placed:
    """What `place` decided.

    Attributes:
        placement: who is where.
    """

    def __init__(
        self, inventory: Inventory, machines: Machines, instances: Instances, cameras: Cameras
    ) -> None:
        self._inventory = inventory
        self._machines = machines
        self._instances = instances
        self._cameras = cameras
        self.placement = Placement(
            cameras={camera_id: group.spec.name for camera_id, group in cameras.places.items()},
            instances={name: machine.spec.node_id for name, machine in instances.places.items()},
        )

    @cached_property
    def unplaced_instances(self) -> tuple[str, ...]:
        """Those that are enabled and have no machine, by name."""
        wanted = self._inventory.instances.items()
        there = self._instances.places
        return tuple(sorted(name for name, spec in wanted if spec.enabled and name not in there))

    @cached_property
    def unplaced_cameras(self) -> tuple[str, ...]:
        """Those that are enabled and have no instance, by name."""
        wanted = self._inventory.cameras.items()
        there = self._cameras.places
        return tuple(sorted(name for name, spec in wanted if spec.enabled and name not in there))

    @property
    def is_whole(self) -> bool:
        """Everything that is enabled has its place."""
        return not self.unplaced_instances and not self.unplaced_cameras

    def why_instance(self, name: str) -> Why:
        """Why an instance is on its machine, or on none."""
        spec = self._inventory.instances.get(name)
        if spec is None or not spec.enabled:
            return Why(False, "there is no such instance" if spec is None else "it is switched off")
        if (machine := self._instances.places.get(name)) is not None:
            return Why(True, _reason(self._instances.how[name], machine.spec.hostname, "the least loaded"))
        if spec.node is not None:
            host, why = why_not_by_hand(spec, self._machines.by_id)
            return Why(False, "it was put on a machine by hand, which does not take it", (f"{host}: {why}",))
        if not self._machines:
            return Why(False, "there is no machine yet")
        found = (
            f"{one.spec.hostname}: {instance_refusal(spec, one)}" for one in self._machines.by_id.values()
        )
        return Why(False, "no machine takes it", _first(found, len(self._machines)))

    def why_camera(self, camera_id: str) -> Why:
        """Why a camera is on its instance, or on none."""
        spec = self._inventory.cameras.get(camera_id)
        if spec is None or not spec.enabled:
            return Why(False, "there is no such camera" if spec is None else "it is switched off")
        if (group := self._cameras.places.get(camera_id)) is not None:
            return Why(
                True, _reason(self._cameras.how[camera_id], group.spec.name, "the one with the fewest")
            )
        return (
            self._why_not_by_hand(camera_id)
            if spec.instance is not None
            else self._why_no_instance(camera_id)
        )

    def _why_not_by_hand(self, camera_id: str) -> Why:
        spec = self._inventory.cameras[camera_id]
        text = "it was put on an instance by hand, which does not take it"
        if (named := named_instance(spec, self._inventory)) is None:
            return Why(False, text, (f"{spec.instance}: no instance of this fleet",))
        if (group := self._cameras.groups.get(named.name)) is None:
            return Why(False, text, (f"{named.name}: {self.why_instance(named.name).text}",))
        return Why(False, text, (f"{named.name}: {camera_refusal(spec, group)}",))

    def _why_no_instance(self, camera_id: str) -> Why:
        spec = self._inventory.cameras[camera_id]
        pool = [one for one in self._inventory.instances.values() if one.pool == spec.pool]
        if not pool:
            return Why(False, f"there is no instance of pool {spec.pool!r}")
        found = (f"{name}: {self._refusal(camera_id, name)}" for name in sorted(one.name for one in pool))
        return Why(False, f"no instance of pool {spec.pool!r} takes it", _first(found, len(pool)))

    def _refusal(self, camera_id: str, name: str) -> str:
        group = self._cameras.groups.get(name)
        spec = self._inventory.cameras[camera_id]
        return self.why_instance(name).text if group is None else camera_refusal(spec, group)


def _reason(how: str, place: str, best: str) -> str:
    if how == BY_HAND:
        return f"put on {place} by hand"
    return f"it was on {place} and stays" if how == KEPT else f"{place} is {best} of those that take it"


def _first(refusals: Iterable[str], count: int) -> tuple[str, ...]:
    shown = tuple(text for text, _ in zip(refusals, range(MOST_REFUSALS), strict=False))
    return (*shown, f"and {count - len(shown)} more") if count > len(shown) else shown
