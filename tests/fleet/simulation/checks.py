"""What must hold at every moment of a simulated fleet; what does not raises `Broken` on the spot.

Promised, and held to here:

- Of an exclusive instance at most one copy runs, wherever and in whatever state, in real time: the machine
  that has to give it up ends it when its lease is over, which is `margin_s` before anybody else may begin it.
  What clocks differ by, and the time for which something killed goes on (`runtime.KILL_S`), fit into the
  margin; so the overlap that is allowed is none.
- A term of a camera is given to one instance on one machine only, and a later grant has a higher one.
  That none is given twice holds for lives that a restored database knows nothing of, too.
- A generation of a machine means one share for ever, whatever was restored, and rises as far as is known.
- One machine never begins and ends the same instance at one time.
- Nothing is moved that could stay where it is.
- What an agent said is not taken back by what it said before (`coordinator_host`).
- Nobody sends more than what there is to tell asks for (`storm`).
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec
from tests.fleet.simulation.events import Events

from sightline.clock import NS_PER_S, ns
from sightline.fleet.deciding.coordinator.actions import NodeShare
from sightline.fleet.inventory import AgentSpec, InstanceSpec, Inventory, NodeId, Placement
from sightline.fleet.messages.topics import AgentInfo, AgentResponse
from sightline.fleet.timing import Timing

STORM_S: Final = 10
Place: TypeAlias = tuple[NodeId, str]


class Broken(AssertionError):
    """A promise was broken."""


class Story:
    """The last lines of what happened, to be shown with a failure; `told` counts them all."""

    def __init__(self, events: Events, length: int = 4000) -> None:
        self.told = 0
        self.marks: Counter[str] = Counter()
        self.digest = 0
        self._events = events
        self._lines: deque[str] = deque(maxlen=length)

    def tell(self, kind: str, text: str) -> None:
        line = f"{self._events.now_ns / NS_PER_S:10.3f} {kind:9} {text}"
        self.told += 1
        self.marks[kind] += 1
        self.digest = _mixed(self.digest, line)
        self._lines.append(line)

    def of(self, *words: str, last: int = 60) -> str:
        """The last lines that have one of these words; all lines where none is given."""
        chosen = [line for line in self._lines if not words or any(word in line for word in words)]
        return "\n".join(chosen[-last:])


def _mixed(digest: int, line: str) -> int:
    for_line = int.from_bytes(line.encode()[-64:], "little")
    return (digest * 1_000_003 + for_line) % (2**61 - 1)


class Running(msgspec.Struct, frozen=True):
    """A copy that runs, as the checks know it."""

    node_id: NodeId
    run: str
    since_ns: int


class Exclusive:
    """Who runs which exclusive instance; measures overlaps.

    Attributes:
        most_overlap_ns: the longest time for which two copies of one ran. begun: how many were.
    """

    def __init__(self, events: Events, story: Story, promise_ns: int = 0) -> None:
        self.most_overlap_ns = 0
        self.begun = 0
        self.handed_over = 0
        self._events, self._story, self._promise_ns = events, story, promise_ns
        self._running: dict[str, list[Running]] = defaultdict(list)
        self._last: dict[str, NodeId] = {}

    def began(self, name: str, node_id: NodeId, run: str) -> None:
        copies = self._running[name]
        copies.append(Running(node_id, run, self._events.now_ns))
        self.begun += 1
        self.handed_over += self._last.get(name, node_id) != node_id
        self._last[name] = node_id
        if len(copies) > 1 and self._promise_ns == 0:
            self._fail(name, 0)

    def ended(self, name: str, run: str) -> None:
        copies = self._running[name]
        gone = next(copy for copy in copies if copy.run == run)
        copies.remove(gone)
        if copies:
            overlap = self._events.now_ns - max(gone.since_ns, min(copy.since_ns for copy in copies))
            self.most_overlap_ns = max(self.most_overlap_ns, overlap)
            if overlap > self._promise_ns:
                self._fail(name, overlap)

    def copies(self, name: str) -> int:
        return len(self._running[name])

    def _fail(self, name: str, overlap_ns: int) -> None:
        where = ", ".join(f"{c.run} since {c.since_ns / NS_PER_S:.3f}" for c in self._running[name])
        raise Broken(
            f"exclusive {name} runs twice ({overlap_ns / NS_PER_S:.3f} s): {where}\n{self._story.of(name)}"
        )


class Terms:
    """Which instance on which machine was given which term of a camera."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._given: dict[str, dict[int, Place]] = defaultdict(dict)
        self._newest: dict[str, int] = {}
        self._ran: dict[str, int] = defaultdict(int)
        self.most = 0

    def ran(self, terms: Mapping[str, int]) -> None:
        """Somebody ran with these: who fences results refuses lower ones from now on."""
        for camera, term in terms.items():
            self._ran[camera] = max(term, self._ran[camera])

    def refused(self, terms: Mapping[str, int]) -> list[str]:
        """Cameras whose results are refused with these."""
        return [camera for camera, term in terms.items() if term < self._ran[camera]]

    def granted(self, share: NodeShare) -> None:
        for instance in share.instances:
            for camera in instance.cameras:
                self._grant(camera.camera_id, camera.term, (share.node_id, instance.name))

    def forgive(self, shares: Iterable[NodeShare]) -> None:
        """The coordinator's memory is an old one: what was given last is not known, and is given still."""
        self._newest.clear()
        for share in shares:
            for instance in share.instances:
                for camera in instance.cameras:
                    self._given[camera.camera_id][camera.term] = (share.node_id, instance.name)
                    newest = self._newest.get(camera.camera_id, 0)
                    self._newest[camera.camera_id] = max(camera.term, newest)

    def _grant(self, camera: str, term: int, place: Place) -> None:
        given = self._given[camera]
        before = given.get(term)
        if before == place:
            return  # said again, or it lingers where it was
        if before is not None:
            raise Broken(f"term {term} of {camera} at {before} and {place}\n{self._story.of(camera)}")
        given[term] = place
        newest = self._newest.get(camera, 0)
        if term < newest:
            raise Broken(
                f"{camera} was given to {place} with term {term}, and {newest} is at {given[newest]}\n"
                f"{self._story.of(camera)}"
            )
        self._newest[camera] = max(term, newest)
        self.most = max(self.most, term)


