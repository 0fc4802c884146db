"""The table of claims and leases, against a model that looks everything up afresh each time."""

import time
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sightline.clock import NS_PER_S
from sightline.errors import ConfigError, WireError
from sightline.shm.leases import MOST_GENERATION, Leases
from sightline.shm.records import FEWEST_FREE

POOL, OTHER = b"p" * 16, b"q" * 16
LEASE_S = 2.0
LEASE_NS = 2 * NS_PER_S
READERS = ["ann", "bob"]


def table(slots: int = 4, **settings: int) -> Leases[str]:
    leases: Leases[str] = Leases(LEASE_S, **settings)
    leases.add_pool(POOL, slots)
    return leases


def taken(leases: Leases[str]) -> list[tuple[int, int]]:
    """What was freed since, as (slot, generation)."""
    freed = [(slot, generation) for _, slot, generation in leases.freed]
    leases.freed.clear()
    return freed


def test_a_slot_is_free_once_nobody_may_hand_it_on_or_looks_at_it() -> None:
    leases = table()
    leases.publish(POOL, 1, 0)
    assert leases.lease("ann", POOL, 1, 0)
    assert leases.lease("bob", POOL, 1, 0)
    leases.unclaim(POOL, 1)
    leases.release("ann", POOL, 1, 0)
    assert taken(leases) == []
    assert leases.free(POOL) == 3
    leases.release("bob", POOL, 1, 0)
    assert taken(leases) == [(1, 0)]
    assert leases.free(POOL) == 4


def test_a_slot_that_was_given_back_is_not_free_while_it_may_be_handed_on() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.release("ann", POOL, 0, 0)
    assert taken(leases) == []
    leases.unclaim(POOL, 0)
    assert taken(leases) == [(0, 0)]


def test_one_reader_gives_back_as_often_as_it_was_handed_a_slot() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.lease("ann", POOL, 0, 5)
    leases.unclaim(POOL, 0)
    leases.release("ann", POOL, 0, 0)
    assert taken(leases) == []
    leases.release("ann", POOL, 0, 0)
    assert taken(leases) == [(0, 0)]


