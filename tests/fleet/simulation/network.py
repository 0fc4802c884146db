"""The broker between a coordinator and its agents, as bad as it may be.

Each message may be lost, doubled, late, and overtaken by others. A machine may be cut off, and the broker may
be away for all: what is sent meanwhile is lost, or comes when that is over. The topic of configurations keeps
the last of each key, and older ones for as long as it was not compacted.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from tests.fleet.simulation.events import Events
from tests.fleet.simulation.faults import Faults

from sightline.fleet.inventory import NodeId
from sightline.fleet.messages.topics import AgentCommand, AgentConfig, Message

NEVER_NS = 2**62
KEPT = 5  # configurations of one key that were not compacted away yet

M = TypeVar("M", bound=Message)


class Network:
    """Messages from here to there.

    Attributes:
        faults: that hold now.
        to_agent, to_coordinator: who takes what arrives.
        counts: of messages by what became of them.
        away_until_ns: the broker, for all. kinds: of what was sent; up_of: how much of it by an agent.
    """

    def __init__(self, events: Events, rng: random.Random, *, as_json: bool) -> None:
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.up_of: Counter[NodeId] = Counter()
        self.to_agent: Callable[[NodeId, Message], None]
        self.to_coordinator: Callable[[Message], None]
        self._events, self._rng, self._as_json = events, rng, as_json
        self.away_until_ns = 0
        self._cut_until_ns: dict[NodeId, int] = {}
        self._configs: dict[NodeId, list[AgentConfig]] = defaultdict(list)

    def cut_off(self, node_id: NodeId, seconds: float | None) -> None:
        """Nothing reaches it, or leaves it; None: for ever."""
        until = NEVER_NS if seconds is None else self._events.now_ns + int(seconds * 1e9)
        self._cut_until_ns[node_id] = max(until, self._cut_until_ns.get(node_id, 0))

    def go_away(self, seconds: float) -> int:
        """For all; gives the time at which it is back."""
        self.away_until_ns = max(self.away_until_ns, self._events.now_ns + int(seconds * 1e9))
        return self.away_until_ns

    def mend(self) -> None:
        """Who is not cut off for ever is reached again."""
        self.away_until_ns = 0
        self._cut_until_ns = {n: until for n, until in self._cut_until_ns.items() if until == NEVER_NS}

    def is_cut_off(self, node_id: NodeId) -> bool:
        return self._blocked_until(node_id) > self._events.now_ns

    def send_up(self, node_id: NodeId, message: Message) -> None:
        """An agent sends."""
        self.kinds[type(message).__name__] += 1
        self.up_of[node_id] += 1
        message = self._coded(message)
        self._carry(node_id, partial(self._arrive_up, message))

    def send_config(self, node_id: NodeId, message: AgentConfig) -> None:
        self.kinds["AgentConfig"] += 1
        if self.away_until_ns > self._events.now_ns and self._rng.random() < 0.5:
            self.counts["cut off"] += 1
            return  # its sender gave up; else it is kept, whoever reads it
        message = self._coded(message)
        self._configs[node_id] = [*self._configs[node_id][1 - KEPT :], message]
        self._carry(node_id, partial(self._arrive_down, node_id, message))

    def send_command(self, message: AgentCommand, readers: Iterable[NodeId]) -> None:
        """To one, or to all: each reader loses it for itself."""
        self.kinds[message.command] += 1
        message = self._coded(message)
        for node_id in readers:
            self._carry(node_id, partial(self._arrive_down, node_id, message))

    def kept_configs(self, node_id: NodeId) -> list[AgentConfig]:
        """What a reader of the compacted topic finds: the last, or a few before it too."""
        kept = self._configs.get(node_id, [])
        return list(kept if self._rng.random() < self.faults.stale else kept[-1:])

    def last_config(self, node_id: NodeId) -> AgentConfig | None:
        """What is kept of that key for ever."""
        kept = self._configs.get(node_id)
        return kept[-1] if kept else None

    def _coded(self, message: M) -> M:
        return type(message).from_json(message.to_json()) if self._as_json else message

    def _carry(self, node_id: NodeId, arrive: Callable[[], None]) -> None:
        faults, random_ = self.faults, self._rng.random
        self.counts["sent"] += 1
        if faults.lost and random_() < faults.lost:
            self.counts["lost"] += 1
            return
        self._one(node_id, arrive)
        if faults.doubled and random_() < faults.doubled:
            self.counts["doubled"] += 1
            self._one(node_id, arrive)

    def _one(self, node_id: NodeId, arrive: Callable[[], None]) -> None:
        faults, now = self.faults, self._events.now_ns
        delay_s = self._rng.random() * faults.delay_s
        if faults.late and self._rng.random() < faults.late:
            self.counts["late"] += 1
            delay_s = self._rng.random() * faults.late_s
        due = now + int(delay_s * 1e9)
        blocked = self._blocked_until(node_id)
        if blocked > now:
            if blocked == NEVER_NS or self._rng.random() < 0.5:
                self.counts["cut off"] += 1
                return
            due += blocked - now
        self._events.at(due, arrive)

    def _blocked_until(self, node_id: NodeId) -> int:
        return max(self.away_until_ns, self._cut_until_ns.get(node_id, 0))

    def _arrive_up(self, message: Message) -> None:
        self.to_coordinator(message)

    def _arrive_down(self, node_id: NodeId, message: Message) -> None:
        blocked = self._blocked_until(node_id)
        if blocked <= self._events.now_ns:
            self.to_agent(node_id, message)
        elif blocked != NEVER_NS and self._rng.random() < 0.5:
            self._events.at(blocked, partial(self.to_agent, node_id, message))