class Moves:
    """What the coordinator moved by itself: only what could not stay where it was.

    An instance may stay on a machine that is there and is what it needs. It is gone when it was not heard for
    its lease, the margin and `move_after_s`; clocks differ a little.
    """

    def __init__(self, events: Events, story: Story, timing: Timing) -> None:
        self.moved = 0
        self._events, self._story = events, story
        self._gone_ns = ns((timing.lease_s + timing.margin_s + timing.move_after_s) * 0.99)
        self._heard: dict[NodeId, int] = {}
        self._newest: dict[tuple[NodeId, str], tuple[int, int]] = {}
        self._begun_ns = 0
        self._placement = Placement()

    def coordinator_begins(self, placement: Placement) -> None:
        self._begun_ns, self._placement = self._events.now_ns, placement
        self._heard.clear()

    def heard(self, message: AgentInfo | AgentResponse) -> None:
        """What is late on its way is no sign of life."""
        kind, number = (
            ("greeting", message.greeting) if isinstance(message, AgentInfo) else ("seq", message.seq)
        )
        newest = (message.boot, number)
        if newest > self._newest.get((message.node_id, kind), (-1, -1)):
            self._newest[message.node_id, kind] = newest
            self._heard[message.node_id] = self._events.now_ns

    def placed(self, placement: Placement, inventory: Inventory, agents: dict[NodeId, AgentSpec]) -> None:
        """It is so from now on; these are machines that are in the fleet."""
        before, self._placement = self._placement, placement
        for name, node_id in placement.instances.items():
            was, spec = before.instances.get(name), inventory.instances.get(name)
            if was is None or spec is None or was == node_id:
                continue
            self.moved += 1
            if self._could_stay(spec, was, agents):
                self._fail(f"{name} moved from {str(was)[:8]}, where it could stay", str(was)[:8])
        for camera_id, name in placement.cameras.items():
            was_on, camera = before.cameras.get(camera_id, name), inventory.cameras.get(camera_id)
            if was_on == name or camera is None or self._is_gone(placement.instances.get(was_on)):
                continue
            if camera.instance is None and inventory.instances[was_on].pool == camera.pool:
                self._fail(f"{camera_id} moved from {was_on}, where it could stay", camera_id)

    def _is_gone(self, node_id: NodeId | None) -> bool:
        if node_id is None:
            return True
        return self._events.now_ns - max(self._heard.get(node_id, 0), self._begun_ns) >= self._gone_ns

    def _could_stay(self, spec: InstanceSpec, was: NodeId, agents: dict[NodeId, AgentSpec]) -> bool:
        agent = agents.get(was)
        if spec.node is not None or spec.gpus or agent is None or agent.drained:
            return False
        fits = spec.labels.items() <= agent.labels.items() and spec.runtime in agent.runtimes
        return fits and not self._is_gone(was)

    def _fail(self, what: str, word: str) -> None:
        raise Broken(f"{what}\n{self._story.of(word)}")


