"""Which instance to begin or to end now. Pure.

The whole is compared each time: what is found, what is to run. In this order: what must not run twice and
has no lease goes at once, beyond the bound of operations; what nobody wants is ended; what is missing, of
another digest, ended, unhealthy or drifted is begun. What is not proven yet goes through a gate: ready within
its `ready_s`, counted from when it was there first or failed to be, and then for its `settle_s`. Where it
fails, what was verified before comes back; where nothing was, it goes on being tried, and counts once it is
well.

`one_at_a_time` holds between changes: such a one is begun when no other is in doubt, and nothing else is
begun for the first time while it is. What has to be put right or ended is never held up by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sightline.clock import ns
from sightline.fleet.deciding.agent.alarm import Alarm
from sightline.fleet.deciding.agent.deployment import Deployment
from sightline.fleet.deciding.agent.desired import Begin, DesiredInstance, End, Told
from sightline.fleet.deciding.agent.lease import Lease
from sightline.fleet.deciding.agent.slot import Operation, Slot, Wrong
from sightline.supervise.policy import Restart


class Planning:
    """Compares, and keeps what is under way.

    Args:
        tell: is given what people would want to know.
        parallel: operations under way at a time.
        unhealthy_s: that an instance may be unhealthy before it is begun anew.
    """

    def __init__(
        self,
        deployment: Deployment,
        lease: Lease,
        alarm: Alarm,
        tell: Callable[[Told], None],
        *,
        repairs: Restart,
        parallel: int,
        unhealthy_s: float,
    ) -> None:
        self.slots: dict[str, Slot] = {}
        self.looked = False
        self._targets: list[tuple[Slot, DesiredInstance]] | None = None
        self._deployment = deployment
        self._lease = lease
        self._alarm = alarm
        self._tell = tell
        self._repairs = repairs
        self._parallel = parallel
        self._unhealthy_ns = ns(unhealthy_s)

    def slot(self, name: str) -> Slot:
        if name not in self.slots:
            self.slots[name] = Slot(name, self._repairs)
        return self.slots[name]

    def targets(self) -> list[tuple[Slot, DesiredInstance]]:
        """Each name that is to run, with what it is to be now. Made once a turn: it is asked for often."""
        if self._targets is None:
            self._targets = [*self._find_targets()]
        return self._targets

    def _find_targets(self) -> Iterator[tuple[Slot, DesiredInstance]]:
        newest = self._deployment.newest
        for name in newest.instances if newest else ():
            target = self._deployment.target(name)
            if target is not None:
                slot = self.slot(name)
                slot.aim(target.digest)
                slot.exclusive = slot.exclusive or (target.exclusive and slot.there)
                yield slot, target

    def extras(self) -> list[Slot]:
        """What is there, or may be, and nobody wants."""
        newest = self._deployment.newest
        if newest is None:
            return []
        return [slot for name, slot in self.slots.items() if name not in newest.instances]

    def operations(self, now_ns: int) -> list[Operation]:
        """What to do now; each is under way from here on, until it is answered."""
        self._targets = None
        self.reopen(self._deployment.again(now_ns, self._alarm))
        self._forget()
        found: list[Operation] = [*self._stop_what_has_no_lease(now_ns)]
        if self._deployment.touching and self.looked:
            self._judge(now_ns)
            found += self._end_extras(now_ns)
            found += self._begin_targets(now_ns)
        return found

    def _forget(self) -> None:
        for slot in [one for one in self.extras() if one.idle and not one.there]:
            del self.slots[slot.name]

    def _stop_what_has_no_lease(self, now_ns: int) -> Iterator[End]:
        if self._lease.runs(now_ns):
            return
        for slot in self.slots.values():
            if slot.held and slot.idle and not _stopped(slot) and self._ready(slot.ending.again_ns, now_ns):
                slot.gate_ns = None
                yield self._end(slot, at_once=True)

    def _end_extras(self, now_ns: int) -> Iterator[End]:
        for slot in self.extras():
            if slot.idle and slot.there and self._room() and self._ready(slot.ending.again_ns, now_ns):
                yield self._end(slot)

    def _begin_targets(self, now_ns: int) -> Iterator[Begin]:
        for slot, target in self.targets():
            if slot.idle and self._is_to_begin(slot, target, now_ns):
                slot.operation = Begin(target)
                slot.exclusive = slot.exclusive or target.exclusive
                slot.asked, slot.finished, slot.trouble = False, "", ""
                yield slot.operation

    def _is_to_begin(self, slot: Slot, target: DesiredInstance, now_ns: int) -> bool:
        wrong = slot.wrong(target, now_ns, self._alarm, self._unhealthy_ns)
        if wrong is None:
            slot.trouble = ""
            return False
        if not self._may(target, now_ns):
            return False
        self._blame(slot, wrong, now_ns)
        return self._ready(slot.tries.again_ns, now_ns) and self._room() and self._is_its_turn(slot, target)

    def _may(self, target: DesiredInstance, now_ns: int) -> bool:
        return not target.exclusive or self._lease.begins(now_ns, self._deployment.generation)

    def _blame(self, slot: Slot, wrong: Wrong, now_ns: int) -> None:
        """Once for each trouble: it is counted and told, and the next try is later."""
        if slot.trouble or wrong.kind in {"change", "asked"}:
            return
        slot.trouble = slot.reason = wrong.reason
        slot.settle_delays(now_ns)
        slot.restarts += 1
        if wrong.kind == "drift":
            slot.drift = wrong.reason
        slot.tries.failed(now_ns)
        often = ", as often as its budget allows" if slot.tries.spent(now_ns) else ""
        self._tell(Told(what=f"to be put right{often}: {wrong.reason}", instance=slot.name, level="warning"))

    def _is_its_turn(self, slot: Slot, target: DesiredInstance) -> bool:
        if self._deployment.proven(target) or slot.asked:
            return True
        if not self._deployment.may_change:
            return False
        others = ((other, one) for other, one in self.targets() if other is not slot)
        return not any(
            self._is_in_doubt(other, one)
            for other, one in others
            if target.one_at_a_time or one.one_at_a_time
        )

    def _is_in_doubt(self, slot: Slot, target: DesiredInstance) -> bool:
        """It is new, and neither came through its gate nor failed."""
        if self._is_through(slot, target) or target.name in self._deployment.failed:
            return False
        return slot.gate_ns is not None or isinstance(slot.operation, Begin)

    def _is_through(self, slot: Slot, target: DesiredInstance) -> bool:
        return slot.passed == target.digest or self._deployment.proven(target)

    def _judge(self, now_ns: int) -> None:
        """Gates open, are passed, or close; where one does, something else may be to run."""
        for slot, target in self.targets():
            if slot.settled(target, now_ns, self._alarm):
                self._pass(slot, target)
            elif not self._is_through(slot, target):
                self._watch_gate(slot, target, now_ns)

    def _pass(self, slot: Slot, target: DesiredInstance) -> None:
        was_wrong, slot.reason, slot.trouble = bool(slot.reason), "", ""
        if not self._is_through(slot, target):
            slot.passed = target.digest
            self._deployment.recovered(target.name)
            self._targets = None
            self._tell(Told(what="it is as it should be", instance=slot.name))
        elif was_wrong:
            self._tell(Told(what="it is as it should be again", instance=slot.name))

    def _watch_gate(self, slot: Slot, target: DesiredInstance, now_ns: int) -> None:
        found = slot.found
        right = found is not None and found.digest == target.digest
        if slot.gate_ns is None:
            slot.gate_ns = now_ns if right and slot.idle else None
        if slot.gate_ns is None:
            return
        until_ns = slot.gate_ns + ns(target.ready_s)
        late = self._alarm.passed(until_ns, now_ns)
        settling = right and found is not None and found.state == "running" and slot.since_ns <= until_ns
        if late and not (settling and slot.idle):
            self._fail(slot, target, now_ns)

    def _fail(self, slot: Slot, target: DesiredInstance, now_ns: int) -> None:
        why = slot.reason or (slot.found.reason if slot.found else "")
        reason = f"not ready within {target.ready_s:g} s" + (f": {why}" if why else "")
        if self._deployment.fail(target.name, reason, now_ns):
            self._targets = None
            back = self._deployment.target(target.name) is not target
            then = "what was verified before comes back" if back else "nothing to go back to: tried again"
            self._tell(Told(what=f"{reason}; {then}", instance=slot.name, level="error"))

    def answered(self, action: Operation, error: str | None, now_ns: int) -> bool:
        """An operation was done, or failed. False: it was not under way."""
        slot = self.slots.get(action.instance.name if isinstance(action, Begin) else action.name)
        if slot is None or type(slot.operation) is not type(action):
            return False
        asked = slot.operation
        if error is not None:
            slot.failed(error, now_ns)
        elif isinstance(asked, Begin):
            slot.began(asked.instance, now_ns)
        else:
            slot.gone(now_ns)
        if isinstance(asked, Begin):
            self._open_gate(slot, asked.instance, now_ns)
        return True

    def _open_gate(self, slot: Slot, instance: DesiredInstance, now_ns: int) -> None:
        target = self._deployment.target(slot.name)
        if target and target.digest == instance.digest and not self._is_through(slot, target):
            slot.gate_ns = now_ns if slot.gate_ns is None else slot.gate_ns

    def retry(self) -> None:
        """Somebody wants what failed to be tried again, now."""
        self._deployment.retry()
        self.reopen(list(self.slots))
        for slot in self.slots.values():
            slot.tries.reset()
            slot.ending.reset()

    def reopen(self, names: list[str]) -> None:
        """What failed there has its whole time again."""
        for name in names:
            if name in self.slots:
                self.slots[name].gate_ns = None

    def complete(self) -> bool:
        """All of the newest is proven or came through its gate, and nothing else is there."""
        if not self.looked or self._deployment.newest is None or self._deployment.failed or self.extras():
            return False
        return all(slot.idle and self._is_through(slot, target) for slot, target in self.targets())

    def well(self, now_ns: int) -> bool:
        """Every instance is as it should be now, and nothing else is there."""
        if not self.looked or self._deployment.newest is None or self._deployment.failed or self.extras():
            return False
        return all(slot.settled(target, now_ns, self._alarm) for slot, target in self.targets())

    def waits_for_lease(self, now_ns: int) -> list[str]:
        """What is not there, and may not be begun."""
        targets = self.targets()
        return [slot.name for slot, one in targets if not slot.there and not self._may(one, now_ns)]

    def held(self) -> list[str]:
        """What must not run twice and may be running here. Before the first look: all that ever might."""
        names = {slot.name for slot in self.slots.values() if slot.held}
        if not self.looked:
            known = (self._deployment.newest, self._deployment.current)
            names |= {one.name for each in known if each for one in each.instances.values() if one.exclusive}
        return sorted(names)

    def _end(self, slot: Slot, *, at_once: bool = False) -> End:
        end = End(slot.name, at_once)
        slot.operation = end
        return end

    def _room(self) -> bool:
        return sum(_takes_room(slot.operation) for slot in self.slots.values()) < self._parallel

    def _ready(self, again_ns: int, now_ns: int) -> bool:
        return self._alarm.passed(again_ns, now_ns)


def _stopped(slot: Slot) -> bool:
    """It is known not to run, and nobody but us begins it again."""
    return not slot.unsure and slot.found is not None and slot.found.state in {"exited", "failed"}


def _takes_room(operation: Operation | None) -> bool:
    return operation is not None and not (isinstance(operation, End) and operation.at_once)
