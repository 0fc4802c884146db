"""Cameras, instances and machines: what is desired of each, what is so, and why it is another.

Desired is what users wrote (the draft); what is applied is what the fleet goes by; what is so is what was
reported last. Each line says all three where they are not the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from sightline.cockpit.views.words import DRAFT, Word, agent_word, camera_word, counted, instance_word
from sightline.fleet.inventory import CameraSpec, InstanceSpec, Inventory
from sightline.fleet.store.rows import AgentOut, CameraOut, DsInstanceOut

_DRAFT = "it was changed, and that is not applied yet"
_NEW = "it is new, and not applied yet"
_OLDER = "what runs is as it was before; its machine is about to change that"


class Around(NamedTuple):
    """What lines are compared with.

    Attributes:
        applied: what the fleet goes by.
        agents: names of machines, by node_id.
        away: the bus does not answer: all is as it was heard last.
    """

    applied: Inventory
    agents: Mapping[str, str]
    away: bool = False

    def agent(self, node_id: str | None) -> str:
        """Its name; "": it is on none."""
        return self.agents.get(node_id, node_id) if node_id else ""


class CameraLine(NamedTuple):
    """A camera. `differences`: why what is so is not what is desired; none: it is."""

    row: CameraOut
    desired: str
    word: Word
    instance: str
    agent: str
    differences: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people and addresses."""
        return self.row.camera_id


class InstanceLine(NamedTuple):
    """An instance; see `CameraLine`."""

    row: DsInstanceOut
    desired: str
    word: Word
    agent: str
    differences: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people and addresses."""
        return self.row.instance_name


class AgentLine(NamedTuple):
    """A machine; see `CameraLine`."""

    row: AgentOut
    word: Word
    differences: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people and addresses."""
        return self.row.agent_name


def camera_line(row: CameraOut, around: Around) -> CameraLine:
    """One camera."""
    spec = around.applied.cameras.get(row.camera_id)
    wanted = spec is not None and spec.enabled  # what was reported of one that is not wanted is old
    word = camera_word((row.status if row.placed_instance else "unplaced") if wanted else "unwanted")
    word = DRAFT if spec is None else word
    agent = around.agent(row.placed_node)
    return CameraLine(
        row=row,
        desired=_desired_camera(row, agent),
        word=word,
        instance=row.placed_instance or "",
        agent=agent,
        differences=tuple(_camera_differs(row, spec, word, around)),
    )


def instance_line(row: DsInstanceOut, around: Around) -> InstanceLine:
    """One instance."""
    spec = around.applied.instances.get(row.instance_name)
    word = instance_word(row.status if spec is not None and spec.enabled else "unwanted")
    word = DRAFT if spec is None else word
    agent = around.agent(row.placed_node)
    return InstanceLine(
        row=row,
        desired=_desired_instance(row, agent),
        word=word,
        agent=agent,
        differences=tuple(_instance_differs(row, spec, word, around)),
    )


def agent_line(row: AgentOut, around: Around) -> AgentLine:
    """One machine."""
    return AgentLine(row=row, word=agent_word(row.state), differences=tuple(_agent_differs(row, around)))


def gone(applied: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """What was taken out of what is wanted, and runs as long as that is not applied."""
    return sorted(set(applied).difference(wanted))


def _desired_camera(row: CameraOut, agent: str) -> str:
    """Where it is to run is said where it does not; the pool, which has a column, where it is nowhere."""
    if not row.enabled:
        return "stopped"
    places = [f"on {row.instance_name}" if row.instance_name not in {None, row.placed_instance} else ""]
    places.append(
        f"in pool {row.pool}" if row.pool and not (row.instance_name or row.placed_instance) else ""
    )
    places.append(_at(row.agent_name, agent))
    return " ".join(filter(None, ["runs", *places]))


def _desired_instance(row: DsInstanceOut, agent: str) -> str:
    if not row.enabled:
        return "stopped"
    return " ".join(filter(None, ["runs", _at(row.agent_name, agent)]))


def _at(wanted: str | None, now: str) -> str:
    return f"at {wanted}" if wanted and wanted != now else ""


def _camera_differs(row: CameraOut, spec: CameraSpec | None, word: Word, around: Around) -> Iterator[str]:
    yield from _draft_differs(row.generation, spec)
    if spec is None or not spec.enabled:
        return
    if not row.placed_instance:
        yield "no instance has a place for it"
        return
    if spec.instance and row.placed_instance != spec.instance:
        yield f"it is to be on {spec.instance}, and still is on {row.placed_instance}"
    if 0 < row.observed_generation < spec.generation:
        yield _OLDER
    if not word.is_well:
        yield _as_heard(word, around)


def _instance_differs(
    row: DsInstanceOut, spec: InstanceSpec | None, word: Word, around: Around
) -> Iterator[str]:
    yield from _draft_differs(row.generation, spec)
    if spec is None or not spec.enabled:
        return
    if 0 < row.observed_generation < spec.generation:
        yield _OLDER
    if row.reason and word.text != "idle":
        yield row.reason
    elif not word.is_well:
        yield _as_heard(word, around)


def _agent_differs(row: AgentOut, around: Around) -> Iterator[str]:
    if row.state == "new":
        yield "its agent did not enrol yet: begin it with an enrolment token"
    elif row.state == "lost":
        runs = f"; {counted(row.instance_count, 'instance')} should run there" if row.instance_count else ""
        yield _as_heard(agent_word("lost"), around) + runs
    elif row.state == "drained" and row.instance_count:
        yield f"{counted(row.instance_count, 'instance')} cannot run elsewhere, and still is there"
    if row.state in {"new", "revoked"}:
        return
    if row.observed_generation < row.config_generation:
        yield f"it runs generation {row.observed_generation} of {row.config_generation}"
    if row.deployment.startswith("failed"):
        yield row.deployment


def _draft_differs(generation: int, spec: CameraSpec | InstanceSpec | None) -> Iterator[str]:
    if spec is None:
        yield _NEW
    elif spec.generation != generation:
        yield _DRAFT


def _as_heard(word: Word, around: Around) -> str:
    told = word.means or word.text
    return f"{told} (as heard last: the bus is away)" if around.away else told
