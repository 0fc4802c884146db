"""What an agent promises of its deployments, held to by what really ran on its machine.

- Nothing is kept as verified that was not ready for its `settle_s`, or done for good, at some time.
- Who is one at a time is begun for the first time while nothing else is in doubt, and nothing else is while
  it is. In doubt is what was begun and neither ran for its `settle_s` yet nor had its `ready_s`; what failed
  is begun again and again, and holds nobody up.

Only what was begun in this life of the agent's process counts; what an agent adopts is not judged here.
"""

from __future__ import annotations

import msgspec
from tests.fleet.simulation.checks import Broken, Story
from tests.fleet.simulation.events import Events
from tests.fleet.simulation.runtime import Machine

from sightline.clock import ns
from sightline.fleet.deciding.agent.desired import Desired, DesiredInstance

NEVER_NS = -(10**18)
CLOCKS = 0.99  # of a time by an agent's clock, at least, has gone by


class Doubt(msgspec.Struct, frozen=True):
    """It was begun then, for the first time."""

    instance: DesiredInstance
    since_ns: int


class Gates:
    """Of one agent."""

    def __init__(self, machine: Machine, events: Events, story: Story) -> None:
        self._machine, self._events, self._story = machine, events, story
        self._doubts: dict[str, Doubt] = {}
        self._asked: set[str] = set()

    def agent_begins(self) -> None:
        self._doubts.clear()
        self._asked.clear()

    def restarted(self, name: str) -> None:
        """A user wants it begun anew, whatever else goes on."""
        self._asked.add(name)

    def retried(self) -> None:
        """A user wants all begun anew that failed: who is in doubt has its time again, and some have none."""
        self._doubts = {name: Doubt(doubt.instance, NEVER_NS) for name, doubt in self._doubts.items()}

    def told(self, desired: Desired | None) -> None:
        """This is to run from now on."""
        wanted = desired.instances if desired else {}
        for name, doubt in list(self._doubts.items()):
            if name not in wanted or wanted[name].digest != doubt.instance.digest:
                del self._doubts[name]

    def ends(self, name: str) -> None:
        self._doubts.pop(name, None)

    def begins(self, instance: DesiredInstance, desired: Desired | None, current: Desired | None) -> None:
        """It is asked for, as `desired` is to run. What is proven is put right whatever else goes on."""
        self.told(desired)
        asked, proven = instance.name in self._asked, _is_proven(instance, current)
        self._asked.discard(instance.name)
        if proven:
            return
        others = [] if asked else self._in_doubt(instance.name, current)
        wrong = [other for other in others if instance.one_at_a_time or other.one_at_a_time]
        if wrong:
            self._fail(f"{instance.name} is begun for the first time, and {wrong[0].name} is in doubt")
        self._doubts.setdefault(instance.name, Doubt(instance, self._events.now_ns))

    def verifies(self, desired: Desired, current: Desired | None) -> None:
        """It says that all of it came through its gate."""
        for instance in desired.instances.values():
            if not _is_proven(instance, current) and not self._was_well(instance):
                self._fail(f"{instance.name} {instance.digest} is verified, and never ran well")

    def _in_doubt(self, name: str, current: Desired | None) -> list[DesiredInstance]:
        return [
            doubt.instance
            for other, doubt in self._doubts.items()
            if other != name and not _is_proven(doubt.instance, current) and self._is_open(doubt)
        ]

    def _is_open(self, doubt: Doubt) -> bool:
        gate_ns = ns(doubt.instance.ready_s * CLOCKS)
        return self._events.now_ns < doubt.since_ns + gate_ns and not self._was_well(doubt.instance)

    def _was_well(self, instance: DesiredInstance) -> bool:
        ready_ns = self._machine.ready.get((instance.name, instance.digest))
        return ready_ns is not None and self._events.now_ns >= ready_ns + ns(instance.settle_s * CLOCKS)

    def _fail(self, what: str) -> None:
        where = str(self._machine.node_id)[:8]
        raise Broken(f"gates of {where}: {what}\n{self._story.of(where)}")


def _is_proven(instance: DesiredInstance, current: Desired | None) -> bool:
    verified = current.instances.get(instance.name) if current else None
    return verified is not None and verified.digest == instance.digest
