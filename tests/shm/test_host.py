"""A host of shared memory: what it takes, whom it hands it on to, and when it says that a slot is free."""

import ctypes
import fcntl
import gc
import os
import random
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import WaitFor
from tests.shm.both_ends import maps, pattern
from tests.shm.company import SLOT_BYTES, SLOTS, Company, Member, Shop, refusals
from tools.services.waiting import wait_for

from sightline.clock import NS_PER_S
from sightline.errors import Closed, SharingError, WireError
from sightline.shm.held import Held
from sightline.shm.host import POOL_DESCRIPTORS, SPILL_NS, HostLimits
from sightline.shm.messages import Drain, Freed, Gone, Join, Pool, Ready, Refused, Released
from sightline.shm.segment import SEALS, Segment, can_seal
from sightline.shm.token import Token

S = 1_000_000_000


@pytest.fixture
def company(wait_for: WaitFor) -> Iterator[Company]:
    before = maps(), fds()
    with Company() as company:
        yield company
    wait_for(lambda: (maps(), fds()) == before, 10, "nothing to be left")


def fds() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def bytes_of(number: int, size: int = SLOT_BYTES) -> bytes:
    return pattern(number, size).tobytes()


def test_a_reader_is_told_of_a_pool_once_and_gets_tokens_when_it_is_ready(company: Company) -> None:
    writer, shop = company.writer()
    assert writer.of(Ready) == [Ready(pool=shop.said.pool)]
    reader = company.join()
    for number in range(3):
        token = shop.token(number, size=1000 + number)
        held = company.host.claim(writer.peer, token)
        assert held.size == 1000 + number
        if not number:
            company.ready(reader, held)
        assert company.token(reader, held) == token
        assert reader.shows(token, number)
        del held
        company.settle()
    assert len(reader.of(Pool)) == 1
    assert shop.free == set(range(SLOTS))
    stats = company.host.stats()
    assert (stats.tokens, stats.peers, stats.pools) == (3, 2, 1)
    assert stats.pool_bytes == SLOTS * SLOT_BYTES
    assert stats.bytes_instead["not_ready"] == 1
    assert stats.leases.balanced


def test_no_memory_is_taken_by_looking_for_what_was_never_written(company: Company) -> None:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 2 * SLOT_BYTES)
    os.pwrite(fd, bytes_of(1), SLOT_BYTES)
    keep_size = 1
    assert not ctypes.CDLL(None).fallocate(
        fd, keep_size, ctypes.c_long(2 * SLOT_BYTES), ctypes.c_long(2 * SLOT_BYTES)
    )
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    writer, said = company.join(), Pool(pool=b"h" * 16, slots=2, slot_bytes=SLOT_BYTES)
    writer.side.send(said, fd)
    company.settle()
    assert writer.of(Ready)
    taken = os.fstat(fd).st_blocks
    hole, filled = (
        company.host.claim(writer.peer, Token(said.pool, slot, 0, SLOT_BYTES, 0)) for slot in (0, 1)
    )
    assert hole.copy() == bytes(SLOT_BYTES)
    assert filled.copy() == bytes_of(1)
    assert os.fstat(fd).st_blocks == taken
    os.close(fd)


def test_a_slot_is_free_when_neither_hub_nor_reader_has_it(company: Company) -> None:
    writer, shop = company.writer()
    readers = [company.join(), company.join()]
    held = company.host.claim(writer.peer, shop.token(7))
    views = []
    for reader in readers:
        company.ready(reader, held)
        token = company.token(reader, held)
        assert isinstance(token, Token)
        views.append(reader.attached.open(token))
    views.pop()
    company.settle()
    assert 0 not in shop.free
    del held
    company.settle()
    assert 0 not in shop.free
    assert views.pop().tobytes() == bytes_of(7)
    company.settle()
    assert 0 in shop.free


def test_what_nobody_was_handed_is_free_again_in_whichever_thread_its_end_comes(company: Company) -> None:
    writer, shop = company.writer()
    held = [company.host.claim(writer.peer, shop.token(1)) for _ in range(SLOTS)]
    with pytest.raises(WireError, match="in use"):
        company.host.claim(writer.peer, Token(shop.said.pool, 0, 9, 10, 0))
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    company.settle()
    assert len(shop.free) == SLOTS
    assert sum(len(message.slots) for message in writer.heard if isinstance(message, Freed)) == SLOTS
    assert len(writer.of(Freed)) == 1  # together


