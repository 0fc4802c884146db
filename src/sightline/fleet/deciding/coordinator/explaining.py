"""Why a camera or an instance is as it is: a chain from what is wanted to what was last seen, each link in
words. The first link that does not hold is where to look.

Deliberately not here: what a machine's agent knows and did not report.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sightline.fleet.deciding.coordinator.fleet import Fleet
from sightline.fleet.deciding.coordinator.found import Found
from sightline.fleet.deciding.coordinator.node import Node
from sightline.fleet.messages.parts import CameraFigures, FleetInstanceStatus
from sightline.fleet.placing.placed import Placed

STALE_S: Final = 10.0
"""A picture older than that is no picture."""
_DONE: Final = "exited"
_WELL: Final = frozenset({"running", _DONE})
_BEGINS: Final = frozenset({"creating", "starting", "removing", "unknown"})
_OPENS: Final = frozenset({"idle", "connecting"})
_SAID: Final = {
    "idle": "it is about to be opened",
    "connecting": "it is being opened",
    "stalled": "it is connected, and sends no pictures",
    "backing_off": "it does not answer, and is tried again and again",
    "done": "its recording is at the end",
}
"""What a camera's state means, where the word alone may not be understood."""


class Step(msgspec.Struct, frozen=True):
    """One link: what was looked at, whether it is as it should be, and why, for people. `under_way`: it is
    not, and is about to become so by itself, as far as is known.
    """

    what: str
    ok: bool
    why: str
    under_way: bool = False


class Explanation(msgspec.Struct, frozen=True):
    """`kind`: "camera", "instance", or "" where nothing has that name; `ok`: every step is."""

    name: str
    kind: str
    ok: bool
    steps: tuple[Step, ...]


def explain(fleet: Fleet, found: Found, name: str, now_ns: int | None) -> Explanation:
    """Of what has that name: a camera first."""
    chain = _Chain(fleet, found, now_ns)
    if name in fleet.inventory.cameras:
        kind = "camera"
        chain.camera(name)
    elif name in fleet.inventory.instances or found.on(name):
        kind = "instance"
        chain.instance(name)
    else:
        kind = ""
        chain.add("name", False, f"no camera and no instance is called {name!r} in what was applied last")
    steps = tuple(chain.steps)
    return Explanation(name, kind, all(step.ok for step in steps), steps)


