"""What an agent does, decided: events and a time in, things to do out. No I/O, no thread, no clock.

It makes what runs on its machine equal to the newest configuration that it was told, or to the last one that
was verified where it is told nothing. A call of a method is one turn; it gives the actions in the order in
which they are to be taken. They are answered by `done` (Begin, End), `kept` (Keep), `logged` (SendLog) and
`looked_at` (LookAt); what runs is told by `found`, whenever somebody looked. Call `tick` once at the begin,
and then whenever `due_ns` has come.

It promises: at most one operation for one name at a time, and at most `parallel` in all, ends at once of what
has no lease excepted; nothing exclusive is begun without a lease and a welcome, and what runs of it is ended
when the lease is; `held` names all of it that may still run; only what came through its gates is kept as
`current`; the same message again changes nothing, and an older one is ignored.

Where the brief left room:
- A configuration of a known generation with another content is ignored and told: the first holds.
- An instance that fails its gate and was never verified goes on being tried, with growing delays; once it is
  well the deployment goes on to its end. One that was verified before comes back, and the new one is tried
  again by `retry`, a newer generation, or by itself after a minute, two, and so on up to an hour.
- An unchanged instance that is broken holds up no deployment: `verified` asks for what changed,
  `observed_generation` for all.
- After a begin, `lease_until_ns` (of the lease that the process before had) lets exclusive instances go on
  until then; without it they are ended at once, since nobody knows for how long they may run.

Deliberately not here: what an instance is made of, how it is made, and for how long that may take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from sightline.clock import ns
from sightline.errors import ConfigError
from sightline.fleet.deciding.agent.alarm import Alarm
from sightline.fleet.deciding.agent.deployment import Deployment
from sightline.fleet.deciding.agent.desired import (
    Begin,
    Desired,
    DesiredInstance,
    End,
    Found,
    Greet,
    Keep,
    LookAt,
    SendLog,
    Stage,
    Told,
)
from sightline.fleet.deciding.agent.lease import Lease
from sightline.fleet.deciding.agent.planning import Planning
from sightline.fleet.deciding.agent.reports import Reports
from sightline.fleet.deciding.agent.retry import REPAIRS
from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.topics import AgentCommand, AgentResponse
from sightline.fleet.timing import Timing
from sightline.supervise.policy import Restart

Action: TypeAlias = Greet | AgentResponse | Begin | End | Keep | LookAt | SendLog | Told
REQUESTS: Final = 64
"""Requests that are remembered, so that one that comes twice is done once."""
LOOKS: Final = 3
"""Cameras that are looked at for users at a time: each is a process of its own, beside what is to run."""
_BUSY: Final = f"{LOOKS} cameras are being tested here already: try again in a moment"


class Agent:
    """One machine's. Not thread-safe.

    Args:
        node_id: the number that it goes by.
        boot: rises with each begin of the agent.
        current: what was verified last, from disk.
        parallel: operations under way at a time.
        repairs: how often what ends or drifts is put right.
        unhealthy_s: that an instance may be unhealthy before it is begun anew.
        lease_until_ns: until when the process before this one had a lease; None: it had none.
    """

    def __init__(
        self,
        node_id: NodeId,
        boot: int,
        timing: Timing,
        now_ns: int,
        current: Desired | None = None,
        *,
        parallel: int = 4,
        repairs: Restart = REPAIRS,
        unhealthy_s: float = 30.0,
        lease_until_ns: int | None = None,
    ) -> None:
        if parallel < 1:
            raise ConfigError(f"expected at least 1 operation at a time as parallel, got {parallel}")
        self.node_id = node_id
        self.boot = boot
        self._alarm = Alarm()
        self._told: list[Told] = []
        self._requests: deque[str] = deque(maxlen=REQUESTS)
        self._looks: set[str] = set()
        self._greets_again = False
        self._lease = Lease(node_id, boot, timing, now_ns, lease_until_ns)
        self._deployment = Deployment(current, now_ns + ns(timing.wait_for_config_s))
        self._planning = Planning(
            self._deployment,
            self._lease,
            self._alarm,
            self._told.append,
            repairs=repairs,
            parallel=parallel,
            unhealthy_s=unhealthy_s,
        )
        self._reports = Reports(
            node_id,
            boot,
            timing,
            planning=self._planning,
            deployment=self._deployment,
            lease=self._lease,
            alarm=self._alarm,
        )
        self._alarm.passed(now_ns + 1, now_ns)

    @property
    def desired(self) -> Desired | None:
        """The newest configuration."""
        return self._deployment.newest

    @property
    def current(self) -> Desired | None:
        """The one that was verified last."""
        return self._deployment.current

    @property
    def lease_ends_ns(self) -> int:
        """What must not run twice may run until then, which may be past. For the guard's file."""
        return self._lease.ends_ns

    def held(self) -> list[str]:
        """Exclusive instances that may be running here."""
        return self._planning.held()

    def may_begin(self, instance: DesiredInstance, now_ns: int) -> bool:
        """Whether it may be begun now. To be asked once more where making it ready took long: a lease may
        have ended meanwhile.
        """
        return not instance.exclusive or self._lease.begins(now_ns, self._deployment.generation)

    def due_ns(self) -> int | None:
        """When `tick` is to be called, unless something else happens before."""
        return self._alarm.next_ns

    def tick(self, now_ns: int) -> list[Action]:
        """Time has passed."""
        return self._turn(now_ns)

    def configured(self, desired: Desired, now_ns: int) -> list[Action]:
        """A configuration came."""
        failed = list(self._deployment.failed)
        before = self._deployment.generation
        what = self._deployment.news(desired)
        if self._deployment.generation != before:
            self._planning.reopen(failed)
        if what:
            self._tell(what, "warning" if "another content" in what else "info")
        return self._turn(now_ns)

    def refused(self, generation: int, why: str, now_ns: int) -> list[Action]:
        """A configuration came that cannot be used: what runs goes on."""
        if self._deployment.refuse(generation, why):
            self._tell(f"generation {generation} cannot be used: {why}", "error")
        return self._turn(now_ns)

    def found(self, found: Sequence[Found], now_ns: int, looked_ns: int | None = None) -> list[Action]:
        """Somebody looked in all runtimes, from `looked_ns` on (None: now), and this is all that is there."""
        at_ns = now_ns if looked_ns is None else looked_ns
        there = {one.name: one for one in found}
        for name in [*there, *(name for name in self._planning.slots if name not in there)]:
            self._planning.slot(name).see(there.get(name), now_ns, at_ns)
        self._planning.looked = True
        return self._turn(now_ns)

    def done(self, action: Begin | End, error: str | None, now_ns: int) -> list[Action]:
        """That was done, or failed and why."""
        name = action.instance.name if isinstance(action, Begin) else action.name
        if self._planning.answered(action, error, now_ns) and error is not None:
            what = "begun" if isinstance(action, Begin) else "ended"
            self._tell(f"it cannot be {what}: {error}", "warning", name)
        return self._turn(now_ns)

    def kept(self, stage: Stage, error: str | None, now_ns: int) -> list[Action]:
        """That was written to disk, or not and why."""
        if self._deployment.kept(stage, error, now_ns):
            if error is not None:
                self._tell(self._deployment.error, "error")
            elif stage == "current":
                self._tell(f"generation {self._deployment.verified_generation} is verified and current")
        return self._turn(now_ns)

    def logged(self, request: str, log: str, now_ns: int) -> list[Action]:
        """These are the lines that `SendLog` asked for."""
        return [self._reports.logged(request, log, now_ns), *self._turn(now_ns)]

    def looked_at(self, request: str, sealed: str, now_ns: int) -> list[Action]:
        """This is what `LookAt` asked for; "": it cannot be said."""
        self._looks.discard(request)
        answers = [self._reports.looked_at(request, sealed, now_ns)] if sealed else []
        return [*answers, *self._turn(now_ns)]

    def commanded(self, command: AgentCommand, now_ns: int) -> list[Action]:
        """The coordinator said something; what is for another agent is passed over."""
        if command.node_id not in {None, self.node_id}:
            return []
        if command.command == "leases":  # many a minute, and what is due is due no sooner by a longer lease
            self._lease.heard(command, now_ns)
            return []
        obeyed: list[Action] = self._obey(command, now_ns)
        return [*obeyed, *self._turn(now_ns)]

    def _obey(self, command: AgentCommand, now_ns: int) -> list[Action]:
        match command.command:
            case "welcome":
                self._welcomed(command, now_ns)
            case "refuse":
                before = self._lease.refused
                if self._lease.refuse(command, now_ns) and self._lease.refused != before:
                    self._tell(f"the coordinator does not let us in: {self._lease.refused}", "warning")
            case "report":
                self._reports.asked = self._greets_again = True
            case "retry":
                self._planning.retry()
            case "restart" | "logs" | "probe":
                return self._requested(command)
        return []

    def _welcomed(self, command: AgentCommand, now_ns: int) -> None:
        before = self._lease.welcome
        if self._lease.welcomed(command, now_ns) and not before:
            self._reports.asked = True
            self._tell(f"the coordinator lets us in, with generation {command.generation}")

    def _requested(self, command: AgentCommand) -> list[Action]:
        if command.request and command.request in self._requests:
            return []
        self._requests.append(command.request)
        if command.command == "logs":
            return [SendLog(command.request, command.instance, command.lines)]
        if command.command == "probe":
            return [self._look_at(command)]
        slot = self._planning.slots.get(command.instance)
        if slot is None:
            self._tell("it is to be begun anew, and is not known here", "warning", command.instance)
        else:
            slot.asked = True
            slot.tries.reset()
        return []

    def _look_at(self, command: AgentCommand) -> LookAt:
        if len(self._looks) >= LOOKS:
            return LookAt(command.request, command.sealed, _BUSY)
        self._looks.add(command.request)
        return LookAt(command.request, command.sealed)

    def _tell(
        self, what: str, level: Literal["info", "warning", "error"] = "info", instance: str = ""
    ) -> None:
        self._told.append(Told(what=what, instance=instance, level=level))

    def _over(self) -> str:
        held = ", ".join(sorted(self.held()))
        follows = f"{held} must not run twice, and ends here" if held else "what runs goes on"
        return f"the lease is over, as the coordinator was not heard: {follows}"

    def _turn(self, now_ns: int) -> list[Action]:
        self._alarm.clear()
        self._deployment.wait(now_ns, self._alarm)
        if self._lease.ended(now_ns):
            self._tell(self._over(), "warning")
        actions: list[Action] = [*self._planning.operations(now_ns)]
        keep = self._deployment.keep(self._planning.complete(), now_ns, self._alarm)
        actions += [keep] if keep else []
        actions += self._greet(now_ns)
        response = self._reports.due(now_ns)
        actions += [response] if response else []
        told, self._told[:] = self._told[:], []
        return [*told, *self._wake(actions, now_ns)]

    def _greet(self, now_ns: int) -> list[Greet]:
        """Asks to be let in, or says who we are where somebody asked."""
        again, self._greets_again = self._greets_again, False
        due_ns = self._lease.greet_ns
        if due_ns is not None and (again or self._alarm.passed(due_ns, now_ns)):
            self._lease.greet(now_ns)
        elif not again:
            return []
        generation = self._reports.generation()
        return [Greet(self._lease.greeting, generation, self._reports.observed(now_ns))]

    def _wake(self, actions: list[Action], now_ns: int) -> list[Action]:
        """Moments that no part asks about while all is well, or asked about before it did so for now."""
        if self._lease.holds:
            self._alarm.passed(self._lease.ends_ns, now_ns)
        for moment_ns in (self._lease.greet_ns, self._reports.again_ns):
            if moment_ns is not None:
                self._alarm.passed(moment_ns, now_ns)
        return actions