@pytest.mark.parametrize(
    "change",
    [
        {"pool": b"?" * 16},
        {"slot": SLOTS},
        {"slot": 2**31},
        {"generation": 0},
        {"generation": 2**63},
        {"size": 0},
        {"size": SLOT_BYTES + 1},
        {"size": 2**63},
    ],
)
def test_a_token_that_stands_for_nothing_is_refused(company: Company, change: dict[str, int]) -> None:
    writer, shop = company.writer()
    company.host.claim(writer.peer, shop.token(1, slot=0))
    company.settle()
    good = Token(shop.said.pool, 0, 1, SLOT_BYTES, 0)
    with pytest.raises(WireError):
        company.host.claim(writer.peer, good._replace(**change))  # type: ignore[arg-type]
    assert company.host.claim(writer.peer, good).copy() == bytes_of(1)


def test_a_token_counts_only_from_the_peer_whose_pool_it_is(company: Company) -> None:
    writer, shop = company.writer()
    reader, _ = company.writer()
    held = company.host.claim(writer.peer, shop.token(1))
    company.ready(reader, held)
    token = shop.token(2)
    for thief in (reader.peer, None):
        with pytest.raises(WireError, match="its sender's"):
            company.host.claim(thief, token)
    assert company.host.claim(writer.peer, token).copy() == bytes_of(2)


def test_a_client_reads_what_it_writes_itself(company: Company) -> None:
    writer, shop = company.writer()
    held = company.host.claim(writer.peer, shop.token(3))
    company.ready(writer, held)
    token = company.token(writer, held)
    assert isinstance(token, Token)
    assert writer.shows(token, 3)
    del held
    company.settle()
    assert len(shop.free) == SLOTS


def a_pipe() -> int:
    ours, other = os.pipe()
    os.close(other)
    return ours


def a_file() -> int:
    return os.open(__file__, os.O_RDONLY)


def a_folder() -> int:
    return os.open("/", os.O_RDONLY)


def a_device() -> int:
    return os.open("/dev/zero", os.O_RDONLY)


def memory_without_seals() -> int:
    fd = os.memfd_create("test")
    os.truncate(fd, SLOTS * SLOT_BYTES)
    return fd


