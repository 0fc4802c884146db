"""What goes wrong in a simulated fleet, and how often. Values only."""

from __future__ import annotations

from typing import Final

import msgspec


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of one, seconds, and times an hour.

    Attributes:
        delay_s: that a message takes, at least none and this at most.
        lost, doubled, late: shares of messages; `late_s`: how late at most.
        begin_fails: share of begins that raise. never_ready: that run and do not become ready.
        begin_slow: that take up to `slow_s`.
        end_fails: share of ends that raise. end_hangs: that take up to `hang_s` unless killed.
        disk_fails: share of an agent's writes that raise.
        find_fails: share of looks at the runtimes that raise.
        torn: share of the coordinator's turns in which it dies between two of its actions.
        stale: share of agents' begins at which the topic shows older configurations first.

        The others are times an hour: of one machine (`agent_dies`, `reboots`, `cut_off`, `vanishes`,
        `disk_lost`: the agent's, at times with a clock that goes wrong), of one instance (`crashes`,
        `falls_ill`, `tampered`, `exits`), of the whole fleet (`coordinator_dies`, `restored`,
        `database_full`, `clock_set`: the coordinator's, `broker_away`, `acts`: of users, `moves`:
        by users, of one that must not run twice).
    """

    delay_s: float = 0.05
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_s: float = 40.0
    begin_fails: float = 0.0
    never_ready: float = 0.0
    begin_slow: float = 0.0
    slow_s: float = 30.0
    end_fails: float = 0.0
    end_hangs: float = 0.0
    hang_s: float = 10.0
    disk_fails: float = 0.0
    find_fails: float = 0.0
    torn: float = 0.0
    stale: float = 0.0
    agent_dies: float = 0.0
    reboots: float = 0.0
    cut_off: float = 0.0
    vanishes: float = 0.0
    disk_lost: float = 0.0
    crashes: float = 0.0
    falls_ill: float = 0.0
    tampered: float = 0.0
    exits: float = 0.0
    coordinator_dies: float = 0.0
    restored: float = 0.0
    database_full: float = 0.0
    clock_set: float = 0.0
    broker_away: float = 0.0
    acts: float = 0.0
    moves: float = 0.0


CALM: Final = Faults()

NETWORK: Final = Faults(
    delay_s=1.0, lost=0.1, doubled=0.1, late=0.05, cut_off=20.0, broker_away=20.0, stale=0.5
)

ALL: Final = Faults(
    delay_s=1.0,
    lost=0.05,
    doubled=0.05,
    late=0.03,
    begin_fails=0.05,
    never_ready=0.02,
    begin_slow=0.05,
    end_fails=0.05,
    end_hangs=0.1,
    disk_fails=0.02,
    find_fails=0.02,
    torn=0.002,
    stale=0.5,
    agent_dies=10.0,
    reboots=3.0,
    cut_off=10.0,
    vanishes=0.5,
    disk_lost=2.0,
    crashes=10.0,
    falls_ill=5.0,
    tampered=3.0,
    exits=1.0,
    coordinator_dies=15.0,
    restored=6.0,
    database_full=10.0,
    clock_set=6.0,
    broker_away=10.0,
    acts=240.0,
)

LOSSY: Final = Faults(lost=0.2, acts=1200.0)

RESTORES: Final = Faults(
    delay_s=1.0,
    late=0.05,
    agent_dies=20.0,
    cut_off=20.0,
    restored=180.0,
    coordinator_dies=60.0,
    clock_set=120.0,
    acts=900.0,
)

HANDOVERS: Final = Faults(
    delay_s=1.0,
    lost=0.05,
    doubled=0.05,
    late=0.1,
    end_hangs=0.5,
    torn=0.005,
    agent_dies=10.0,
    cut_off=20.0,
    coordinator_dies=30.0,
    database_full=10.0,
    acts=120.0,
    moves=1800.0,
)
"""What must not run twice goes from machine to machine, by users' acts, while nobody is heard well."""

BIG: Final = msgspec.structs.replace(
    ALL,
    late_s=10.0,
    torn=0.00002,
    agent_dies=1.0,
    reboots=0.5,
    cut_off=2.0,
    vanishes=0.1,
    disk_lost=0.2,
    crashes=0.5,
    falls_ill=0.2,
    tampered=0.2,
    exits=0.1,
    coordinator_dies=120.0,
    restored=0.0,
)
"""For a thousand machines: their share of faults is of each, and there are many."""
