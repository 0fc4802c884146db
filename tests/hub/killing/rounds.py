"""Rounds of killing writers, readers and the hub, with shared pictures on their way; and rests, to look.

In every other part of the rounds the hub is spared, so that it gets old. Who is killed, and after which time,
comes from a seed; how far the others have come by then does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from tests.hub.killing.roles import CHANNELS, Reader, Where, Writer, hub
from tests.hub.killing.slate import Column
from tests.hub.killing.stage import MIB, Seat, Stage, shared_bytes
from tools.services.waiting import wait_for

from sightline.hub import AsyncStreamClient, HubStats
from sightline.shm.host import HostStats

PART: Final = 50
"""Kills between two rests."""
PAUSE_S: Final = 0.06
"""Between two kills, on the average."""
HUB_SHARE: Final = 0.2
STOP_SHARE: Final = 0.15
MOST_HUB_BYTES: Final = 300 * MIB
REST_S: Final = 60.0
SOON_S: Final = 10.0
SLACK_BYTES: Final = 1 * MIB
"""`Shmem` is added up from counters of each core; the smallest pool is larger."""
_SHARED_MEMORY: Final = Path("/dev/shm")


class Sight(NamedTuple):
    """What the hub says, and what each process has open."""

    stats: HubStats
    descriptors: dict[str, list[str]]

    @property
    def shared(self) -> HostStats:
        assert self.stats.shared is not None
        return self.stats.shared

    @property
    def pools(self) -> dict[str, int]:
        return {name: sum(map(_is_pool, there)) for name, there in self.descriptors.items()}

    @property
    def of_themselves(self) -> dict[str, int]:
        """How many are neither of a pool nor, on the hub, of a client."""
        pools = self.pools
        counts = {name: len(there) - pools[name] for name, there in self.descriptors.items()}
        counts["hub"] -= self.stats.connections + self.shared.peers
        return counts


class Rounds:
    """`play` until there were enough."""

    def __init__(self, stage: Stage, where: Where, dice: Random, say: Callable[[str], object]) -> None:
        self._stage = stage
        self._where = where
        self._dice = dice
        self._say = say
        self._stopped: dict[int, float] = {}
        self._rests = 0
        self._descriptors: dict[str, int] = {}
        self.killed: Counter[str] = Counter()
        self._hubs: dict[int, tuple[int, int, int]] = {}
        self._hub_mib = 0
        self._hub = stage.add("hub", hub)
        stage.add("writer 1", Writer(history=3))
        stage.add("writer 2", Writer())
        stage.add("reader 1", Reader(keep_s=0.05))
        stage.add("reader 2", Reader(keep_s=0.5))
        stage.add("old writer", Writer(history=3), mortal=False)
        stage.add("old reader", Reader(keep_s=0.3, long_share=0.2), mortal=False)

    def play(self, kills: int) -> None:
        """Raises AssertionError, RuntimeError, TimeoutError where something is wrong."""
        self._rest()
        for number in range(kills):
            self._kill(spare_hub=bool(number // PART % 2))
            if number % PART == PART - 1:
                self._rest()
                self._say(f"{number + 1} kills; {self._shown()}")

    def _kill(self, *, spare_hub: bool) -> None:
        dice, stage = self._dice, self._stage
        time.sleep(min(dice.expovariate(1 / PAUSE_S), 4 * PAUSE_S))
        self._stop_some()
        stage.check()
        victims = [seat for seat in stage.seats if seat.mortal and seat is not self._hub]
        seat = self._hub if not spare_hub and dice.random() < HUB_SHARE else dice.choice(victims)
        stage.kill(seat)
        self.killed[seat.name.split()[0]] += 1
        self._stopped.pop(seat.pid, None)
        stage.begin(seat)
        wrong = stage.slate.total(Column.WRONG)
        assert not wrong, f"{wrong} pictures were wrong"

    # Readers that are stopped for a while.

    def _stop_some(self) -> None:
        now = time.monotonic()
        for pid, until in tuple(self._stopped.items()):
            if until <= now:
                self._continue(pid)
        if self._dice.random() < STOP_SHARE:
            readers = [seat.pid for seat in self._stage.seats if isinstance(seat.role, Reader)]
            pid = self._dice.choice(readers)
            os.kill(pid, signal.SIGSTOP)
            self._stopped[pid] = now + self._dice.choice((0.05, 0.3, 2.5))

    def _continue(self, pid: int) -> None:
        del self._stopped[pid]
        os.kill(pid, signal.SIGCONT)

    # Rests.

    def _rest(self) -> None:
        for pid in tuple(self._stopped):
            self._continue(pid)
        self._all_go_on()
        self._rests += 1
        self._stage.slate.resting[Column.RESTED] = self._rests
        found: list[Sight] = []
        try:
            wait_for(lambda: self._at_rest(found), REST_S, "all to be let go")
        except TimeoutError as error:
            error.add_note(str(found))
            raise
        self._check(found[0].stats, found[0].shared)
        self._check_descriptors()
        self._stage.slate.resting[Column.RESTED] = 0

    def _all_go_on(self) -> None:
        """All have seen, or sent, more pictures in shared memory than before: the killing harmed none."""
        before = [_progress(seat) for seat in self._stage.seats]

        def all_did() -> bool:
            self._stage.check()
            seats = zip(self._stage.seats, before, strict=True)
            return all(seat.works and (seat is self._hub or _progress(seat) > was) for seat, was in seats)

        wait_for(all_did, REST_S, "all to go on")

    def _at_rest(self, found: list[Sight]) -> bool:
        self._stage.check()
        others = [seat for seat in self._stage.seats if seat is not self._hub]
        if any(seat.row[Column.RESTED] != self._rests for seat in others):
            return False
        found[:] = [sight := self._look()]
        feeds = [feed for feed in sight.stats.feeds if feed.channel.startswith(CHANNELS)]
        waits = any(feed.buffer.held or feed.in_flight for feed in feeds)
        return not waits and not sight.shared.leases.open and sight.stats.connections == len(others) + 1

    def _check(self, stats: HubStats, shared: HostStats) -> None:
        leases = shared.leases
        assert leases.balanced, leases
        assert (leases.open, leases.retired) == (0, 0), leases
        kept = sum(channel.kept for channel in stats.channels)
        assert leases.held <= kept, (leases, kept)
        for channel in stats.channels:
            assert channel.received == channel.taken_in + channel.waiting + channel.dropped, channel
            out = channel.taken + sum(channel.lost.values()) + channel.held + channel.in_flight
            assert channel.entered == out, channel
        own_bytes = self._hub.own_bytes
        assert own_bytes < MOST_HUB_BYTES, f"the hub has {own_bytes // MIB} MiB"
        self._hubs[self._hub.pid] = (leases.ran_out, leases.cut_off, shared.spilled)
        self._hub_mib = max(self._hub_mib, own_bytes // MIB)

    def _check_descriptors(self) -> None:
        """What is not for a client or a pool is as much as ever."""
        found: list[Sight] = []

        def as_ever() -> bool:
            found[:] = [sight := self._look()]
            self._descriptors = self._descriptors or sight.of_themselves
            return sight.of_themselves == self._descriptors

        try:
            wait_for(as_ever, SOON_S, f"descriptors: {self._descriptors}")
        except TimeoutError as error:
            error.add_note(str(found))
            raise
        pools = found[0].pools
        assert pools.pop("hub") == 2 * found[0].shared.pools, found
        for seat in self._stage.seats:
            if isinstance(seat.role, Reader):
                assert pools[seat.name] <= found[0].shared.pools, (seat.name, found)

    def _look(self) -> Sight:
        """Descriptors while the one who asks the hub is connected: it is among the connections then."""

        async def look() -> Sight:
            async with _judge(self._where) as judge:
                stats = await judge.server_statistics()
                return Sight(stats, {seat.name: seat.descriptors for seat in self._stage.seats})

        return asyncio.run(look())

    def _shown(self) -> str:
        slate = self._stage.slate
        ran_out, cut_off, spilled = map(sum, zip(*self._hubs.values(), strict=True))
        return (
            f"{', '.join(f'{who} {count}' for who, count in sorted(self.killed.items()))}: "
            f"{slate.total(Column.SEEN)} pictures whole, {slate.total(Column.SEEN_SHARED)} of them shared, "
            f"{slate.total(Column.AGAIN)} looked at again, {slate.total(Column.LATE)} of these after 2 s; "
            f"{ran_out} leases ran out, {cut_off} readers cut off, {spilled} pictures spilled; "
            f"the hub had {self._hub_mib} MiB at most"
        )


def _is_pool(descriptor: str) -> bool:
    return "memfd:sightline" in descriptor


def _progress(seat: Seat) -> int:
    return seat.row[Column.SEEN_SHARED] + seat.row[Column.PUT_SHARED]


@contextlib.asynccontextmanager
async def _judge(where: Where) -> AsyncIterator[AsyncStreamClient]:
    client = AsyncStreamClient(unix_path=where.unix_path, sharing=None)
    await client.connect()
    try:
        yield client
    finally:
        await client.close()


def killing(folder: Path, port: int, kills: int, seed: int, say: Callable[[str], object]) -> Rounds:
    """So many kills; raises where something is wrong, at the end too."""
    dice, where = Random(seed), Where(str(folder / "hub"), port)
    names, shared, descriptors = _names(), shared_bytes(), _descriptors()
    with Stage(where, dice) as stage:
        rounds = Rounds(stage, where, dice, say)
        rounds.play(kills)
    assert _descriptors() == descriptors
    wait_for(lambda: _names() <= names, REST_S, f"no names in {_SHARED_MEMORY} but {names}")
    wait_for(
        lambda: shared_bytes() - shared <= SLACK_BYTES, REST_S, f"no more than {shared} bytes to be shared"
    )
    return rounds


def _names() -> set[str]:
    return {entry.name for entry in _SHARED_MEMORY.iterdir()}


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
