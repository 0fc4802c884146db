"""The table of grants, as what peers say is read from their sockets in any order, and any of them dies."""

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sightline.errors import WireError
from sightline.shm.grants import Grants, Place

POOL = b"p" * 16
PLACE = (POOL, 0, 0)


def table(*peers: str) -> Grants[str]:
    grants: Grants[str] = Grants()
    for peer in peers:
        grants.join(peer)
    grants.add_pool("ann", POOL)
    return grants


def freed(grants: Grants[str]) -> list[Place]:
    places = [place for _, place in grants.freed]
    grants.freed.clear()
    return places


def test_a_slot_is_free_once_all_who_were_granted_it_have_released_it() -> None:
    grants = table("ann", "bob")
    grants.claim("ann", [PLACE])
    grants.grant("ann", [PLACE], "bob")
    grants.release("ann", [PLACE])
    assert freed(grants) == []
    grants.release("bob", [PLACE])
    assert freed(grants) == [PLACE]
    assert grants.stats().balanced


def test_a_release_that_is_read_before_its_grant_frees_nothing_too_early() -> None:
    grants = table("ann", "bob")
    grants.claim("ann", [PLACE])
    grants.release("bob", [PLACE])
    assert grants.stats().open == 0
    assert freed(grants) == []
    grants.grant("ann", [PLACE], "bob")
    assert freed(grants) == []
    grants.release("ann", [PLACE])
    assert freed(grants) == [PLACE]


def test_whoever_handed_a_slot_on_and_died_does_not_take_it_from_the_next() -> None:
    grants = table("ann", "bob", "cas")
    grants.claim("ann", [PLACE])
    grants.grant("ann", [PLACE], "bob")
    grants.release("ann", [PLACE])
    grants.grant("bob", [PLACE], "cas")
    grants.left("bob")
    grants.arrived("cas", "bob", 1, over=True)
    assert freed(grants) == []
    grants.release("cas", [PLACE])
    assert freed(grants) == [PLACE]


@pytest.mark.parametrize("told_first", [True, False])
def test_what_was_granted_and_never_sent_comes_back(told_first: bool) -> None:
    grants = table("ann", "bob", "cas")
    places = [(POOL, number, 0) for number in range(3)]
    grants.claim("ann", places)
    grants.grant("ann", places, "bob")
    grants.release("ann", places)
    grants.grant("bob", places, "cas")
    if told_first:
        grants.arrived("cas", "bob", 2, over=True)
        assert freed(grants) == []
        grants.left("bob")
    else:
        grants.left("bob")
        assert freed(grants) == []
        grants.arrived("cas", "bob", 2, over=True)
    assert freed(grants) == places[2:]
    assert grants.stats().balanced


def test_what_is_granted_to_the_dead_is_void() -> None:
    grants = table("ann", "bob")
    grants.claim("ann", [PLACE])
    grants.left("bob")
    grants.grant("ann", [PLACE], "bob")
    grants.release("ann", [PLACE])
    assert freed(grants) == [PLACE]
    assert grants.stats().void == 1


def test_a_pool_whose_writer_is_gone_stays_until_nobody_looks_at_it() -> None:
    grants = table("ann", "bob")
    grants.claim("ann", [PLACE])
    grants.grant("ann", [PLACE], "bob")
    grants.left("ann")
    assert grants.gone == []
    grants.arrived("bob", "ann", 1, over=True)
    assert grants.gone == []
    grants.release("bob", [PLACE])
    assert grants.gone == [POOL]
    assert freed(grants) == [], "nobody is there to fill it"


def test_nobody_claims_a_slot_of_another() -> None:
    grants = table("ann", "bob")
    with pytest.raises(WireError, match="of its own"):
        grants.claim("bob", [PLACE])
    with pytest.raises(WireError, match="a new pool"):
        grants.add_pool("bob", POOL)


def test_memory_of_the_table_does_not_grow_with_what_was_handed_on() -> None:
    grants = table("ann", "bob")
    for generation in range(5000):
        place = (POOL, 0, generation)
        grants.claim("ann", [place])
        grants.grant("ann", [place], "bob")
        grants.release("ann", [place])
        grants.release("bob", [place])
        if generation % 100 == 99:
            grants.arrived("bob", "ann", generation + 1)
    assert len(freed(grants)) == 5000
    assert not grants._slots
    assert sum(len(way.under_way) for way in grants._ways.values()) == 0


