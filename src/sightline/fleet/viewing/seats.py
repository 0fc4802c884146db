"""Where the pictures of cameras come from, and why none do: of the coordinator's machine, for people."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sightline.errors import SightlineError
from sightline.fleet.coordinator.service import CoordinatorService
from sightline.fleet.deciding.coordinator.machine import Coordinator
from sightline.fleet.inventory import Inventory
from sightline.fleet.viewing.condition import Seat

AWAY: Final = "the fleet's bus does not answer"
_ASK_S: Final = 2.0


def seats_of(service: CoordinatorService, cameras: Collection[str]) -> dict[str, Seat]:
    """Of each that is asked for; none at all where the coordinator is too busy to say."""
    if not cameras:
        return {}
    inventory = service.applied

    def look(machine: Coordinator, now_ns: int) -> dict[str, Seat]:
        return {name: _seat(machine, inventory, name, now_ns) for name in cameras}

    try:
        seats = service.ask(look, _ASK_S)
    except SightlineError:
        return {}
    if service.connected:
        return seats
    return {name: seat if seat.here or not seat.possible else Seat(why=AWAY) for name, seat in seats.items()}


def _seat(machine: Coordinator, inventory: Inventory, name: str, now_ns: int) -> Seat:
    spec = inventory.cameras.get(name)
    if spec is None:
        return Seat(possible=False, why="it is not applied")
    if not spec.enabled:
        return Seat(possible=False, why="it is switched off")
    instance = inventory.instances.get(machine.instance_of(name) or spec.instance or "")
    if instance is not None and instance.kind == "deepstream":
        return Seat(here=True)
    wrong = [step for step in machine.explain(name, now_ns).steps if not step.ok]
    if not wrong:
        return Seat()
    why = wrong[0].why if wrong[0].what == "pictures" else f"{wrong[0].what}: {wrong[0].why}"
    return Seat(why=why, broken=not wrong[0].under_way)
