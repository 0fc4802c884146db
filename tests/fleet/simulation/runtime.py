"""What runs instances on a simulated machine: containers, which outlive the agent, and processes, which end
with it.

A begin takes time, may raise, may bring up something that never gets ready; an end takes time, may hang until
the instance is killed, may raise. A guard beside the agent ends exclusive containers when the lease file's
deadline is over. The engine finishes what it was asked to do even if the agent that asked died meanwhile, or
not.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
from tests.fleet.simulation.checks import Broken, Checks, Story
from tests.fleet.simulation.events import Events, LocalClock
from tests.fleet.simulation.faults import Faults

from sightline.fleet.deciding.agent.desired import DesiredInstance, Found
from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.parts import InstanceState

KILL_S: Final = 1.0
"""What is killed is gone within this; much less than `Timing.margin_s`."""

EXCLUSIVE_STOP_S: Final = 3.0
"""What must not run twice has no longer to clean up than this, before it is killed: less than the margin."""
START_S: Final = 1.0
"""What is ready to be begun runs within this."""

May = Callable[[DesiredInstance], bool]
Done = Callable[[str | None], None]


class Life:
    """One life of an agent's process."""

    def __init__(self) -> None:
        self.over = False


class Copy(msgspec.Struct, kw_only=True):
    """An instance that is there, running or exited."""

    name: str
    digest: str
    run: str
    exclusive: bool
    outlives: bool
    terms: dict[str, int]
    state: InstanceState = "starting"
    reason: str = ""
    code: int | None = None
    drift: str = ""
    ready_at_ns: int = 0

    @property
    def runs(self) -> bool:
        return self.state in {"starting", "running", "unhealthy"}

    def found(self) -> Found:
        return Found(
            name=self.name,
            digest=self.digest,
            state=self.state,
            exclusive=self.exclusive,
            reason=self.reason,
            run=self.run,
            code=self.code,
            drift=self.drift,
        )


