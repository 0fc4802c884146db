"""What happened, found by comparing: a revision that was applied, places that changed, instances that failed
or were put right, and when each is as it should be again.

It promises: what is told as wrong is told as over, too; of much that changes at once the first is told, and
how much more there is.

Pure. Deliberately not here: machines that come and go, and where instances move to: who decides on that says
so (`watch`, `fleet`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, TypeAlias

from sightline.fleet.deciding.coordinator.actions import Action, Noted, Save
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory, NodeId, Placement
from sightline.fleet.messages.parts import FleetInstanceStatus

MOST_TOLD: Final = 50
"""Of a kind at a time."""
_MOST_DESC: Final = 200
Statuses: TypeAlias = Mapping[str, FleetInstanceStatus]
Specs: TypeAlias = Mapping[str, InstanceSpec] | Mapping[str, CameraSpec]


class Events:
    """Of one coordinator. `placement`: what its machine began with."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._without: set[str] = set()
        self._statuses: dict[NodeId, Statuses] = {}
        self._ill: set[tuple[NodeId, str]] = set()

    def decided(self, actions: Iterable[Action], wanted: Inventory, machine: Coordinator) -> Sequence[Noted]:
        """The machine wants this done, for this inventory."""
        noted: list[Noted] = []
        for action in actions:
            if isinstance(action, Save):
                for node_id in [one for one, share in action.shares.items() if share is None]:
                    self._forget(node_id)
                if action.placement is not None:
                    noted += self._placed(action.placement, wanted, machine)
        return noted

    def heard(self, node_id: NodeId, machine: Coordinator) -> Sequence[Noted]:
        """A machine said how it is. What was out of date the coordinator did not take, and we do not."""
        view = machine.agents().get(node_id)
        was = self._statuses.get(node_id)
        if view is None or view.statuses is was:
            return []
        self._statuses[node_id] = view.statuses
        if not was:  # how it was before is not known: what is wrong there was told by the life before us
            self._ill |= {(node_id, name) for name, one in view.statuses.items() if one.state == "failed"}
            return []
        self._ill -= {(node_id, name) for name in was.keys() - view.statuses.keys()}
        told = [
            *chain(
                *(self._health(node_id, was.get(one.instance_name), one) for one in view.statuses.values())
            )
        ]
        more = [Noted(what=f"{len(told) - MOST_TOLD} more of the kind", node_id=node_id)]
        return [*told[:MOST_TOLD], *(more if len(told) > MOST_TOLD else ())]

    def _forget(self, node_id: NodeId) -> None:
        self._statuses.pop(node_id, None)
        self._ill = {one for one in self._ill if one[0] != node_id}

    def _health(
        self, node_id: NodeId, was: FleetInstanceStatus | None, now: FleetInstanceStatus
    ) -> Iterator[Noted]:
        name = now.instance_name
        failed = now.state == "failed" and (was is None or was.state != "failed")
        again = was is not None and now.restarts > was.restarts
        if failed or again:
            self._ill.add((node_id, name))
            what = f"failed: {now.reason}" if failed else f"is put right: {_why_again(now)}"
            yield Noted(what=what, node_id=node_id, instance=name)
        if (node_id, name) in self._ill and _is_well(now):
            self._ill.discard((node_id, name))
            yield Noted(what="is as it should be again", node_id=node_id, instance=name)

    def _placed(self, now: Placement, wanted: Inventory, machine: Coordinator) -> Iterator[Noted]:
        was, self._placement = self._placement, now
        yield from self._instances_without(was, now, wanted, machine)
        yield from _cameras_moved(was, now, machine)
        lost = [one for one in was.cameras if one not in now.cameras and _is_wanted(wanted.cameras, one)]
        for camera_id in lost[:MOST_TOLD]:
            why = machine.explain(camera_id).steps[0].why
            yield Noted(what=f"has no place any more: {why}", camera_id=camera_id)
        yield from _more(lost, "cameras have no place any more")

    def _instances_without(
        self, was: Placement, now: Placement, wanted: Inventory, machine: Coordinator
    ) -> Iterator[Noted]:
        specs, views = wanted.instances, machine.instances()
        lost = [one for one in was.instances if one not in now.instances and _is_wanted(specs, one)]
        for name in lost[:MOST_TOLD]:
            yield Noted(what=f"has no place any more: {views[name].reason}", instance=name)
        yield from _more(lost, "instances have no place any more")
        back = sorted(self._without & now.instances.keys())
        for name in back[:MOST_TOLD]:
            node_id = now.instances[name]
            text = f"has a place again, on {_host(machine, node_id)}"
            yield Noted(what=text, node_id=node_id, instance=name)
        yield from _more(back, "instances have a place again")
        self._without = {one for one in {*self._without, *lost} - {*back} if _is_wanted(specs, one)}


def applied(was: Inventory, now: Inventory, by: str) -> Sequence[Noted]:
    """What users want became what is applied; nothing, where it was so before."""
    if now.revision == was.revision:
        return []
    what = f"revision {now.revision} is applied, by {by}"
    counts = [
        *_counts("instance", was.instances, now.instances),
        *_counts("camera", was.cameras, now.cameras),
    ]
    return [Noted(what=f"{what}: {', '.join(counts) or 'nothing changed'}")]


def way(name: str, desc: str) -> str:
    """By which way somebody asked for it, and what is said of it."""
    return f"{name} ({desc[:_MOST_DESC]})" if desc else name


def _counts(kind: str, was: Specs, now: Specs) -> Iterator[str]:
    """`1 camera added`, of what there is some."""
    numbers = {
        "added": len(now.keys() - was.keys()),
        "changed": sum(name in was and was[name] != spec for name, spec in now.items()),
        "removed": len(was.keys() - now.keys()),
    }
    return (
        f"{number:,} {kind if number == 1 else f'{kind}s'} {what}"
        for what, number in numbers.items()
        if number
    )


def _cameras_moved(was: Placement, now: Placement, machine: Coordinator) -> Iterator[Noted]:
    moved = [one for one, name in now.cameras.items() if _has_moved(was, now, one, name)]
    for camera_id in moved[:MOST_TOLD]:
        before, name = was.cameras[camera_id], now.cameras[camera_id]
        node_id = now.instances.get(name)
        text = f"moves from {before} to {name}"
        if before == name:
            places = f"from {_host(machine, was.instances[name])} to {_host(machine, now.instances[name])}"
            text = f"moves with {name} {places}"
        yield Noted(what=text, node_id=node_id, instance=name, camera_id=camera_id)
    yield from _more(moved, "cameras move")


def _has_moved(was: Placement, now: Placement, camera_id: str, name: str) -> bool:
    before = was.cameras.get(camera_id)
    places = was.instances.get(name), now.instances.get(name)
    return before is not None and (before != name or (None not in places and places[0] != places[1]))


def _more(found: Sequence[str], what: str) -> Iterator[Noted]:
    if len(found) > MOST_TOLD:
        yield Noted(what=f"{len(found) - MOST_TOLD} more {what}")


def _is_wanted(specs: Specs, name: str) -> bool:
    spec = specs.get(name)
    return spec is not None and spec.enabled


def _is_well(one: FleetInstanceStatus) -> bool:
    return one.state == "exited" or (one.state == "running" and not one.reason)


def _why_again(one: FleetInstanceStatus) -> str:
    return one.reason or one.drift or "it ended"


def _host(machine: Coordinator, node_id: NodeId) -> str:
    view = machine.agents().get(node_id)
    return view.hostname if view else str(node_id)