class _Chain:
    """Collects steps; each method goes on to the next as long as there is one."""

    def __init__(self, fleet: Fleet, found: Found, now_ns: int | None) -> None:
        self.steps: list[Step] = []
        self._fleet, self._found, self._now_ns = fleet, found, now_ns

    def add(self, what: str, ok: bool, why: str, *, under_way: bool = False) -> bool:
        self.steps.append(Step(what, ok, why, under_way and not ok))
        return ok

    @property
    def _placed(self) -> Placed:
        if self._fleet.placed is None:
            self._fleet.placed = self._fleet.try_place(self._fleet.inventory)
        return self._fleet.placed

    def camera(self, camera_id: str) -> None:
        why = self._placed.why_camera(camera_id)
        if not self.add("camera", why.placed, str(why)):
            return
        name = self._fleet.placement.cameras.get(camera_id, "")
        status = self.instance(name)
        if status is not None and status.state != _DONE:  # whose recordings are played has no pictures
            self._camera_figures(camera_id, status.cameras.get(camera_id))

    def instance(self, name: str) -> FleetInstanceStatus | None:
        why = self._placed.why_instance(name)
        placed = self.add("instance", why.placed, f"{name}: {why}")
        node_id = self._fleet.placement.instances.get(name)
        node = self._fleet.nodes.get(node_id) if node_id is not None else None
        self._elsewhere(name, node)
        if not placed or node is None:
            return None
        self._machine(node)
        if not self._granted(name, node):
            return None
        self._deployment(node)
        return self._state(name, node)

    def _elsewhere(self, name: str, node: Node | None) -> None:
        others = [one for one in self._found.on(name) if node is None or one != node.node_id]
        if others:
            told = ", ".join(self._fleet.name_of(one) for one in others)
            allowed = name in self._fleet.lingering
            why = "until it runs where it was moved to" if allowed else "and is to end there"
            self.add("elsewhere", allowed, f"it was last reported by {told}, {why}")

    def _machine(self, node: Node) -> None:
        state = node.state
        if state in {"connected", "draining"}:
            self.add("machine", True, f"{node.name} is {state}{self._heard(node)}")
        elif state == "waiting":
            told = f"{node.name} was not heard since the coordinator began"
            self.add("machine", False, told, under_way=True)
        else:
            stays = "; what the fleet itself had put there went elsewhere" if node.gone else ""
            self.add("machine", False, f"{node.name} is {state}{self._heard(node)}, its lease is over{stays}")

    def _heard(self, node: Node) -> str:
        if node.heard_ns is None or self._now_ns is None:
            return ""
        return f", heard {(self._now_ns - node.heard_ns) / 1e9:.1f} s ago"

    def _granted(self, name: str, node: Node) -> bool:
        if name in self._fleet.blocked:
            return self.add("lease", False, self._fleet.blocked[name][1], under_way=True)
        if not self._fleet.cameras_on.get(name):
            return self.add("cameras", False, "it has no cameras, and runs nothing without one")
        count = len(self._fleet.cameras_on[name])
        return self.add("lease", True, f"given to {node.name} with {count} cameras")

    def _deployment(self, node: Node) -> None:
        said, generation = node.said, node.share.generation
        if node.refuses:
            self.add("deployment", False, f"{node.name}: {said.reason}")
            return
        if not node.knows:
            told = f"{node.name} has generation {said.generation} of {generation}"
            self.add("deployment", False, told, under_way=True)
            return
        ok = said.deployment == "done" and said.observed >= generation
        reason = f": {said.reason}" if said.reason else ""
        text = f"generation {generation} on {node.name} is {said.deployment or 'seen'}{reason}"
        told = text if ok else f"{text}; {said.observed} runs well"
        self.add("deployment", ok, told, under_way=said.deployment != "failed")

    def _state(self, name: str, node: Node) -> FleetInstanceStatus | None:
        status = node.said.statuses.get(name)
        if status is None:
            self.add("state", False, f"{node.name} did not report it yet", under_way=True)
            return None
        parts = [status.state, status.reason, f"restarts: {status.restarts}" if status.restarts else ""]
        parts.append(f"put right: {status.drift}" if status.drift else "")
        told = ", ".join(filter(None, parts))
        self.add("state", status.state in _WELL, told, under_way=status.state in _BEGINS)
        self._figures(status)
        return status

    def _figures(self, status: FleetInstanceStatus) -> None:
        figures = {"cores": status.cpu, "MiB": status.memory_mib, "graphics cards": status.gpu}
        told = ", ".join(f"{value:.3g} {what}" for what, value in figures.items() if value is not None)
        if told:
            self.add("figures", True, told)
        if status.image:
            self.add("image", True, status.image)

    def _camera_figures(self, camera_id: str, figures: CameraFigures | None) -> None:
        if figures is None:
            told = f"nothing is known of the pictures of {camera_id} yet"
            self.add("pictures", False, told, under_way=True)
            return
        fresh = figures.age_s is None or figures.age_s <= STALE_S
        parts = [_SAID.get(figures.state, figures.state)]
        parts.append(f"{figures.fps:.3g} pictures a second" if figures.fps else "")
        parts.append("" if figures.age_s is None else f"the last one {figures.age_s:.1f} s ago")
        told = ", ".join(filter(None, parts)) or "no figures"
        self.add("pictures", fresh and bool(figures.fps), told, under_way=figures.state in _OPENS)