class Pipe(RuleBasedStateMachine):
    """Three flows at a time that hand slots on. The table hears of it late; the model knows it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.grants: Grants[int] = Grants()
        self.said: dict[int, deque[tuple[Callable[..., Any], tuple[Any, ...]]]] = {}
        self.alive: list[int] = []
        self.looks: dict[int, Counter[Place]] = {}
        self.under_way: dict[tuple[int, int], deque[Place]] = {}
        self.got: Counter[tuple[int, int]] = Counter()
        self.over: set[tuple[int, int]] = set()
        self.published = self.freed = 0
        self.writer: dict[Place, int] = {}
        for _ in range(3):
            self.begin()

    def begin(self) -> None:
        peer = len(self.said)
        self.said[peer] = deque()
        self.alive.append(peer)
        self.looks[peer] = Counter()
        self.grants.join(peer)
        self.say(peer, self.grants.add_pool, peer, pool_of(peer))

    def say(self, peer: int, what: Callable[..., Any], *arguments: Any) -> None:
        self.said[peer].append((what, arguments))

    def holders(self) -> list[tuple[int, Place]]:
        return [(peer, place) for peer in self.alive for place in self.looks[peer]]

    @rule(which=st.integers(0, 2))
    def publish(self, which: int) -> None:
        peer = self.alive[which]
        place = (pool_of(peer), 0, self.published)
        self.published += 1
        self.writer[place] = peer
        self.looks[peer][place] += 1
        self.say(peer, self.grants.claim, peer, [place])

    @precondition(lambda self: self.holders())
    @rule(data=st.data(), to=st.integers(0, 2), dies=st.sampled_from([False] * 5 + [True]))
    def hand_on(self, data: st.DataObject, to: int, dies: bool) -> None:
        giver, place = data.draw(st.sampled_from(self.holders()))
        taker = self.alive[to]
        if taker == giver:
            return
        self.say(giver, self.grants.grant, giver, [place], taker)
        if dies:
            self.die(self.alive.index(giver))
        else:
            self.under_way.setdefault((giver, taker), deque()).append(place)

    @precondition(lambda self: any(self.under_way.values()))
    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        way = data.draw(st.sampled_from([way for way, tokens in self.under_way.items() if tokens]))
        self.take(way)

    def take(self, way: tuple[int, int]) -> None:
        self.looks[way[1]][self.under_way[way].popleft()] += 1
        self.got[way] += 1

    @precondition(lambda self: self.holders())
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.let_go(*data.draw(st.sampled_from(self.holders())))

    def let_go(self, peer: int, place: Place) -> None:
        self.looks[peer] -= Counter([place])
        self.say(peer, self.grants.release, peer, [place])

    @rule(which=st.integers(0, 2))
    def die(self, which: int) -> None:
        peer = self.alive.pop(which)
        self.looks[peer].clear()
        self.say(peer, self.grants.left, peer)
        for way in [way for way in self.under_way if way[1] == peer]:
            del self.under_way[way]
        self.begin()

    @precondition(lambda self: any(self.got.values()))
    @rule(data=st.data())
    def tell_how_much_came(self, data: st.DataObject) -> None:
        giver, taker = data.draw(st.sampled_from(sorted(self.got)))
        if taker in self.alive:
            self.say(taker, self.grants.arrived, taker, giver, self.got[giver, taker])

    @rule(data=st.data())
    def see_the_end_of_a_way(self, data: st.DataObject) -> None:
        ended = self.ended()
        if ended:
            self.tell_the_end(*data.draw(st.sampled_from(ended)))

    def ended(self) -> list[tuple[int, int]]:
        dead = [peer for peer in self.said if peer not in self.alive]
        ways = [(giver, taker) for giver in dead for taker in self.alive]
        return [way for way in ways if way not in self.over and not self.under_way.get(way)]

    def tell_the_end(self, giver: int, taker: int) -> None:
        self.over.add((giver, taker))
        arrived = partial(self.grants.arrived, over=True)
        self.say(taker, arrived, taker, giver, self.got[giver, taker])

    @precondition(lambda self: any(self.said.values()))
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        self.hear_of(data.draw(st.sampled_from([peer for peer, said in self.said.items() if said])))

    def hear_of(self, peer: int) -> None:
        what, arguments = self.said[peer].popleft()
        what(*arguments)
        for writer, place in self.grants.freed:
            self.freed += 1
            assert self.writer[place] == writer
            assert not self.looked_at(place), f"{place} was freed while somebody may look"
        self.grants.freed.clear()
        for pool in self.grants.gone:
            mine = [place for place in self.writer if place[0] == pool]
            assert not any(self.looked_at(place) for place in mine), "a pool is gone while somebody may look"
        self.grants.gone.clear()

    def looked_at(self, place: Place) -> bool:
        looked = any(self.looks[peer][place] > 0 for peer in self.alive)
        return looked or any(place in tokens for tokens in self.under_way.values())

    @invariant()
    def the_counts_add_up(self) -> None:
        assert self.grants.stats().balanced

    def teardown(self) -> None:
        for way, tokens in self.under_way.items():
            while tokens:
                self.take(way)
        for way in self.ended():
            self.tell_the_end(*way)
        for peer, place in self.holders():
            while self.looks[peer][place] > 0:
                self.let_go(peer, place)
        for peer, said in self.said.items():
            while said:
                self.hear_of(peer)
        stats = self.grants.stats()
        assert (stats.held, stats.open) == (0, 0), "a slot did not come back"
        assert stats.freed == self.published
        assert stats.pools == len(self.alive)


def pool_of(peer: int) -> bytes:
    return peer.to_bytes(16, "big")


TestPipe = Pipe.TestCase
TestPipe.settings = settings(max_examples=150, stateful_step_count=60)
