"""A plan in words: what would become of each thing, and how much in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sightline.cockpit.views.words import Tone, counted
from sightline.fleet.deciding.coordinator.planning import CameraPlan, InstancePlan, Plan
from sightline.fleet.inventory import NodeId

_TONES: Final = {"add": Tone.GOOD, "remove": Tone.OFF, "unplaced": Tone.BAD}
MOST_ROWS: Final = 200
"""Of a table of a plan; how many more there are is said."""


class PlanRow(NamedTuple):
    """What would become of one thing: from where, to where; "": nowhere."""

    name: str
    what: str
    tone: Tone
    was: str
    then: str
    restarts: bool
    cameras: int
    why: str


class Sum(NamedTuple):
    """Of a kind of thing that would happen, how much."""

    tone: Tone
    text: str


class PlanView(NamedTuple):
    """A plan as a page shows it. `interrupts`: pictures will be missed for a moment, or for good."""

    words: tuple[Sum, ...]
    instances: tuple[PlanRow, ...]
    cameras: tuple[PlanRow, ...]
    more_instances: int
    more_cameras: int
    is_empty: bool
    interrupts: bool


def plan_view(plan: Plan, agents: Mapping[str, str]) -> PlanView:
    """`agents`: names of machines by node_id."""
    instances = [_instance(one, agents) for one in plan.instances]
    cameras = [_camera(one) for one in sorted(plan.cameras, key=_is_as_now)]
    return PlanView(
        words=tuple(_words(plan)),
        instances=tuple(instances[:MOST_ROWS]),
        cameras=tuple(cameras[:MOST_ROWS]),
        more_instances=max(0, len(instances) - MOST_ROWS),
        more_cameras=max(0, len(cameras) - MOST_ROWS),
        is_empty=plan.is_empty,
        interrupts=any(one.restarts or one.ends for one in plan.instances),
    )


def _is_as_now(one: CameraPlan) -> bool:
    """It has no place, and had none before."""
    return one.change == "unplaced" and one.was is None


def _instance(one: InstancePlan, agents: Mapping[str, str]) -> PlanRow:
    return PlanRow(
        name=one.name,
        what=_what_of_instance(one),
        tone=_TONES.get(one.change, Tone.BUSY),
        was=_agent(one.was, agents),
        then=_agent(one.node, agents),
        restarts=one.restarts,
        cameras=len(one.cameras),
        why=one.why,
    )


def _what_of_instance(one: InstancePlan) -> str:
    if one.change == "add":
        return "begins" if one.cameras else "is made; it has no cameras yet"
    if one.change == "remove":
        return "ends" if one.ends else "is taken out"
    if one.change == "unplaced":
        return "has no place, and ends" if one.ends else "has no place"
    if one.change == "move":
        return "moves"
    return "is begun anew" if one.restarts else "ends: it has no cameras" if one.ends else "begins"


def _camera(one: CameraPlan) -> PlanRow:
    words = {
        "add": "begins",
        "change": "is changed",
        "move": "moves",
        "remove": "ends",
        "unplaced": "has no place",
    }
    return PlanRow(
        name=one.camera_id,
        what=words[one.change],
        tone=_TONES.get(one.change, Tone.BUSY),
        was=one.was or "",
        then=one.instance or "",
        restarts=False,
        cameras=0,
        why=one.why,
    )


def _agent(node_id: NodeId | None, agents: Mapping[str, str]) -> str:
    return "" if node_id is None else agents.get(str(node_id), str(node_id))


def _words(plan: Plan) -> Iterator[Sum]:
    """One a kind of thing that would happen, what interrupts first."""
    begins, restarts, ends = (sum(getattr(one, name) for one in plan.nodes) for name in _PER_NODE)
    if restarts:
        told = counted(restarts, "instance is", "instances are")
        yield Sum(Tone.BUSY, f"{told} ended and begun anew: pictures are missed meanwhile")
    if ends:
        yield Sum(Tone.OFF, counted(ends, "instance ends", "instances end"))
    if begins:
        yield Sum(Tone.GOOD, counted(begins, "instance begins", "instances begin"))
    changes = Counter("as now" if _is_as_now(one) else str(one.change) for one in plan.cameras)
    yield from _camera_words(changes)
    without = sum(one.change == "unplaced" for one in plan.instances)
    if without:
        yield Sum(Tone.BAD, f"{counted(without, 'instance has', 'instances have')} no place")
    if plan.is_empty:
        yield Sum(Tone.GOOD, "nothing would change")


_PER_NODE: Final = ("begins", "restarts", "ends")
_CAMERA_WORDS: Final[Sequence[tuple[str, str, str]]] = (
    ("add", "camera begins", "cameras begin"),
    ("change", "camera is changed", "cameras are changed"),
    ("move", "camera moves to another instance", "cameras move to other instances"),
    ("remove", "camera ends", "cameras end"),
    ("unplaced", "camera loses its place", "cameras lose their place"),
    ("as now", "camera has no place, as now", "cameras have no place, as now"),
)


def _camera_words(changes: Mapping[str, int]) -> Iterator[Sum]:
    for change, one, many in _CAMERA_WORDS:
        if changes.get(change):
            yield Sum(_TONES.get(change, Tone.BUSY), counted(changes[change], one, many))