class Machine:
    """A machine's engine, with its guard; agents come and go (`agent.AgentHost`).

    Attributes:
        copies: by name. faults: that hold now. changed: called when something happened unasked.
        ready: by name and digest, since when it was ready first, or done for good.
        busy: names with an operation of a living agent under way. lease_ns: the lease file, in local time.
    """

    def __init__(
        self,
        node_id: NodeId,
        clock: LocalClock,
        events: Events,
        rng: random.Random,
        checks: Checks,
        story: Story,
    ) -> None:
        self.node_id, self.clock = node_id, clock
        self.copies: dict[str, Copy] = {}
        self.busy: set[str] = set()
        self.ready: dict[tuple[str, str], int] = {}
        self.faults = Faults()
        self.lease_ns: int | None = None
        self.changed: Callable[[], None] = lambda: None
        self._events, self._rng, self._checks, self._story = events, rng, checks, story
        self._short = str(node_id)[:8]
        self._runs = 0
        self._power = Life()

    # What an agent asks for

    def find(self) -> list[Found]:
        return [self.copies[name].found() for name in sorted(self.copies)]

    def begin(self, instance: DesiredInstance, life: Life, may: May, done: Done) -> None:
        """What is there of it is ended; it is made ready, which may be slow, asked for once more whether it
        may be begun, and begun. `done` is told None, or why not.
        """
        self._take(instance.name)
        slow = self._rng.random() < self.faults.begin_slow
        fails = self._rng.random() < self.faults.begin_fails
        seconds = self._rng.random() * (self.faults.slow_s if slow else 1.0)
        power = self._power

        def ready() -> None:
            if power.over or life.over:
                return
            if fails or not may(instance):
                self._told(life, instance.name, done, "no such image" if fails else "it may not be begun now")
            else:
                self._start_soon(instance, life, done)

        def removed() -> None:
            self._events.after(seconds, ready)

        self._remove(instance.name, life, removed, at_once=False)

    def _start_soon(self, instance: DesiredInstance, life: Life, done: Done) -> None:
        """The engine is asked, and may do it though who asked died meanwhile."""
        outlives = instance.payload.run.runtime == "docker"
        finishes = outlives and self._rng.random() < 0.5
        power = self._power

        def came() -> None:
            if not (power.over or (life.over and not finishes)):
                self._start(instance, outlives)
                self._told(life, instance.name, done, None)

        self._events.after(self._rng.random() * START_S, came)

    def end(self, name: str, life: Life, done: Done, *, at_once: bool) -> None:
        self._take(name)
        fails = self._rng.random() < self.faults.end_fails

        def gone() -> None:
            self._told(life, name, done, None)

        if fails:
            self._events.after(self._rng.random(), partial(self._told, life, name, done, "cannot tell"))
        else:
            self._remove(name, life, gone, at_once=at_once)

    def set_lease(self, local_ns: int | None) -> None:
        """The lease file is written; the guard looks when it is over."""
        if local_ns == self.lease_ns:
            return
        self.lease_ns = local_ns
        if local_ns is None:
            self._guard(local_ns, self._power)
            return
        self._events.at(self.clock.real_ns(local_ns + 1), partial(self._guard, local_ns, self._power))

    # What happens unasked

    def agent_died(self, *, softly: bool = False) -> None:
        """What does not outlive it ends with it."""
        self.busy.clear()
        for copy in list(self.copies.values()):
            if not copy.outlives:
                self._drop(copy, "ends with its agent")

    def lose_power(self) -> None:
        self._power.over = True
        self._power = Life()
        self.lease_ns = None
        for copy in list(self.copies.values()):
            self._stop(copy, "exited", "power")
            if copy.exclusive or not copy.outlives:
                del self.copies[copy.name]

    def get_power(self) -> None:
        """The engine begins again what is to live while no agent does."""
        for copy in self.copies.values():
            if copy.reason == "power":
                self._run_again(copy)

    def strike(self, name: str, what: str) -> None:
        """One of "crash", "exit", "ill", "tamper"."""
        copy = self.copies.get(name)
        if copy is None or not copy.runs:
            return
        self._story.tell("strikes", f"{self._short} {name} {what}")
        if what == "ill":
            copy.state, copy.reason = "unhealthy", "no picture"
        elif what == "tamper":
            copy.drift, copy.digest = "memory limit", ""
        else:
            self._stop(copy, "exited", what)
            copy.code = 0 if what == "exit" else 139
            if what == "exit":
                self.ready[copy.name, copy.digest] = 0
        self._unasked()

    # How

    def _take(self, name: str) -> None:
        if name in self.busy:
            raise Broken(f"two operations for {name} at {self.node_id}\n{self._story.of(name)}")
        self.busy.add(name)

    def _told(self, life: Life, name: str, done: Done, error: str | None) -> None:
        if life.over:
            return
        self.busy.discard(name)
        self._checks.storm.reason(self.node_id)
        done(error)

    def _start(self, instance: DesiredInstance, outlives: bool) -> None:
        self._runs += 1
        copy = Copy(
            name=instance.name,
            digest=instance.digest,
            run=f"{self._short}#{self._runs}",
            exclusive=instance.exclusive,
            outlives=outlives,
            terms=dict(instance.terms),
        )
        if instance.name in self.copies:  # of a life before, that the engine finished meanwhile
            self._drop(self.copies[instance.name], "replaced")
        self.copies[instance.name] = copy
        self._ran(copy)

    def _ran(self, copy: Copy) -> None:
        self._story.tell("runs", f"{copy.run} {copy.name} {copy.digest}")
        self._checks.terms.ran(copy.terms)
        if copy.exclusive:
            self._checks.exclusive.began(copy.name, self.node_id, copy.run)
        if self.lease_ns is None or self.clock.now_ns() >= self.lease_ns:
            self._guard(self.lease_ns, self._power)
        if self._rng.random() >= self.faults.never_ready:
            self._events.after(0.2 + self._rng.random() * 3, partial(self._ready, copy, copy.run))

    def _ready(self, copy: Copy, run: str) -> None:
        if copy.state == "starting" and copy.run == run and self.copies.get(copy.name) is copy:
            copy.state = "running"
            self.ready.setdefault((copy.name, copy.digest), self._events.now_ns)
            self._unasked()

    def _run_again(self, copy: Copy) -> None:
        self._runs += 1
        copy.run, copy.state, copy.code, copy.reason = f"{self._short}#{self._runs}", "starting", None, ""
        self._ran(copy)

    def _remove(self, name: str, life: Life, gone: Callable[[], None], *, at_once: bool) -> None:
        copy = self.copies.get(name)
        if copy is None:
            gone()
            return
        hangs = not at_once and self._rng.random() < self.faults.end_hangs
        most = min(self.faults.hang_s, EXCLUSIVE_STOP_S) if copy.exclusive else self.faults.hang_s
        seconds = self._rng.random() * (most if hangs else KILL_S)
        finishes = copy.outlives and self._rng.random() < 0.5
        power = self._power

        def now() -> None:
            if power.over or (life.over and not finishes):
                return
            if self.copies.get(name) is copy:
                self._drop(copy, "ended")
            gone()

        self._events.after(seconds, now)

    def _guard(self, local_ns: int | None, power: Life) -> None:
        if self.lease_ns != local_ns or power.over:
            return
        for copy in list(self.copies.values()):
            if copy.exclusive and copy.outlives and copy.runs:
                self._events.after(self._rng.random() * KILL_S, partial(self._guarded, copy, copy.run))

    def _guarded(self, copy: Copy, run: str) -> None:
        if self.copies.get(copy.name) is copy and copy.run == run and copy.runs:
            self._stop(copy, "exited", "its lease is over")
            self._unasked()

    def _drop(self, copy: Copy, why: str) -> None:
        self._stop(copy, "exited", why)
        del self.copies[copy.name]

    def _stop(self, copy: Copy, state: InstanceState, why: str) -> None:
        if not copy.runs:
            return
        copy.state, copy.reason = state, why
        self._story.tell("stops", f"{copy.run} {copy.name} {why}")
        if copy.exclusive:
            self._checks.exclusive.ended(copy.name, copy.run)

    def _unasked(self) -> None:
        self._checks.storm.reason(self.node_id)
        self.changed()