class Generations:
    """What was sent as which generation of a machine."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._sent: dict[NodeId, NodeShare] = {}
        self._ever: dict[NodeId, dict[int, NodeShare]] = defaultdict(dict)

    def sent(self, share: NodeShare) -> None:
        before = self._sent.get(share.node_id)
        self._sent[share.node_id] = share
        if self._ever[share.node_id].setdefault(share.generation, share) != share:
            raise Broken(f"generation {share.generation} of {share.node_id} was another one in a life before")
        if before is None or before == share:
            return
        if share.generation <= before.generation:
            raise Broken(
                f"generation {share.generation} after {before.generation}: {share}, {before}\n"
                f"{self._story.of(str(share.node_id)[:8])}"
            )

    def forgive(self, node_id: NodeId | None = None) -> None:
        """The coordinator's memory is an old one, or it forgot a machine that was removed."""
        if node_id is None:
            self._sent.clear()
        else:
            self._sent.pop(node_id, None)
            self._ever.pop(node_id, None)


class Storm:
    """Counts messages a second, and holds each agent and the coordinator to what there is to tell.

    Within any `STORM_S` seconds an agent sends no more than one message each status_s, one for each change
    of what it runs (`reasons`: a copy began, ended, changed its state; a step was done), and one for each
    message that it got; the coordinator no more than its lists of leases, and `PER_REASON` for each greeting,
    each answer and each act of a user.
    """

    ALLOWED = 6  # greetings and turns of the clock within the window

    def __init__(self, events: Events, story: Story, status_s: float, ack_s: float) -> None:
        self.up: Counter[int] = Counter()
        self.down: Counter[int] = Counter()
        self.down_to: Counter[NodeId] = Counter()
        self.leases = 0
        self._events, self._story = events, story
        self._window = -1
        self._sent: Counter[NodeId] = Counter()
        self._reasons: Counter[NodeId] = Counter()
        self._down_sent: Counter[NodeId] = Counter()
        self._down_reasons: Counter[NodeId] = Counter()
        self._down_all = self._acts = 0
        self._by_clock = STORM_S / status_s
        self._acks = STORM_S / ack_s

    def agent_sent(self, node_id: NodeId) -> None:
        self._turn()
        self.up[self._events.now_ns // NS_PER_S] += 1
        self._sent[node_id] += 1
        most = self.ALLOWED + 2 * self._by_clock + 2 * self._reasons[node_id]
        if self._sent[node_id] > most:
            raise Broken(
                f"storm: {self._sent[node_id]} messages of {node_id} within {STORM_S} s, at most {most}\n"
                f"{self._story.of(str(node_id)[:8])}"
            )

    def reason(self, node_id: NodeId) -> None:
        """Something that an agent has to tell."""
        self._turn()
        self._reasons[node_id] += 1

    def coordinator_sent(self, node_id: NodeId) -> None:
        self._turn()
        self.down[self._events.now_ns // NS_PER_S] += 1
        self.down_to[node_id] += 1
        self._down_sent[node_id] += 1
        most = self.ALLOWED + 3 * (self._down_reasons[node_id] + self._acts)
        if self._down_sent[node_id] > most:
            raise Broken(
                f"storm: {self._down_sent[node_id]} messages to {node_id} in {STORM_S} s, at most {most}\n"
                f"{self._story.of(str(node_id)[:8])}"
            )

    def leases_sent(self) -> None:
        self._turn()
        self.leases += 1
        self._down_all += 1
        if self._down_all > self.ALLOWED + self._acks:
            raise Broken(f"storm: {self._down_all} lists of leases within {STORM_S} s")

    def down_reason(self, node_id: NodeId) -> None:
        """Something that the coordinator has to say to an agent: it greeted, answered, was given more."""
        self._turn()
        self._down_reasons[node_id] += 1

    def act(self) -> None:
        """A user did something, or the coordinator begins: that may be news for everybody."""
        self._turn()
        self._acts += 1

    def _turn(self) -> None:
        window = self._events.now_ns // (STORM_S * NS_PER_S)
        if window != self._window:
            self._window = window
            for counter in (self._sent, self._reasons, self._down_sent, self._down_reasons):
                counter.clear()
            self._down_all = self._acts = 0


class Checks:
    """All of them."""

    def __init__(self, events: Events, story: Story, timing: Timing) -> None:
        self.exclusive = Exclusive(events, story)
        self.terms = Terms(story)
        self.generations = Generations(story)
        self.moves = Moves(events, story, timing)
        self.storm = Storm(events, story, timing.status_s, timing.ack_s)
