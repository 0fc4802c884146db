"""When the coordinator is told how things are, and what. Pure.

A small response every few seconds renews the lease and says what is held; a full one goes at every change,
at most one a second, and every now and then for its figures. That a generation runs as it should, or failed,
is said at once, the first time: somebody waits for that. Nothing is sent before the first welcome of a
boot, and after a refusal: nobody knows us then.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from sightline.clock import NS_PER_S, ns
from sightline.fleet.deciding.agent.alarm import Alarm
from sightline.fleet.deciding.agent.deployment import Deployment
from sightline.fleet.deciding.agent.desired import Begin, DesiredInstance, Found
from sightline.fleet.deciding.agent.lease import Lease
from sightline.fleet.deciding.agent.planning import Planning
from sightline.fleet.deciding.agent.slot import STOPPED, Slot, finished
from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.parts import FleetInstanceStatus, InstanceState
from sightline.fleet.messages.topics import MOST_LOG_BYTES, AgentResponse
from sightline.fleet.timing import Timing

FULL_NS: Final = NS_PER_S
NO_LEASE: Final = "it must not run twice, and there is no lease for it"
Standing: TypeAlias = tuple[object, ...]
Progress: TypeAlias = Literal["done", "waiting", "deploying", "failed"]


class Reports:
    """Makes the responses, and knows when the next is due."""

    def __init__(
        self,
        node_id: NodeId,
        boot: int,
        timing: Timing,
        *,
        planning: Planning,
        deployment: Deployment,
        lease: Lease,
        alarm: Alarm,
    ) -> None:
        self._node_id = node_id
        self._boot = boot
        self._figures_ns = ns(timing.figures_s)
        self._planning = planning
        self._deployment = deployment
        self._lease = lease
        self._alarm = alarm
        self._told: Standing | None = None
        self._ended = -1
        self._seq = self._full_seq = self._whole = 0
        self._sent_ns = self._full_ns = 0
        self._disk_generation = deployment.generation
        self.asked = False

    @property
    def again_ns(self) -> int | None:
        """When something is to be said whatever happens; None: nobody is there to hear it."""
        if not self._lease.ever_welcome or self._lease.refused:
            return None
        return self._sent_ns + self._lease.status_ns

    def due(self, now_ns: int) -> AgentResponse | None:
        """The response to send now."""
        standing = self._standing(now_ns)
        if self.again_ns is None:
            return None
        if self._is_full_due(standing, now_ns):
            return self._full(standing, now_ns)
        return self._small(now_ns) if self._is_due(self.again_ns, now_ns) else None

    def _is_full_due(self, standing: Standing, now_ns: int) -> bool:
        if self._told is None:
            return True
        if standing != self._told and self._is_end():
            return True
        if self.asked or standing != self._told:
            return self._is_due(self._full_ns + FULL_NS, now_ns)
        return self._is_due(self._full_ns + self._figures_ns, now_ns)

    def _is_end(self) -> bool:
        """Whether it is told for the first time that the newest generation came to its end, good or bad."""
        return self._ended < self.generation() and bool(self._deployment.done or self._deployment.failed)

    def _is_due(self, moment_ns: int, now_ns: int) -> bool:
        return self._alarm.passed(moment_ns, now_ns)

    def generation(self) -> int:
        """The newest that is known. Before the first look it is not said that a newer one than on disk is:
        what runs of the one before, and may have to end for it, is not known.
        """
        return self._deployment.generation if self._planning.looked else self._disk_generation

    def observed(self, now_ns: int) -> int:
        """The newest, where every instance is as it should be; else the last before it that was so, or 0."""
        newest = self._deployment.generation
        if self._planning.well(now_ns):
            self._whole = newest
            return newest
        return self._whole if self._whole < newest else 0

    def logged(self, request: str, log: str, now_ns: int) -> AgentResponse:
        """The answer to `logs`: the end of it, as much as a message takes."""
        text = log.encode()[-MOST_LOG_BYTES:].decode(errors="ignore")
        return self._response(now_ns, full=False, request=request, log=text)

    def looked_at(self, request: str, sealed: str, now_ns: int) -> AgentResponse:
        """The answer to `probe`."""
        return self._response(now_ns, full=False, request=request, sealed=sealed)

    def _small(self, now_ns: int) -> AgentResponse:
        return self._response(now_ns, full=False)

    def _full(self, standing: Standing, now_ns: int) -> AgentResponse:
        self._told, self._full_ns, self.asked = standing, now_ns, False
        if self._is_end():
            self._ended = self.generation()
        self._full_seq = self._seq + 1
        return self._response(now_ns, full=True, status=self._statuses(now_ns))

    def _response(
        self,
        now_ns: int,
        *,
        full: bool,
        status: list[FleetInstanceStatus] | None = None,
        request: str = "",
        log: str | None = None,
        sealed: str = "",
    ) -> AgentResponse:
        self._seq += 1
        self._sent_ns = now_ns
        self._lease.sent(self._seq, now_ns)
        deployment, reason = self._deployed(now_ns)
        return AgentResponse(
            node_id=self._node_id,
            status=status or [],
            boot=self._boot,
            seq=self._seq,
            full=full,
            full_seq=self._full_seq,
            generation=self.generation(),
            observed_generation=self.observed(now_ns),
            verified_generation=self._deployment.verified_generation,
            deployment=deployment,
            reason=reason,
            refused=self._deployment.refused,
            held=self._planning.held(),
            request=request,
            log=log,
            sealed=sealed,
        )

    def _deployed(self, now_ns: int) -> tuple[Progress, str]:
        reason = self._deployment.reason()
        if self._deployment.refused:
            return "failed", reason
        if self._deployment.done:
            return "done", reason
        if self._deployment.failed:
            return "failed", reason
        if self._deployment.error or not (self._deployment.touching and self._planning.looked):
            return "waiting", reason
        waiting = self._planning.waits_for_lease(now_ns)
        return ("waiting", f"no lease for {', '.join(waiting)}") if waiting else ("deploying", reason)

    def _standing(self, now_ns: int) -> Standing:
        """All of a full response that is no figure."""
        return (
            self.generation(),
            self.observed(now_ns),
            self._deployment.verified_generation,
            *self._deployed(now_ns),
            tuple(self._planning.held()),
            tuple(self._outline(*one, now_ns) for one in self._rows()),
        )

    def _outline(self, slot: Slot, target: DesiredInstance | None, now_ns: int) -> Standing:
        made = self._made(slot)
        cameras = tuple((name, one.state) for name, one in slot.found.cameras.items()) if slot.found else ()
        return (
            slot.name,
            self._state(slot, target),
            self._reason(slot, target, now_ns),
            made.digest if made else "",
            made.generation if made else 0,
            slot.restarts,
            slot.drift,
            cameras,
        )

    def _rows(self) -> list[tuple[Slot, DesiredInstance | None]]:
        """All that is to run, and all that is there."""
        wanted: list[tuple[Slot, DesiredInstance | None]] = [*self._planning.targets()]
        names = {slot.name for slot, _ in wanted}
        slots = self._planning.slots.values()
        return [*wanted, *((slot, None) for slot in slots if slot.name not in names)]

    def _statuses(self, now_ns: int) -> list[FleetInstanceStatus]:
        return [self._status(slot, target, now_ns) for slot, target in self._rows()]

    def _status(self, slot: Slot, target: DesiredInstance | None, now_ns: int) -> FleetInstanceStatus:
        made = self._made(slot)
        found = slot.found or Found(name=slot.name, digest="", state="waiting")
        return FleetInstanceStatus(
            instance_name=slot.name,
            state=self._state(slot, target),
            reason=self._reason(slot, target, now_ns),
            generation=made.generation if made else 0,
            restarts=slot.restarts,
            drift=slot.drift,
            exclusive=slot.held or (target is not None and target.exclusive),
            image=found.image,
            cameras=found.cameras,
            cpu=found.cpu,
            memory_mib=found.memory_mib,
            gpu=found.gpu,
            terms=made.terms if made else {},
        )

    def _state(self, slot: Slot, target: DesiredInstance | None) -> InstanceState:
        state = state_of(slot, target)
        return "failed" if state == "waiting" and slot.name in self._deployment.failed else state

    def _made(self, slot: Slot) -> DesiredInstance | None:
        """What the instance that is there was made of, where that is known by a document."""
        if slot.found is None:
            return None
        for desired in (self._deployment.newest, self._deployment.current):
            one = desired.instances.get(slot.name) if desired else None
            if one is not None and one.digest == slot.found.digest:
                return one
        return None

    def _reason(self, slot: Slot, target: DesiredInstance | None, now_ns: int) -> str:
        failed = self._deployment.failed.get(slot.name, "")
        if failed and target is not None and self._deployment.proven(target):
            failed = f"generation {self._deployment.generation} failed: {failed}"
        no_lease = target is not None and target.exclusive and not slot.there
        if no_lease and not self._lease.begins(now_ns, self._deployment.generation):
            return NO_LEASE
        return slot.reason or failed or (slot.found.reason if slot.found else "")


def state_of(slot: Slot, target: DesiredInstance | None) -> InstanceState:
    """The one word for it."""
    if target is None:
        return "removing"
    if slot.operation is not None:
        return "creating" if isinstance(slot.operation, Begin) else "removing"
    found = slot.found
    if slot.finished == target.digest and (found is None or finished(found)):
        return "exited"
    if found is None or found.state in STOPPED:
        return "waiting"
    return found.state
