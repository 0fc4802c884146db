"""What is taken of each machine and each instance while a placement is made, and what stands in the way.

A thing that does not fit says so in words (`""`: it fits). What is taken only grows within one placing: what
did not fit once does not fit later.

Deliberately not here: who comes first, and who of those that fit is taken.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from sightline.fleet.inventory import AgentSpec, CameraSpec, InstanceSpec, Labels

Standing: TypeAlias = Literal["here", "quiet", "gone"]
"""`here`: it is heard. `quiet`: not at the moment; it keeps what it has and takes nothing new. `gone`: it is
lost for good; it keeps only what was put there by hand."""


class Machine:
    """A machine and what is taken of it.

    Attributes:
        order: its place among all machines, by node_id: decides between equals.
        gpus: graphics cards that are taken.
        expected: cameras that its instances are expected to have. instances: that have their place there.
        cameras: that have their place there.
    """

    __slots__ = ("cameras", "expected", "gpus", "instances", "order", "spec", "standing")

    def __init__(self, spec: AgentSpec, standing: Standing, order: int) -> None:
        self.spec = spec
        self.standing = standing
        self.order = order
        self.gpus = 0
        self.expected = 0
        self.instances = 0
        self.cameras = 0

    @property
    def load(self) -> int:
        """For spreading instances: one without cameras is not nothing."""
        return self.expected + self.instances

    def take(self, spec: InstanceSpec, expected: int) -> None:
        """One instance more."""
        self.gpus += spec.gpus
        self.expected += expected
        self.instances += 1

    @property
    def is_full(self) -> bool:
        """No camera goes there any more."""
        return self.spec.capacity is not None and self.cameras >= self.spec.capacity

    def has_room_for(self, cameras: int) -> bool:
        """For as many as are expected; 0: always."""
        capacity = self.spec.capacity
        return not cameras or capacity is None or self.expected + cameras <= capacity


class Group:
    """A placed instance and the cameras that are on it.

    Attributes:
        order: its place among all instances, by name: decides between equals.
        cameras: that have their place on it.
    """

    __slots__ = ("cameras", "machine", "order", "spec")

    def __init__(self, spec: InstanceSpec, machine: Machine, order: int) -> None:
        self.spec = spec
        self.machine = machine
        self.order = order
        self.cameras = 0

    @property
    def is_full(self) -> bool:
        """No camera goes there any more."""
        capacity = self.spec.capacity
        return (capacity is not None and self.cameras >= capacity) or self.machine.is_full

    def take(self) -> None:
        """One camera more."""
        self.cameras += 1
        self.machine.cameras += 1


def absence(machine: Machine) -> str:
    """Why a machine takes nothing new; "" where it does."""
    if machine.spec.drained:
        return "drained"
    return {"here": "", "quiet": "not heard at the moment", "gone": "lost"}[machine.standing]


def unlike(wanted: Labels, had: Labels) -> str:
    """Which label stands in the way."""
    for key, value in wanted.items():
        if had.get(key) != value:
            there = f", it has {key}={had[key]}" if key in had else ""
            return f"label {key}={value} is missing{there}"
    return ""


def instance_hindrance(spec: InstanceSpec, machine: Machine) -> str:
    """Why an instance cannot be on a machine that is there, as things are taken now."""
    if spec.runtime not in machine.spec.runtimes:
        return f"it does not run {spec.runtime}"
    if spec.gpus and machine.gpus + spec.gpus > machine.spec.gpus:
        return _gpu_hindrance(spec.gpus, machine)
    return unlike(spec.labels, machine.spec.labels)


def _gpu_hindrance(wanted: int, machine: Machine) -> str:
    had, taken = machine.spec.gpus, machine.gpus
    return f"{taken} of {had} graphics cards are taken, {wanted} needed" if had else "it has no graphics card"


def camera_hindrance(spec: CameraSpec, group: Group) -> str:
    """Why a camera cannot be on an instance that has a place, as things are taken now."""
    machine = group.machine
    if spec.node is not None and spec.node != machine.spec.node_id:
        return f"it is on {machine.spec.hostname}, not on the machine that the camera has to be on"
    missing = unlike(spec.labels, machine.spec.labels)
    return f"on {machine.spec.hostname}: {missing}" if missing else _full(group)


def _full(group: Group) -> str:
    machine = group.machine
    if group.spec.capacity is not None and group.cameras >= group.spec.capacity:
        return f"{group.cameras} of {group.spec.capacity} cameras are taken"
    if machine.is_full:
        return f"{machine.cameras} of {machine.spec.capacity} cameras of {machine.spec.hostname} are taken"
    return ""