def memory_half_as_large() -> int:
    segment = Segment.create(SLOTS * SLOT_BYTES // 2)
    fd = os.dup(segment.fd)
    segment.close()
    return fd


@pytest.mark.parametrize(
    "make", [a_pipe, a_file, a_folder, a_device, memory_without_seals, memory_half_as_large]
)
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.skipif(not can_seal(), reason="memory of this system has no seals")
def test_what_is_no_pool_is_refused_and_its_peer_goes_on(
    company: Company, make: Callable[[], int], *, sealed: bool
) -> None:
    writer, shop = company.writer()
    before = fds()
    fd = make()
    name = b"x" * 16
    writer.side.send(Pool(pool=name, slots=SLOTS, slot_bytes=SLOT_BYTES, sealed=sealed), fd)
    os.close(fd)
    company.settle()
    assert len(refusals(writer)) == 1
    assert writer.of(Refused)[0].pool == name  # type: ignore[union-attr]
    wait_for(lambda: fds() == before, 10, "descriptors to be closed")
    with pytest.raises(WireError):
        company.host.claim(writer.peer, Token(name, 0, 0, 1, 0))
    assert company.host.claim(writer.peer, shop.token(1)).copy() == bytes_of(1)
    assert company.host.stats().refused_pools == 1


@pytest.fixture
def small_company(no_leaks: None) -> Iterator[Company]:
    limits = HostLimits(
        peers=2, pools=3, pools_of_peer=2, pool_bytes=SLOTS * SLOT_BYTES, lease_s=1, most_retired=1
    )
    with Company(limits) as company:
        yield company


def test_pools_have_bounds(small_company: Company) -> None:
    company = small_company
    first, second = company.join(), company.join()
    with pytest.raises(SharingError, match="at most 2 processes"):
        company.join()
    shops = [first.shop() for _ in range(50)]
    company.settle()
    assert len(first.of(Ready)) == 2
    assert len(refusals(first)) == 48
    before = fds()
    second.shop(SLOTS + 1)
    shops += [second.shop(), second.shop()]
    company.settle()
    assert len(second.of(Ready)) == 1
    assert len(refusals(second)) == 2
    # what the writer has, and what the host keeps
    wait_for(lambda: fds() == before + 3 * 2 + POOL_DESCRIPTORS, 10, "descriptors to be closed")

    for shop in shops[:2]:
        first.side.send(Drain(pool=shop.said.pool))
    first.shop()
    company.settle()
    assert len(first.of(Ready)) == 3


def test_pools_leave_most_descriptors_to_others(no_leaks: None) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        with Company() as company:
            writer = company.join()
            for _ in range(15):
                writer.shop(1)
            company.settle()
            assert len(writer.of(Ready)) == 100 // 4 // POOL_DESCRIPTORS
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_name_of_a_pool_cannot_be_taken_by_another(company: Company) -> None:
    writer, shop = company.writer()
    thief, _ = company.writer()
    other = Shop()
    thief.side.send(Pool(pool=shop.said.pool, slots=SLOTS, slot_bytes=SLOT_BYTES), other.segment.fd)
    company.settle()
    assert len(refusals(thief)) == 1
    thief.side.send(Drain(pool=shop.said.pool))
    thief.side.send(Ready(pool=shop.said.pool))
    company.settle()
    held = company.host.claim(writer.peer, shop.token(5))
    assert held.copy() == bytes_of(5)
    assert company.token(thief, held) == "not_ready"
    other.segment.close()


def test_a_pool_whose_descriptor_did_not_come_is_refused(company: Company) -> None:
    writer = company.join()
    writer.side.send(Pool(pool=b"x" * 16, slots=1, slot_bytes=1))
    company.settle()
    assert len(refusals(writer)) == 1


@pytest.mark.parametrize(
    "message",
    [Join(secret=b"s" * 32), Freed(slots=[]), Gone(pool=b"x" * 16), Released(slots=[(b"", 300, 0)])],
)
def test_what_a_peer_may_not_say_is_told(company: Company, message: Join | Freed | Gone | Released) -> None:
    writer, shop = company.writer()
    if isinstance(message, Released):
        message = Released(slots=[(shop.said.pool, SLOTS, 0)])
    with pytest.raises(WireError):
        company.host.received(writer.peer, message, None)


def test_what_is_released_without_a_lease_changes_nothing(company: Company) -> None:
    writer, shop = company.writer()
    reader, stranger = company.join(), company.join()
    held = company.host.claim(writer.peer, shop.token(1))
    company.ready(reader, held)
    token = company.token(reader, held)
    assert isinstance(token, Token)
    del held
    for liar in (stranger, writer):
        liar.side.send(Released(slots=[token[:3]]))
        liar.side.send(Released(slots=[(b"?" * 16, 1, 1)]))
    company.settle()
    assert 0 not in shop.free
    assert company.host.stats().leases.stray == 4
    assert reader.shows(token, 1)
    company.settle()
    assert 0 in shop.free


def test_the_end_of_a_reader_ends_its_leases_and_no_others(company: Company) -> None:
    writer, shop = company.writer()
    readers = [company.join(), company.join()]
    for number in range(2):
        held = company.host.claim(writer.peer, shop.token(number))
        for reader in readers[: 2 - number]:
            if not reader.of(Pool):
                company.ready(reader, held)
            assert isinstance(company.token(reader, held), Token)
        del held
    company.settle()
    assert shop.free == {2}
    readers[0].side.close()
    company.settle()
    assert shop.free == {1, 2}
    assert company.host.stats().leases.lost == 2
    readers[1].side.close()
    company.settle()
    assert shop.free == {0, 1, 2}
    assert company.host.stats().peers == 1


def test_the_end_of_a_writer_leaves_what_others_look_at(company: Company) -> None:
    writer, shop = company.writer()
    reader = company.join()
    first, second = (company.host.claim(writer.peer, shop.token(number)) for number in range(2))
    company.ready(reader, first)
    token = company.token(reader, first)
    assert isinstance(token, Token)
    view = reader.attached.open(token)
    writer.close()
    company.settle()
    del first
    assert view.tobytes() == bytes_of(0)
    # What still waits in the hub can also be handed on.
    token = company.token(reader, second)
    assert isinstance(token, Token)
    assert reader.shows(token, 1)
    assert second.copy() == bytes_of(1)
    del second
    company.settle()
    assert company.host.stats().pools == 1
    assert not reader.of(Gone)
    view.release()
    del view
    gc.collect()
    company.settle()
    assert reader.of(Gone) == [Gone(pool=shop.said.pool)]
    assert company.host.stats().pools == 0


def test_a_pool_that_is_drained_goes_once_nobody_has_any_of_it(company: Company) -> None:
    writer, shop = company.writer()
    reader, other = company.join(), company.join()
    held = company.host.claim(writer.peer, shop.token(1))
    company.ready(reader, held)
    writer.side.send(Drain(pool=shop.said.pool))
    company.settle()
    with pytest.raises(WireError, match="drained"):
        company.host.claim(writer.peer, shop.token(2))
    token = company.token(reader, held)
    assert isinstance(token, Token)
    assert reader.shows(token, 1)
    del held
    company.settle()
    assert company.host.stats().pools == 0
    assert len(reader.of(Gone)) == 1
    assert not other.of(Gone)
    # An answer that was under way.
    reader.side.send(Ready(pool=shop.said.pool))
    company.settle()


def test_who_retired_keeps_what_it_looks_at_and_gets_nothing_more(company: Company) -> None:
    writer, shop = company.writer()
    reader = company.join()
    held = company.host.claim(writer.peer, shop.token(1))
    company.ready(reader, held)
    token = company.token(reader, held)
    assert isinstance(token, Token)
    view = reader.attached.open(token)
    company.host.retire(reader.peer)
    company.host.retire(writer.peer)
    assert company.token(reader, held) == "away"
    del held
    company.settle()
    assert 0 not in shop.free
    assert view.tobytes() == bytes_of(1)
    assert company.host.stats().pools == 1
    del view
    company.settle()
    assert 0 not in shop.free  # it fills none any more, so it is told of none
    assert company.host.stats().pools == 0
    writer.shop()  # that was under way
    company.settle()
    assert company.host.stats().pools == 0


def test_who_does_not_share_or_refuses_gets_bytes_copied_once(company: Company) -> None:
    writer, shop = company.writer()
    reader = company.join()
    reader.answers = False
    held = company.host.claim(writer.peer, shop.token(1))
    company.ready(reader, held)
    assert company.token(reader, held) == "not_ready"
    reader.side.send(Refused(pool=shop.said.pool, reason="no memory"))
    reader.side.send(Ready(pool=shop.said.pool))  # too late
    company.settle()
    assert company.token(reader, held) == "refused"
    assert held.token_for(None, 0) == "away"
    assert held.copy() == bytes_of(1)
    assert held.copy() is held.copy()
    stats = company.host.stats()
    assert stats.bytes_instead == {"away": 1, "not_ready": 2, "refused": 1, "cut_off": 0, "spilled": 0}
    assert (stats.copied, stats.copied_bytes, stats.spilled) == (1, SLOT_BYTES, 0)


def test_a_reader_that_does_not_read_is_told_of_no_pool(company: Company) -> None:
    writer, shop = company.writer()
    reader = company.join()
    while not reader.of_host.unsent:
        reader.of_host.send(Gone(pool=b"x" * 16))
    held = company.host.claim(writer.peer, shop.token(1))
    for _ in range(100):
        assert company.token(reader, held) == "not_ready"
    assert reader.of_host.unsent == 1
    while reader.of_host.unsent or len(reader.heard) % 64:
        reader.hear()
        company.host.tick(0)
    company.settle()
    company.ready(reader, held)
    assert isinstance(company.token(reader, held), Token)


def test_what_waits_in_the_hub_is_copied_out_where_slots_are_scarce(company: Company) -> None:
    writer, shop = company.writer()
    reader = company.join()
    held = [company.host.claim(writer.peer, shop.token(0))]
    company.ready(reader, held[0])
    token = company.token(reader, held[0])  # looked at: copying it out would free nothing
    held += [company.host.claim(writer.peer, shop.token(number)) for number in (1, 2)]
    company.host.relieve()
    company.settle()
    assert shop.free == {1, 2}
    assert isinstance(token, Token)
    assert reader.shows(token, 0)
    assert [company.token(reader, one) for one in held[1:]] == ["spilled", "spilled"]
    shop.token(98), shop.token(99)
    assert [one.copy() for one in held] == [bytes_of(number) for number in range(3)]
    stats = company.host.stats()
    assert (stats.spilled, stats.spilled_bytes, stats.copied) == (2, 2 * SLOT_BYTES, 3)
    held.clear()
    company.settle()
    assert 0 in shop.free
    assert company.host.stats().leases.balanced


def test_what_a_reader_is_about_to_take_is_not_copied_out(company: Company) -> None:
    writer, shop = company.writer()
    company.host.tick(NS_PER_S)
    held = [company.host.claim(writer.peer, shop.token(number)) for number in range(3)]
    company.host.relieve(NS_PER_S + SPILL_NS - 1)
    assert company.host.stats().spilled == 0
    company.host.relieve(NS_PER_S + SPILL_NS)
    company.settle()
    assert company.host.stats().spilled == 2
    assert shop.free == {0, 1}
    assert [one.size for one in held] == [SLOT_BYTES] * 3


def test_slots_that_are_not_scarce_are_not_copied(company: Company) -> None:
    writer, shop = company.writer(4)
    held = [company.host.claim(writer.peer, shop.token(number)) for number in range(2)]
    company.host.relieve()
    assert company.host.stats().copied == 0
    held.append(company.host.claim(writer.peer, shop.token(3)))
    company.host.relieve()
    company.settle()
    assert shop.free == {0, 3}  # the oldest
    assert held[0].copy() == bytes_of(0)


def test_a_reader_that_keeps_too_much_gets_bytes_until_it_gave_all_back(small_company: Company) -> None:
    company = small_company
    writer, shop = company.writer()
    reader = company.join()
    views = []
    for number in range(2):
        held = company.host.claim(writer.peer, shop.token(number))
        if not number:
            company.ready(reader, held)
        token = company.token(reader, held)
        assert isinstance(token, Token)
        views.append(reader.attached.open(token))
    company.host.tick(S - 1)
    held = company.host.claim(writer.peer, shop.token(2))
    token = company.token(reader, held)
    assert isinstance(token, Token)
    assert reader.shows(token, 2)
    company.settle()
    company.host.tick(S)
    company.now_ns = S
    assert company.token(reader, held) == "cut_off"
    assert 0 not in shop.free
    views.pop()
    company.settle()
    assert company.token(reader, held) == "cut_off"
    assert views.pop().tobytes() == bytes_of(0)
    company.settle()
    assert isinstance(company.token(reader, held), Token)
    assert company.host.stats().bytes_instead["cut_off"] == 2


def test_a_held_payload_has_its_bytes_after_the_host_only_if_it_was_copied(company: Company) -> None:
    writer, shop = company.writer()
    copied, not_copied = (company.host.claim(writer.peer, shop.token(number)) for number in range(2))
    copied.copy()
    before = fds()
    company.host.close()
    # and the host's end of the side
    wait_for(lambda: fds() == before - POOL_DESCRIPTORS - 1, 10, "descriptors to be closed")
    assert copied.copy() == bytes_of(0)
    with pytest.raises(Closed):
        not_copied.copy()
    company.host.lost(writer.peer)
    del copied, not_copied
    company.host.settle()


def test_the_last_token_of_a_killed_writer_counts(company: Company) -> None:
    """Its two sockets end at once, and either may be read first."""
    writer, shop = company.writer()
    token = shop.token(1)
    company.host.lost(writer.peer)
    held = company.host.claim(writer.peer, token)
    assert held.copy() == bytes_of(1)
    company.host.retire(writer.peer)
    with pytest.raises(WireError):
        company.host.claim(writer.peer, shop.token(2))
    del held
    company.settle()
    assert company.host.stats().pools == 0


def test_the_end_of_a_host_frees_nothing_that_others_look_at(company: Company) -> None:
    """Its peers end one by one, and those that have not ended would fill what those before them looked at."""
    reader = company.join()
    writer, shop = company.writer()
    held = company.host.claim(writer.peer, shop.token(1))
    company.ready(reader, held)
    token = company.token(reader, held)
    assert isinstance(token, Token)
    del held
    company.host.close()
    writer.hear()
    assert 0 not in shop.free
    assert reader.shows(token, 1)


def test_a_peer_is_lost_once(company: Company) -> None:
    writer, _ = company.writer()
    company.host.lost(writer.peer)
    company.host.lost(writer.peer)
    assert company.host.stats().peers == 0


class Life:
    """Writers and readers that do anything in any order; whoever looks sees whole pictures."""

    def __init__(self, company: Company, chance: random.Random) -> None:
        self.chance = chance
        self.company = company
        self.writers = [self.company.join() for _ in range(2)]
        self.readers = [self.company.join() for _ in range(3)]
        self.held: list[tuple[Held, int]] = []
        self.looks: list[tuple[Member, memoryview, int]] = []
        self.number = 0

    def steps(self, count: int) -> None:
        steps = [self.put, self.put, self.hand_on, self.hand_on, self.drop, self.look_away, self.hear]
        steps += [self.new_pool, self.relieve, self.pass_time]
        for _ in range(count):
            self.chance.choice(steps)()
            if self.chance.random() < 0.02:
                self.end_somebody()
        self.check()

    def put(self) -> None:
        writer = self.chance.choice(self.writers)
        ready = {message.pool for message in writer.heard if isinstance(message, Ready)}
        shops = [shop for name, shop in writer.shops.items() if name in ready and shop.free]
        if shops:
            shop = self.chance.choice(shops)
            self.number += 1
            token = shop.token(self.number, self.chance.choice(sorted(shop.free)))
            self.held.append((self.company.host.claim(writer.peer, token), self.number))

    def hand_on(self) -> None:
        if self.held:
            (held, number), reader = self.chance.choice(self.held), self.chance.choice(self.readers)
            token = self.company.token(reader, held)
            if isinstance(token, Token):
                self.looks.append((reader, reader.attached.open(token), number))

    def drop(self) -> None:
        if self.held:
            held, number = self.held.pop(self.chance.randrange(len(self.held)))
            if self.chance.random() < 0.5:
                assert held.copy() == bytes_of(number)

    def look_away(self) -> None:
        if self.looks:
            _, view, number = self.looks.pop(self.chance.randrange(len(self.looks)))
            assert view.tobytes() == bytes_of(number)

    def hear(self) -> None:
        self.company.settle()

    def new_pool(self) -> None:
        writer = self.chance.choice(self.writers)
        if len(writer.shops) < 3:
            writer.shop(self.chance.randint(1, 4))

    def relieve(self) -> None:
        self.company.host.relieve()

    def pass_time(self) -> None:
        self.company.now_ns += S // 2
        self.company.host.tick(self.company.now_ns)

    def end_somebody(self) -> None:
        """Killed: its looks are not given back one by one, and nobody checks them any more."""
        several = self.chance.choice([self.writers, self.readers])
        gone = several.pop(self.chance.randrange(len(several)))
        gone.side.close()
        self.looks = [look for look in self.looks if look[0] is not gone]
        gone.close()
        several.append(self.company.join())

    def check(self) -> None:
        assert all(view.tobytes() == bytes_of(number) for _, view, number in self.looks)
        assert all(held.copy() == bytes_of(number) for held, number in self.held)
        self.looks.clear()
        self.held.clear()
        self.company.settle()
        for writer in self.writers:
            for shop in writer.shops.values():
                assert len(shop.free) == shop.said.slots
        stats = self.company.host.stats()
        assert stats.leases.balanced
        assert (stats.leases.held, stats.leases.open) == (0, 0)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_no_picture_changes_while_anybody_looks_and_no_slot_is_lost(seed: int) -> None:
    with Company(HostLimits(lease_s=1, most_retired=1)) as company:
        Life(company, random.Random(seed)).steps(120)
