"""One seed, from its begin to its quiet end."""

from __future__ import annotations

import time

import msgspec
from tests.fleet.simulation.faults import Faults
from tests.fleet.simulation.havoc import LONGEST_S, Havoc
from tests.fleet.simulation.world import World

from sightline.clock import NS_PER_S

SETTLES_S = 240.0
"""Virtual seconds within which all is as it should be once nothing goes wrong any more: what is late on its
way (40 s), an agent that asks to be let in (30 s between two), a lease and its margin (20 s), what is lost is
moved (30 s), a step that hangs in its gate (20 s) and what came before it, one after another."""

ALONE_S = 600.0
"""The same where nobody asks to try again what failed: agents do so after one minute, two, and four."""
RETRY_S = 60.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed came to.

    Attributes:
        events: that happened. begun_s: until all ran at first. settled_s: until all was well once the faults
        ended. most_up, most_down: messages within one second, leases aside. digest: of all that happened.
    """

    seed: int
    real_s: float
    events: int
    begun_s: float
    settled_s: float
    messages: dict[str, int]
    most_up: int
    most_down: int
    quiet_up: float
    begun: int
    handed_over: int
    overlap_ns: int
    coordinators: int
    restored: int
    digest: int
    story: str

    def text(self) -> str:
        return (
            f"seed {self.seed}: {self.real_s:.1f} s, {self.events} events; "
            f"all runs after {self.begun_s:.0f} s, all is well {self.settled_s:.0f} s after the faults; "
            f"messages {self.messages}; a second at most {self.most_up} up and {self.most_down} down, "
            f"{self.quiet_up:.1f} up in quiet; exclusive: {self.begun} begun, {self.handed_over} moved, "
            f"overlap {self.overlap_ns} ns; {self.coordinators} coordinators, {self.restored} restored"
        )


def simulate(
    *,
    agents: int,
    each: int,
    seed: int,
    minutes: float,
    faults: Faults,
    as_json: bool = False,
    hands: bool = False,
) -> Outcome:
    """Begin, settle, suffer, settle, be quiet. `hands`: users ask to try again what failed, and it is sooner.

    Raises:
        Broken: a promise was.
    """
    real = time.perf_counter()
    world = World(agents=agents, each=each, seed=seed, as_json=as_json)
    begun_s = world.settle(SETTLES_S)
    Havoc(world).begin(faults)
    world.run(minutes * 60)
    world.calm()
    settled_s = _settle_again(world, faults, hands=hands)
    quiet_up = _quiet(world)
    storm, exclusive = world.checks.storm, world.checks.exclusive
    return Outcome(
        seed=seed,
        real_s=time.perf_counter() - real,
        events=world.events.happened,
        begun_s=begun_s,
        settled_s=settled_s,
        messages=dict(world.network.counts),
        most_up=max(storm.up.values()),
        most_down=max(storm.down.values()),
        quiet_up=quiet_up,
        begun=exclusive.begun,
        handed_over=exclusive.handed_over,
        overlap_ns=exclusive.most_overlap_ns,
        coordinators=world.coordinator.begun,
        restored=world.restored,
        digest=world.story.digest,
        story=world.story.of(),
    )


def _settle_again(world: World, faults: Faults, *, hands: bool) -> float:
    """Seconds until all is well."""
    began, within_s = world.events.now_ns, SETTLES_S if hands else ALONE_S
    if hands and world.unsettled():
        world.run(RETRY_S)
        world.retry_failed()
    world.settle(within_s - RETRY_S)
    settled_s = (world.events.now_ns - began) / NS_PER_S
    world.run(max(0.0, faults.late_s + LONGEST_S - settled_s))  # what was late on its way may come yet
    world.settle(within_s - RETRY_S)
    return settled_s


def _quiet(world: World, seconds: float = 30.0) -> float:
    """Answers a second while nothing happens."""
    world.run(5.0)
    sent = sum(world.checks.storm.up.values())
    world.check_quiet(seconds)
    return (sum(world.checks.storm.up.values()) - sent) / seconds
