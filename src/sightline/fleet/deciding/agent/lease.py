"""Whether this agent may run what must not run twice: greetings, the welcome, and the lease. Pure.

A lease counts from when something was *sent* that the coordinator then said it heard: a response by its
number, a greeting by the welcome that repeats it. So it always ends before the coordinator takes the agent
for lost. Where it ends, the agent has to be let in anew, by the answer to a greeting made since: the
coordinator may have given its instances to others. Any such greeting will do, not only the last: where the
coordinator is slower than we ask, its answers are as good.

Time is monotonic ns.
"""

from __future__ import annotations

from typing import Final

from sightline.clock import ns
from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.topics import AgentCommand
from sightline.fleet.timing import Timing

MOST_GREETINGS: Final = 64
STATUSES_A_LEASE: Final = 3


class Lease:
    """What the coordinator last allowed.

    Attributes:
        greeting: number of the last one.
        generation: of the configuration that the welcome asks for.
        refused: why the coordinator did not let us in; "": it did, or said nothing.
        ever_welcome: it let us in once since this boot.
    """

    def __init__(
        self, node_id: NodeId, boot: int, timing: Timing, now_ns: int, until_ns: int | None = None
    ) -> None:
        self._node_id = node_id
        self._boot = boot
        self._timing = timing
        self._lease_ns = ns(timing.lease_s)
        self._until_ns = until_ns or now_ns
        self._holds = until_ns is not None and until_ns > now_ns
        self._greetings: dict[int, int] = {}
        self._responses: dict[int, int] = {}
        self._greet_ns = now_ns
        self._delay_ns = ns(timing.greet_s)
        self._welcome = False
        self.greeting = 0
        self.generation = 0
        self.refused = ""
        self.ever_welcome = False

    @property
    def welcome(self) -> bool:
        return self._welcome

    @property
    def ends_ns(self) -> int:
        """What must not run twice may run here until then; it may have been."""
        return self._until_ns

    @property
    def holds(self) -> bool:
        """It runs, as far as was noticed (`ended`)."""
        return self._holds

    @property
    def greet_ns(self) -> int | None:
        """When the next greeting is due; None: we are in."""
        return None if self._welcome else self._greet_ns

    @property
    def status_ns(self) -> int:
        """Between two responses: a lease has room for one that is lost."""
        return min(ns(self._timing.status_s), self._lease_ns // STATUSES_A_LEASE)

    def runs(self, now_ns: int) -> bool:
        """Whether what must not run twice may go on."""
        return self._holds and now_ns < self._until_ns

    def begins(self, now_ns: int, generation: int) -> bool:
        """Whether such a one may be begun, by an agent that has the configuration `generation`."""
        return self._welcome and self.runs(now_ns) and generation >= self.generation

    def ended(self, now_ns: int) -> bool:
        """True once where the lease has run out since this was asked last. Then we greet anew at once."""
        if not self._holds or now_ns < self._until_ns:
            return False
        self._holds = False
        if self._welcome:
            self._let_go(now_ns)
        return True

    def greet(self, now_ns: int) -> int:
        """A greeting is made now that asks to be let in; gives its number."""
        self.greeting += 1
        self._greetings[self.greeting] = now_ns
        while len(self._greetings) > MOST_GREETINGS:
            del self._greetings[next(iter(self._greetings))]
        self._greet_ns = now_ns + self._spread(self._delay_ns)
        self._delay_ns = min(2 * self._delay_ns, ns(self._timing.most_greet_s))
        return self.greeting

    def greet_now(self, now_ns: int) -> None:
        """Somebody asks who we are."""
        self._greet_ns = now_ns

    def sent(self, seq: int, now_ns: int) -> None:
        """A response is made now."""
        for old in [one for one, at in self._responses.items() if at + self._lease_ns <= now_ns]:
            del self._responses[old]
        self._responses[seq] = now_ns

    def welcomed(self, command: AgentCommand, now_ns: int) -> bool:
        """The coordinator lets us in. False: it answers another boot, or a greeting of before the last end,
        or comes too late.
        """
        sent_ns = self._greetings.get(command.greeting) if command.boot == self._boot else None
        if sent_ns is None:
            return False
        self._lease_ns = min(ns(self._timing.lease_s), ns(command.lease_s))
        until_ns = max(self._until_ns if self._welcome else 0, sent_ns + self._lease_ns)
        if until_ns <= now_ns:
            return False
        self.generation = max(self.generation if self._welcome else 0, command.generation)
        self._greetings = {one: at for one, at in self._greetings.items() if one >= command.greeting}
        self._until_ns = until_ns
        self._welcome = self._holds = self.ever_welcome = True
        self._delay_ns = ns(self._timing.greet_s)
        self.refused = ""
        return True

    def refuse(self, command: AgentCommand, now_ns: int) -> bool:
        """The coordinator does not let us in, or not any more. False: that was said to an older greeting."""
        ours = command.boot in {0, self._boot} and (not command.boot or command.greeting in self._greetings)
        if not ours:
            return False
        self.refused = command.reason or "no reason given"
        self._holds = False
        self._until_ns = min(self._until_ns, now_ns)
        if self._welcome:
            self._let_go(now_ns)
            self._greet_ns = now_ns + self._spread(self._delay_ns)
        return True

    def heard(self, command: AgentCommand, now_ns: int) -> None:
        """A list of whom the coordinator heard. An end that was not noticed yet is not made good by it."""
        if self._holds and now_ns >= self._until_ns:
            return
        for lease in command.leases:
            if lease.node_id == self._node_id and lease.boot == self._boot:
                self._extend(lease.seq)

    def _extend(self, seq: int) -> None:
        sent_ns = self._responses.get(seq)
        if sent_ns is None or not self._welcome:
            return
        self._until_ns = max(self._until_ns, sent_ns + self._lease_ns)
        for old in [one for one in self._responses if one <= seq]:
            del self._responses[old]

    def _let_go(self, now_ns: int) -> None:
        self._welcome = False
        self._greetings.clear()
        self._responses.clear()
        self._greet_ns = now_ns
        self._delay_ns = ns(self._timing.greet_s)

    def _spread(self, delay_ns: int) -> int:
        """Up to a quarter sooner, each agent by its own share: a thousand do not ask at one moment."""
        return delay_ns - delay_ns * (self._node_id.int % 256) // 1024