def test_a_slot_that_one_reader_is_handed_again_runs_out_later() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.publish(POOL, 1, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.lease("ann", POOL, 1, 1)
    leases.lease("ann", POOL, 0, 2)
    assert leases.expire(LEASE_NS) == LEASE_NS + 1
    assert leases.expire(LEASE_NS + 1) == LEASE_NS + 2
    assert leases.stats().retired == 1
    assert leases.expire(LEASE_NS + 2) is None
    assert leases.stats().retired == 2


def test_a_second_release_frees_nothing_that_was_filled_again() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.unclaim(POOL, 0)
    leases.release("ann", POOL, 0, 0)
    leases.publish(POOL, 0, 1)
    leases.lease("ann", POOL, 0, 0)
    leases.unclaim(POOL, 0)
    leases.release("ann", POOL, 0, 0)
    assert taken(leases) == [(0, 0)]
    assert leases.stats().stray == 1
    leases.release("ann", POOL, 0, 1)
    assert taken(leases) == [(0, 1)]


def test_nobody_gives_back_for_somebody_else() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.unclaim(POOL, 0)
    leases.release("bob", POOL, 0, 0)
    assert taken(leases) == []
    assert leases.stats().stray == 1


def test_a_slot_whose_lease_ran_out_stays_as_it_is() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.unclaim(POOL, 0)
    assert leases.expire(LEASE_NS - 1) == LEASE_NS
    assert leases.expire(LEASE_NS) is None
    assert leases.expire(10**18) is None
    assert taken(leases) == []
    with pytest.raises(WireError, match="in use"):
        leases.publish(POOL, 0, 1)
    leases.release("ann", POOL, 0, 0)
    assert taken(leases) == [(0, 0)]
    assert (leases.stats().retired, leases.stats().ran_out) == (0, 1)


def test_who_keeps_too_many_is_cut_off_until_it_gave_all_of_them_back() -> None:
    leases = table(slots=5, most_retired=2)
    for slot in range(4):
        leases.publish(POOL, slot, 0)
    for slot in range(3):
        leases.lease("ann", POOL, slot, slot)
    leases.expire(LEASE_NS + 1)
    assert leases.cut == []
    assert leases.lease("ann", POOL, 3, LEASE_NS + 1)
    leases.expire(LEASE_NS + 2)
    assert leases.cut == ["ann"]
    assert not leases.lease("ann", POOL, 3, LEASE_NS + 2)
    assert leases.lease("bob", POOL, 3, LEASE_NS + 2)
    leases.release("ann", POOL, 0, 0)
    leases.release("ann", POOL, 1, 0)
    assert not leases.lease("ann", POOL, 3, LEASE_NS + 2)
    leases.release("ann", POOL, 2, 0)
    assert leases.restored == ["ann"]
    assert leases.lease("ann", POOL, 3, LEASE_NS + 2)
    assert (leases.stats().cut_off, leases.stats().refused) == (1, 2)


def test_a_reader_is_cut_off_once_however_much_more_runs_out() -> None:
    leases = table(most_retired=0)
    for slot in range(3):
        leases.publish(POOL, slot, 0)
        leases.lease("ann", POOL, slot, slot)
    for slot in range(3):
        leases.expire(LEASE_NS + slot)
    assert leases.cut == ["ann"]
    assert leases.stats().cut_off == 1


def test_a_reader_that_ends_loses_what_it_had_however_late_it_was() -> None:
    leases = table(most_retired=0)
    for slot in range(2):
        leases.publish(POOL, slot, 0)
        leases.lease("ann", POOL, slot, slot)
        leases.lease("ann", POOL, slot, slot)
        leases.unclaim(POOL, slot)
    leases.expire(LEASE_NS)
    assert leases.cut == ["ann"]
    leases.reader_gone("ann")
    assert sorted(taken(leases)) == [(0, 0), (1, 0)]
    assert leases.restored == []
    assert leases.expire(10**18) is None
    leases.reader_gone("ann")
    stats = leases.stats()
    assert (stats.lost, stats.open, stats.retired) == (4, 0, 0)
    leases.publish(POOL, 0, 1)
    assert leases.lease("ann", POOL, 0, 0), "another process may go by that name"


def test_a_drained_pool_goes_with_the_last_that_looks_at_it() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.publish(POOL, 1, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.drain(POOL)
    leases.drain(POOL)
    with pytest.raises(WireError, match="drained"):
        leases.publish(POOL, 2, 0)
    assert leases.lease("bob", POOL, 1, 0), "what is claimed may still be handed on"
    leases.unclaim(POOL, 0)
    leases.unclaim(POOL, 1)
    leases.release("bob", POOL, 1, 0)
    leases.expire(LEASE_NS)
    assert leases.gone == []
    leases.release("ann", POOL, 0, 0)
    assert leases.gone == [POOL]
    assert taken(leases) == [(1, 0), (0, 0)], "its writer still wants to know"
    leases.release("ann", POOL, 0, 0)
    leases.drain(POOL)
    assert leases.gone == [POOL]
    assert (leases.stats().pools, leases.free(POOL), leases.to_spill(POOL)) == (0, 0, [])


def test_an_idle_pool_is_gone_when_it_is_drained() -> None:
    leases = table()
    leases.drain(POOL)
    assert leases.gone == [POOL]


def test_the_oldest_claims_that_nobody_looks_at_are_spilled() -> None:
    leases = table(slots=5)
    for slot in (4, 3, 2):
        leases.publish(POOL, slot, 0)
    assert not leases.starved()
    assert not leases.to_spill(POOL)
    leases.publish(POOL, 1, 0)
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 3, 0)
    assert leases.starved() == [POOL]
    assert leases.to_spill(POOL) == [4, 2]
    leases.unclaim(POOL, 0)
    assert leases.to_spill(POOL) == [4]
    leases.release("ann", POOL, 3, 0)
    leases.unclaim(POOL, 4)
    assert not leases.starved()
    assert not leases.to_spill(POOL)


def test_a_slot_that_was_looked_at_keeps_its_age() -> None:
    leases = table(slots=3)
    for slot in range(3):
        leases.publish(POOL, slot, 0)
    leases.lease("ann", POOL, 0, 0)
    assert leases.to_spill(POOL) == [1, 2]
    leases.release("ann", POOL, 0, 0)
    assert leases.to_spill(POOL) == [0, 1]


def test_a_pool_is_not_starved_where_spilling_would_not_help() -> None:
    leases = table(slots=3)
    for slot in range(3):
        leases.publish(POOL, slot, 0)
        leases.lease("ann", POOL, slot, 0)
    assert leases.starved() == []
    leases.release("ann", POOL, 1, 0)
    assert leases.starved() == [POOL]
    assert leases.to_spill(POOL) == [1]


def test_a_drained_pool_is_emptied_one_by_one() -> None:
    leases = table(slots=8)
    for slot in range(3):
        leases.publish(POOL, slot, 0)
    leases.drain(POOL)
    for slot in range(3):
        assert leases.starved() == [POOL]
        assert leases.to_spill(POOL) == [slot]
        leases.unclaim(POOL, slot)
    assert leases.starved() == []
    assert leases.gone == [POOL]


@pytest.mark.parametrize(
    ("pool", "slot", "generation", "why"),
    [
        (OTHER, 0, 5, "made known"),
        (POOL, 4, 5, "below 4"),
        (POOL, -1, 5, "below 4"),
        (POOL, 1, 6, "in use"),
        (POOL, 2, 7, "in use"),
        (POOL, 0, 5, "above 5"),
        (POOL, 0, 4, "above 5"),
        (POOL, 3, -1, "above -1"),
        (POOL, 3, MOST_GENERATION + 1, "above -1"),
    ],
)
def test_a_token_that_cannot_be_is_refused(pool: bytes, slot: int, generation: int, why: str) -> None:
    leases = table()
    for number in range(3):
        leases.publish(POOL, number, 5)
    leases.lease("ann", POOL, 2, 0)
    leases.unclaim(POOL, 2)
    leases.unclaim(POOL, 0)
    before = leases.stats()
    with pytest.raises(WireError, match=why):
        leases.publish(pool, slot, generation)
    assert leases.stats() == before


@pytest.mark.parametrize(("slot", "generation"), [(4, 0), (-1, 0), (0, 6), (1, 0)])
def test_a_release_that_cannot_be_is_refused(slot: int, generation: int) -> None:
    leases = table()
    leases.publish(POOL, 0, 5)
    leases.lease("ann", POOL, 0, 0)
    before = leases.stats()
    with pytest.raises(WireError):
        leases.release("ann", POOL, slot, generation)
    assert leases.stats() == before


def test_what_is_not_claimed_is_not_handed_out() -> None:
    leases = table()
    leases.publish(POOL, 0, 0)
    leases.lease("ann", POOL, 0, 0)
    leases.unclaim(POOL, 0)
    for pool, slot in [(POOL, 0), (POOL, 1), (OTHER, 0)]:
        with pytest.raises(ValueError, match="claimed"):
            leases.lease("bob", pool, slot, 0)
        with pytest.raises(ValueError, match="claimed"):
            leases.unclaim(pool, slot)
    assert leases.stats().balanced


def test_a_pool_has_one_name() -> None:
    with pytest.raises(WireError, match="again"):
        table().add_pool(POOL, 3)


@pytest.mark.parametrize(("lease_s", "most_retired"), [(0, 8), (-1, 8), (float("inf"), 8), (2, -1)])
def test_settings_that_make_no_sense_are_refused(lease_s: float, most_retired: int) -> None:
    with pytest.raises(ConfigError):
        Leases(lease_s, most_retired)


def test_a_busy_loop_with_nothing_to_do_pays_next_to_nothing() -> None:
    """With the most that a machine has: no call grows with the pools, the readers or the leases."""
    busy: Leases[int] = Leases(LEASE_S)
    for pool in range(256):
        name = pool.to_bytes(16)
        busy.add_pool(name, 256)
        for slot in range(250):
            busy.publish(name, slot, 0)
            busy.lease(pool, name, slot, 0)
    assert per_call_s(busy) < 20 * per_call_s(Leases(LEASE_S)) + 20e-6


def per_call_s(leases: Leases[int]) -> float:
    """Seconds of the best of many tries at what a loop does in each turn."""
    best = float("inf")
    for _ in range(200):
        begun = time.perf_counter()
        leases.starved()
        leases.expire(1)
        best = min(best, time.perf_counter() - begun)
    return best


@dataclass
class Look:
    """What one reader has of one slot."""

    times: int = 0
    due_ns: int = 0
    retired: bool = False


@dataclass
class Block:
    """What is known of one pool. `claims` are slots, the oldest first."""

    last: list[int]
    drained: bool = False
    claims: list[int] = field(default_factory=list)


class AgainstAModel(RuleBasedStateMachine):
    """The table, beside plain lists in which everything is looked up afresh."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = self.most_retired = self.published = self.leased = 0
        self.blocks: dict[bytes, Block] = {}
        self.looks: dict[tuple[str, bytes, int], Look] = {}
        self.cut: set[str] = set()
        self.names = 0

    @initialize(most_retired=st.integers(0, 2))
    def begin(self, most_retired: int) -> None:
        self.most_retired = most_retired
        self.table: Leases[str] = Leases(LEASE_S, most_retired)

    def leased_slots(self, pool: bytes) -> set[int]:
        return {slot for _, where, slot in self.looks if where == pool}

    def in_use(self, pool: bytes) -> set[int]:
        return set(self.blocks[pool].claims) | self.leased_slots(pool)

    def vacant(self, pool: bytes) -> list[int]:
        return sorted(set(range(len(self.blocks[pool].last))) - self.in_use(pool))

    def fillable(self) -> list[tuple[bytes, int]]:
        pools = [pool for pool, block in self.blocks.items() if not block.drained]
        return [(pool, slot) for pool in pools for slot in self.vacant(pool)]

    def claims(self) -> list[tuple[bytes, int]]:
        return [(pool, slot) for pool, block in self.blocks.items() for slot in block.claims]

    def retired(self, reader: str) -> int:
        return sum(look.retired for (who, _, _), look in self.looks.items() if who == reader)

    def ended(self, *keys: tuple[str, bytes, int]) -> None:
        """These leases ended: what must the table have said?"""
        slots = {(pool, slot) for _, pool, slot in keys}
        for key in keys:
            del self.looks[key]
        self.expect_freed({(pool, slot) for pool, slot in slots if slot not in self.in_use(pool)})

    def expect_freed(self, slots: set[tuple[bytes, int]]) -> None:
        expected = sorted((pool, slot, self.blocks[pool].last[slot]) for pool, slot in slots)
        assert sorted(self.table.freed) == expected
        self.table.freed.clear()

    @precondition(lambda self: len(self.blocks) < 3)
    @rule(slots=st.integers(1, 4))
    def add(self, slots: int) -> None:
        pool = self.names.to_bytes(16)
        self.names += 1
        self.table.add_pool(pool, slots)
        self.blocks[pool] = Block([-1] * slots)
        with pytest.raises(WireError):
            self.table.add_pool(pool, slots)

    @precondition(lambda self: len(self.blocks) > 1)
    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        pool = data.draw(st.sampled_from(sorted(self.blocks)))
        self.table.drain(pool)
        self.blocks[pool].drained = True

    @precondition(lambda self: self.fillable())
    @rule(data=st.data(), step=st.integers(1, 3))
    def publish(self, data: st.DataObject, step: int) -> None:
        pool, slot = data.draw(st.sampled_from(self.fillable()))
        block = self.blocks[pool]
        block.last[slot] += step
        self.table.publish(pool, slot, block.last[slot])
        block.claims.append(slot)
        self.published += 1

    @precondition(lambda self: self.claims())
    @rule(data=st.data())
    def unclaim(self, data: st.DataObject) -> None:
        pool, slot = data.draw(st.sampled_from(self.claims()))
        self.table.unclaim(pool, slot)
        self.blocks[pool].claims.remove(slot)
        self.expect_freed({(pool, slot)} if slot not in self.in_use(pool) else set())

    @precondition(lambda self: self.claims())
    @rule(data=st.data(), reader=st.sampled_from(READERS))
    def lease(self, data: st.DataObject, reader: str) -> None:
        for pool, slot in data.draw(st.lists(st.sampled_from(self.claims()), min_size=1, max_size=4)):
            assert self.table.lease(reader, pool, slot, self.now_ns) == (reader not in self.cut)
            if reader not in self.cut:
                look = self.looks.setdefault((reader, pool, slot), Look())
                look.times += 1
                look.due_ns = self.now_ns + LEASE_NS
                self.leased += 1

    @precondition(lambda self: self.looks)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        reader, pool, slot = key = data.draw(st.sampled_from(sorted(self.looks)))
        self.table.release(reader, pool, slot, self.blocks[pool].last[slot])
        self.looks[key].times -= 1
        if not self.looks[key].times:
            self.ended(key)

    @precondition(lambda self: self.looks)
    @rule(data=st.data(), step=st.sampled_from([-2, -1, 1]))
    def release_another_generation(self, data: st.DataObject, step: int) -> None:
        reader, pool, slot = data.draw(st.sampled_from(sorted(self.looks)))
        self.release_in_vain(reader, pool, slot, self.blocks[pool].last[slot] + step, never=step > 0)

    @rule(reader=st.sampled_from(READERS), pool=st.integers(0, 3), slot=st.integers(0, 4))
    def release_what_it_has_not(self, reader: str, pool: int, slot: int) -> None:
        name = pool.to_bytes(16)
        last = self.blocks[name].last if name in self.blocks else None
        if last is None or slot >= len(last):
            self.release_in_vain(reader, name, slot, 0, never=last is not None)
        elif (reader, name, slot) not in self.looks:
            self.release_in_vain(reader, name, slot, last[slot], never=False)

    def release_in_vain(self, reader: str, pool: bytes, slot: int, generation: int, *, never: bool) -> None:
        """`never`: it cannot ever have had that."""
        stray = self.table.stats().stray
        with pytest.raises(WireError) if never else nullcontext():
            self.table.release(reader, pool, slot, generation)
        assert self.table.stats().stray == stray + (not never)

    @rule(reader=st.sampled_from(READERS))
    def reader_gone(self, reader: str) -> None:
        self.cut.discard(reader)
        self.table.reader_gone(reader)
        self.ended(*[key for key in self.looks if key[0] == reader])

    @rule(step_ns=st.sampled_from([0, 1, LEASE_NS // 2, LEASE_NS - 1, LEASE_NS]))
    def expire(self, step_ns: int) -> None:
        self.now_ns += step_ns
        due_ns = self.table.expire(self.now_ns)
        for look in self.looks.values():
            look.retired = look.retired or look.due_ns <= self.now_ns
        cut = {reader for reader in READERS if self.retired(reader) > self.most_retired} - self.cut
        self.cut |= cut
        assert sorted(self.table.cut) == sorted(cut)
        self.table.cut.clear()
        assert due_ns == min((look.due_ns for look in self.looks.values() if not look.retired), default=None)

    @rule()
    def relieve(self) -> None:
        for pool in self.table.starved():
            block = self.blocks[pool]
            spilled = self.table.to_spill(pool)
            for slot in spilled:
                self.table.unclaim(pool, slot)
                block.claims.remove(slot)
            self.expect_freed({(pool, slot) for slot in spilled})
            idle = set(block.claims) - self.leased_slots(pool)
            assert block.drained or not idle or len(self.vacant(pool)) >= FEWEST_FREE

    @invariant()
    def model_and_table_agree(self) -> None:
        if hasattr(self, "table"):
            self.what_is_drained_and_unused_is_gone()
            self.who_gave_all_back_is_restored()
            self.claims_are_spilled_in_their_order()
            self.what_may_not_be_published_is_refused()
            self.all_adds_up()

    def what_is_drained_and_unused_is_gone(self) -> None:
        gone = [pool for pool, block in self.blocks.items() if block.drained and not self.in_use(pool)]
        assert sorted(self.table.gone) == sorted(gone)
        self.table.gone.clear()
        for pool in gone:
            del self.blocks[pool]

    def who_gave_all_back_is_restored(self) -> None:
        restored = {reader for reader in self.cut if not self.retired(reader)}
        assert sorted(self.table.restored) == sorted(restored)
        self.table.restored.clear()
        self.cut -= restored

    def claims_are_spilled_in_their_order(self) -> None:
        for pool, block in self.blocks.items():
            idle = [slot for slot in block.claims if slot not in self.leased_slots(pool)]
            short = 1 if block.drained else max(0, FEWEST_FREE - len(self.vacant(pool)))
            assert self.table.to_spill(pool) == idle[:short]
            assert self.table.free(pool) == len(self.vacant(pool))
        assert sorted(self.table.starved()) == sorted(
            pool for pool in self.blocks if self.table.to_spill(pool)
        )

    def what_may_not_be_published_is_refused(self) -> None:
        for pool, block in self.blocks.items():
            for slot, last in [*enumerate(block.last), (len(block.last), 0)]:
                fillable = (pool, slot) in self.fillable()
                for generation in [last] if fillable else [last, last + 1]:
                    with pytest.raises(WireError):
                        self.table.publish(pool, slot, generation)

    def all_adds_up(self) -> None:
        stats = self.table.stats()
        assert stats.balanced
        assert stats.published == self.published
        assert stats.leased == self.leased
        assert stats.held == sum(len(self.in_use(pool)) for pool in self.blocks)
        assert stats.open == sum(look.times for look in self.looks.values())
        assert stats.retired == sum(map(self.retired, READERS))
        for reader in READERS:
            assert self.table.held(reader) == sum(who == reader for who, _, _ in self.looks)
        assert (stats.pools, stats.slots) == (
            len(self.blocks),
            sum(len(b.last) for b in self.blocks.values()),
        )

    def teardown(self) -> None:
        """Nothing is left behind once all have gone."""
        for reader in READERS:
            self.reader_gone(reader)
        for pool, slot in self.claims():
            self.table.unclaim(pool, slot)
        for pool in list(self.blocks):
            self.table.drain(pool)
        stats = self.table.stats()
        assert (stats.pools, stats.held, stats.open, stats.retired) == (0, 0, 0, 0)
        assert not self.table._holders
        assert not self.table._starved
        assert not self.table._due


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
