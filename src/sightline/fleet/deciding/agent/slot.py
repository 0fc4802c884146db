"""One name: what was found of it, what is being done about it, and what went wrong with it. Pure.

A look at the runtime may be older than what was done since; it is told by the time at which it was begun
(`looked_ns`), and says nothing of a name whose operation was not answered by then.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from sightline.clock import ns
from sightline.fleet.deciding.agent.alarm import Alarm
from sightline.fleet.deciding.agent.desired import Begin, DesiredInstance, End, Found
from sightline.fleet.deciding.agent.retry import ENDS, Tries
from sightline.supervise.policy import Restart

STOPPED: Final = frozenset({"exited", "failed", "waiting", "removing"})
Operation: TypeAlias = Begin | End


class Wrong(msgspec.Struct, frozen=True):
    """Why an instance has to be begun: another one is desired, it ended, it drifted, or somebody asked."""

    kind: Literal["change", "ended", "drift", "asked"]
    reason: str


class Slot:
    """What is known under one name.

    Attributes:
        found: last; after an answer and before the next look, what the answer means.
        since_ns: when it got into the state that it is in.
        operation: under way.
        unsure: an operation failed since the last look: what of it is there is not known.
        exclusive: what may be there must not run twice.
        begun: digest that was begun or adopted here; "": nothing, or we ended it.
        finished: digest that ended with code 0, and is not begun again.
        asked: somebody wants it begun anew.
        trouble: what is wrong and not yet acted on; reason: what was wrong last, until it runs well.
        drift, restarts: as `FleetInstanceStatus` has them.
        gate_ns: when the unproven instance was there first, or failed to be; None: no gate is open.
        passed: digest that came through its gate.
    """

    def __init__(self, name: str, repairs: Restart) -> None:
        self.name = name
        self.found: Found | None = None
        self.since_ns = 0
        self.operation: Operation | None = None
        self.answered_ns: int | None = None
        self.unsure = False
        self.exclusive = False
        self.begun = self.finished = self.passed = ""
        self.asked = False
        self.tries = Tries(repairs)
        self.ending = Tries(ENDS)
        self.trouble = self.reason = self.drift = ""
        self.restarts = 0
        self.gate_ns: int | None = None
        self._aim = ""

    @property
    def there(self) -> bool:
        """Whether something of it may be there."""
        return self.found is not None or self.unsure

    @property
    def idle(self) -> bool:
        return self.operation is None

    @property
    def held(self) -> bool:
        return self.exclusive and (self.there or self.operation is not None)

    def aim(self, digest: str) -> None:
        """It is to be made of this. Where that is new, earlier failures are forgotten."""
        if digest != self._aim:
            self._aim = digest
            self.tries.reset()
            self.gate_ns = None
            self.trouble = self.passed = ""

    def see(self, found: Found | None, now_ns: int, looked_ns: int) -> None:
        """What a look found of it."""
        if self.operation is not None or (self.answered_ns is not None and looked_ns < self.answered_ns):
            return
        if found is not None and found.state == "unknown" and self.there:
            return  # as it was, as far as anybody knows
        self.unsure = False
        self._take(found, now_ns)
        self.exclusive = found is not None and (found.exclusive or self.exclusive)

    def _take(self, found: Found | None, now_ns: int) -> None:
        if _life(found) != _life(self.found) or self._another_run(found):
            self.settle_delays(now_ns)
            self.since_ns = now_ns
        self.found = found
        if found is not None:
            self.begun = self.begun or found.digest
            if finished(found):
                self.finished = found.digest

    def _another_run(self, found: Found | None) -> bool:
        """Somebody else began it again, such as Docker itself; that is counted here."""
        if found is None or self.found is None or not self.found.run or found.run == self.found.run:
            return False
        if not self.trouble and found.digest == self.found.digest:
            self.restarts += 1
        return True

    def settle_delays(self, now_ns: int) -> None:
        if self.found is not None and self.found.state == "running":
            self.tries.ran(now_ns - self.since_ns)

    def began(self, instance: DesiredInstance, now_ns: int) -> None:
        """The runtime says that it runs; a look will say how."""
        self._answered(now_ns)
        self.found = Found(
            name=instance.name, digest=instance.digest, state="starting", exclusive=instance.exclusive
        )
        self.since_ns = now_ns
        self.begun, self.finished, self.exclusive, self.unsure = (
            instance.digest, "", instance.exclusive, False,
        )  # fmt: skip

    def gone(self, now_ns: int) -> None:
        """The runtime says that nothing of it is there, as we had it ended; wanted again, it is begun."""
        self._answered(now_ns)
        self.found, self.begun, self.finished, self.trouble = None, "", "", ""
        self.unsure = self.exclusive = False
        self.ending.reset()

    def failed(self, error: str, now_ns: int) -> None:
        """The operation under way failed."""
        tries = self.tries if isinstance(self.operation, Begin) else self.ending
        self._answered(now_ns)
        self.unsure = True
        self.trouble = self.reason = error
        tries.failed(now_ns)

    def _answered(self, now_ns: int) -> None:
        self.operation, self.answered_ns = None, now_ns

    def settled(self, target: DesiredInstance, now_ns: int, alarm: Alarm) -> bool:
        """It is as it should be: it has run, ready, for as long as it has to, or ended for good."""
        found = self.found
        if self.operation is not None or self.unsure or self.asked:
            return False
        if self.finished == target.digest and (found is None or finished(found)):
            return True
        if found is None or found.digest != target.digest or found.drift or found.state != "running":
            return False
        return alarm.passed(self.since_ns + ns(target.settle_s), now_ns)

    def wrong(self, target: DesiredInstance, now_ns: int, alarm: Alarm, unhealthy_ns: int) -> Wrong | None:
        """Why it has to be begun; None: it need not be."""
        found = self.found
        if self.asked:
            return Wrong("asked", "somebody asked for it")
        if found is None:
            return self._not_there(target)
        if found.digest != target.digest:
            return self._another(found)
        if finished(found):
            return None
        if found.drift:
            return Wrong("drift", found.drift)
        return self._ailing(found, target, now_ns, alarm, unhealthy_ns)

    def _not_there(self, target: DesiredInstance) -> Wrong | None:
        if self.finished == target.digest:
            return None
        expected = self.begun == target.digest and not self.unsure
        return Wrong("drift", "it was gone") if expected else Wrong("change", "it is not there yet")

    def _another(self, found: Found) -> Wrong | None:
        if found.state == "unknown":
            return None
        if not found.digest:
            return Wrong("drift", "it was tampered with")
        ours = found.digest == self.begun
        return Wrong("change", "it is made anew") if ours else Wrong("drift", "it was made of something else")

    def _ailing(
        self, found: Found, target: DesiredInstance, now_ns: int, alarm: Alarm, unhealthy_ns: int
    ) -> Wrong | None:
        why = f": {found.reason}" if found.reason else ""
        if found.state == "removing":  # by somebody else, who has just not done with it
            return Wrong("drift", "it was gone: it is being removed")
        if found.state in STOPPED:
            return Wrong("ended", f"it ended{why or _code(found)}")
        bound_ns = {"unhealthy": unhealthy_ns, "running": None}.get(found.state, ns(target.ready_s))
        if bound_ns is None or not alarm.passed(self.since_ns + bound_ns, now_ns):
            return None
        return Wrong("ended", f"it was {found.state} for {bound_ns / 1e9:g} s{why}")


def finished(found: Found) -> bool:
    """It has done all that there was to do."""
    return found.state == "exited" and found.code == 0


def _life(found: Found | None) -> tuple[str, str] | None:
    return None if found is None else (found.digest, found.state)


def _code(found: Found) -> str:
    return "" if found.code is None else f": exit code {found.code}"
