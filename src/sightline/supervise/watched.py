"""One child, as its supervisor sees it: when to begin it, to doubt it, to end it, and to leave it.

Pure: it is told what happened and the time, and says what is to be done in `acts`, for the caller to take
out and do in their order. It promises:

- there are never two processes of a child: after `Act.SPAWN` it says so again only once it was told `exited`;
- each process ends: one that is not ready in time, makes no progress in time, or is to end, gets SIGTERM, and
  SIGKILL by a deadline;
- what ends by itself too often goes into quarantine, and stays there until it is told `start` or `stop`;
- after `tick(now_ns)` nothing is due before `due_ns`, which is later, or None.

It does not know what a process is. How the machine's other children are is no concern of it.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, StrEnum, auto
from typing import Final, NamedTuple, TypeAlias

from sightline.clock import ns
from sightline.supervise.policy import Restart, Watch, When

DUMP_NS: Final = ns(0.25)
"""Between the order to write down all stacks and the next signal: they are some hundred lines."""


class State(StrEnum):
    """How a child is."""

    ENDED = "ended"
    """There is no process, and none is wanted: not yet, or not any more."""
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    """It is to end: because that is wanted, or because it is taken for hung."""
    WAITING = "waiting"
    """It ended, and will be begun again after a delay."""
    QUARANTINED = "quarantined"
    """It ended too often, and is left alone."""


class Act(Enum):
    """What is to be done with the process."""

    SPAWN = auto()
    DUMP = auto()
    TERMINATE = auto()
    KILL = auto()


class Told(NamedTuple):
    """News for whoever wants to know."""

    state: State
    reason: str


Acts: TypeAlias = list[Act | Told]


class Watched:
    """One child.

    Attributes:
        state, reason: how it is, and why.
        ends: how often it ended without being asked to.
        acts: what is to be done and told, the oldest first.
    """

    def __init__(self, restart: Restart, watch: Watch) -> None:
        self._restart = restart
        self._watch = watch
        self.state = State.ENDED
        self.reason = "not begun yet"
        self.ends = 0
        self.acts: Acts = []
        self._wanted = False
        self._exists = False  # a process, from Act.SPAWN to `exited`
        self._fault: str | None = None  # why we end it, where nobody asked us to
        self._in_a_row = 0
        self._recent: deque[int] = deque(maxlen=restart.most_ends)
        self._due_ns: int | None = None  # to be ready, to make progress, or to be begun again
        self._settled_ns: int | None = None  # when its past is forgotten, once it is ready
        self._lane = ""
        self._excused_ns = 0
        self._ladder: deque[tuple[int, Act]] = deque()

    @property
    def due_ns(self) -> int | None:
        """When `tick` has something to do next; None: not until something happens."""
        return self._ladder[0][0] if self._ladder else self._due_ns

    def start(self, now_ns: int) -> None:
        """It is wanted. From quarantine or a delay it is begun at once, its past forgotten."""
        if self._wanted and self._exists:
            return
        self._wanted = True
        self._in_a_row = 0
        self._recent.clear()
        if self._exists:  # on its way out, and begun again behind that
            self._fault = None
        else:
            self._spawn(now_ns, "")

    def stop(self, now_ns: int, deadline_ns: int | None = None) -> None:
        """It is not wanted. Its process is killed at `deadline_ns`, after `Watch.stop_s` when not given."""
        self._wanted = False
        by_ns = now_ns + ns(self._watch.stop_s) if deadline_ns is None else max(now_ns, deadline_ns)
        if not self._exists:
            if self.state is not State.ENDED:
                self._rest(State.ENDED, f"was to end; {self.reason}")
        elif self.state is State.STOPPING:  # earlier perhaps, never later
            self._ladder = deque((min(at_ns, by_ns), act) for at_ns, act in self._ladder)
        else:
            self._rest(State.STOPPING, "is to end")
            dump_ns = max(now_ns, by_ns - DUMP_NS)
            self._ladder.extend(((now_ns, Act.TERMINATE), (dump_ns, Act.DUMP), (by_ns, Act.KILL)))
        self.tick(now_ns)

    def spawned(self, now_ns: int) -> None:
        """Its process has begun."""
        if self.state is State.STARTING:
            if self._watch.ready_s is None:
                self.ready(now_ns)
            else:
                self._due_ns = now_ns + ns(self._watch.ready_s)

    def ready(self, now_ns: int, word: str = "") -> None:
        """Its process says that it is ready; `word` is all it has to say of that."""
        if self.state is State.STARTING:
            self._rest(State.RUNNING, word)
            self._settled_ns = now_ns + ns(self._restart.settled_s)
            self.progress(now_ns)

    def progress(self, at_ns: int, lane: str = "") -> None:
        """At `at_ns` that lane last made progress which has made none for longest. Tell it before `tick`."""
        if self.state is State.RUNNING and self._watch.hung_s is not None:
            self._due_ns, self._lane = max(at_ns, self._excused_ns) + ns(self._watch.hung_s), lane

    def excuse(self, now_ns: int) -> None:
        """Whoever watches was held up itself, and perhaps all the machine: nobody is blamed for that time."""
        self._excused_ns = now_ns
        self.spawned(now_ns)
        self.progress(now_ns)

    def exited(self, now_ns: int, why: str, *, failed: bool = True) -> None:
        """Its process is no more, or could not be begun."""
        fault, asked = self._fault, self.state is State.STOPPING and self._fault is None
        why = why if fault is None else f"{fault}; {why}"
        settled = self._settled_ns is not None and now_ns >= self._settled_ns
        self._exists, self._fault, self._settled_ns = False, None, None
        self._ladder.clear()
        if not self._wanted:
            self._rest(State.ENDED, why)
        elif asked:  # and wanted again in the meantime
            self._rest(State.WAITING, why)
            self._spawn(now_ns, "")
        else:
            self._ended_by_itself(now_ns, why, failed=failed or fault is not None, settled=settled)

    def left(self) -> None:
        """Nobody looks after it any more."""
        self._wanted = self._exists = False
        self._ladder.clear()
        if self.state is not State.ENDED:
            self._rest(State.ENDED, f"nobody looks after it any more; {self.reason}")

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        while self._ladder and self._ladder[0][0] <= now_ns:
            self.acts.append(self._ladder.popleft()[1])
        if self._due_ns is None or now_ns < self._due_ns:
            return
        if self.state is State.WAITING:
            self._spawn(now_ns, self.reason)
        elif self.state is State.STARTING:
            self._give_up(now_ns, f"was not ready within {self._watch.ready_s:g} s")
        else:
            of = f" of {self._lane}" if self._lane else ""
            self._give_up(now_ns, f"made no progress{of} for {self._watch.hung_s:g} s")

    def _spawn(self, now_ns: int, reason: str) -> None:
        self._exists = True
        self._rest(State.STARTING, reason)
        self.acts.append(Act.SPAWN)
        if self._watch.ready_s is not None:
            self._due_ns = now_ns + ns(self._watch.ready_s)

    def _give_up(self, now_ns: int, fault: str) -> None:
        self._fault = fault
        self._rest(State.STOPPING, fault)
        ask_ns = now_ns + DUMP_NS
        kill_ns = ask_ns + ns(self._watch.stop_s)
        self._ladder.extend(((now_ns, Act.DUMP), (ask_ns, Act.TERMINATE), (kill_ns, Act.KILL)))
        self.tick(now_ns)

    def _ended_by_itself(self, now_ns: int, why: str, *, failed: bool, settled: bool) -> None:
        when = self._restart.when
        if when is When.NEVER or (when is When.FAILURE and not failed):
            self._wanted = False
            self._rest(State.ENDED, why)
            return
        self.ends += 1
        self._in_a_row = 1 if settled else self._in_a_row + 1
        self._recent.append(now_ns)
        often = self._too_often(now_ns)
        if often:
            self._rest(State.QUARANTINED, f"ended {often}, the last time: {why}")
        else:
            self._rest(State.WAITING, why)
            self._due_ns = now_ns + self._restart.delay_ns(self._in_a_row)

    def _too_often(self, now_ns: int) -> str:
        """How often it ended, where that is too often."""
        rule = self._restart
        if len(self._recent) == rule.most_ends and now_ns - self._recent[0] <= ns(rule.within_s):
            return f"{rule.most_ends} times within {rule.within_s:g} s"
        # As delays grow, what never gets far need not end so often within any fixed time.
        return f"{self._in_a_row} times in a row" if self._in_a_row >= rule.most_ends else ""

    def _rest(self, state: State, reason: str) -> None:
        """Be in this state, in which nothing is due yet."""
        self._due_ns = None
        if (state, reason) != (self.state, self.reason):
            self.acts.append(Told(state, reason))
        self.state, self.reason = state, reason
