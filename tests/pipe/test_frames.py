"""Pictures that flows share, with real memory and a real parent; the test stands for the trunks."""

import errno
import gc
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pickle import PickleBuffer
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import WaitFor
from tests.shm.both_ends import fds

from sightline.errors import SharingError, WireError
from sightline.pipe.message import Message
from sightline.pipe.settings import WireSettings
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.frame_host import PipeHost
from sightline.pipe.wires.frames import FrameSpace, Lent
from sightline.shm.grants import GrantStats
from sightline.shm.messages import Granted, Released, Welcome
from sightline.shm.pool import Pools, SharingStats
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing
from sightline.shm.slot import slot_under
from sightline.shm.token import Token

pytestmark = pytest.mark.skipif(not can_share(), reason="this system cannot share pictures")
SIZE = 100_000


def picture(number: int) -> NDArray[np.uint8]:
    return ((np.arange(SIZE, dtype=np.uint32) * 31 + number * 101) % 251).astype(np.uint8)


class Flows:
    """Several flows of one process: memory and sockets are as between processes."""

    def __init__(self, stack: ExitStack) -> None:
        self.host = PipeHost()
        self.host.start()
        stack.callback(self.host.close)
        self._stack = stack

    def flow(self, slots: int = 4) -> FrameSpace:
        flow = FrameSpace(self.host.add(), Sharing(slots=slots))
        self._stack.callback(flow.close)
        return flow

    def hand(self, giver: FrameSpace, lent: Lent, taker: FrameSpace) -> NDArray[Any]:
        """As a trunk does it."""
        assert giver.grant([lent], taker.number)
        said, fd = giver.pool_of(lent.token)
        taker.add(said, os.dup(fd))
        view = taker.borrow(Token(*lent.token))
        return np.frombuffer(view[lent.start : lent.start + lent.size], np.uint8)

    def settled(self, wait_for: WaitFor, held: int) -> GrantStats:
        def stats() -> GrantStats | None:
            gc.collect()
            now = self.host.stats()
            return now if now.held == held and now.open == held and now.balanced else None

        settled = wait_for(stats, 5, f"{held} slots that are held, of {self.host.stats()}")
        assert settled is not None
        return settled


@pytest.fixture
def flows() -> Iterator[Flows]:
    with ExitStack() as stack:
        yield Flows(stack)


def lend(flow: FrameSpace, array: NDArray[Any], **options: bool) -> Lent:
    lent = flow.lend(raw(array), **options)
    assert lent is not None
    return lent


def raw(array: NDArray[Any]) -> memoryview:
    buffer: Any = array
    return PickleBuffer(buffer).raw()


def counts(flow: FrameSpace) -> list[SharingStats]:
    """Of its pools of each size."""
    flow.reclaim()
    return [pools.stats() for pools in flow._pools.values()]


def fault_of(flow: FrameSpace) -> str:
    flow.reclaim()
    return flow.fault


def same(left: Lent, right: Lent) -> bool:
    return left.token[:3] == right.token[:3]


def test_what_one_flow_lends_another_sees_in_place(flows: Flows, wait_for: WaitFor) -> None:
    a, b = flows.flow(), flows.flow()
    lent = lend(a, picture(1))
    seen = flows.hand(a, lent, b)
    assert (seen == picture(1)).all()
    assert not seen.flags.writeable
    del lent
    a.reclaim()  # what was let go is told with the next grant, or when the space is looked at
    flows.settled(wait_for, 1)
    del seen
    flows.settled(wait_for, 0)


def test_a_picture_that_goes_on_unchanged_is_not_copied(flows: Flows, wait_for: WaitFor) -> None:
    a, b, c = flows.flow(), flows.flow(), flows.flow()
    lent = lend(a, picture(2))
    at_b = flows.hand(a, lent, b)
    on = lend(b, at_b)
    assert same(on, lent)
    at_c = flows.hand(b, on, c)
    del lent, on, at_b
    a.reclaim()
    assert (at_c == picture(2)).all()
    assert counts(b) == []
    flows.settled(wait_for, 1)
    del at_c
    flows.settled(wait_for, 0)


def test_a_part_of_a_picture_goes_on_without_a_copy(flows: Flows) -> None:
    a, b = flows.flow(), flows.flow()
    lent = lend(a, picture(3))
    whole = flows.hand(a, lent, b)
    part = lend(b, whole[1000:2000])
    assert same(part, lent)
    assert (part.start, part.size) == (1000, 1000)
    assert bytes(part.view()) == bytes(picture(3)[1000:2000])


def test_an_array_of_the_space_is_sent_without_a_copy_and_frozen(flows: Flows) -> None:
    a, b = flows.flow(), flows.flow()
    array = a.array((100, 1000), np.uint8)
    array[:] = 7
    seen = flows.hand(a, lend(a, array), b)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    assert (seen == 7).all()
    assert counts(a)[0].shared == 1
    again = lend(a, array)
    part = lend(a, array[3:5])
    assert same(again, part)


def test_a_part_of_an_array_that_is_still_written_to_is_copied(flows: Flows) -> None:
    a = flows.flow()
    array = a.array(SIZE, np.uint8)
    part = lend(a, array[: SIZE // 2])
    array[:] = 9
    assert not (np.frombuffer(part.view(), np.uint8) == 9).all()


@pytest.mark.parametrize("shape", [(SIZE,), (1, 100, 1000), (50, 2000)])
def test_an_array_of_the_space_is_sent_without_a_copy_in_any_shape(
    flows: Flows, shape: tuple[int, ...]
) -> None:
    a = flows.flow()
    array = a.array((100, 1000), np.uint8)
    shaped = array.reshape(shape)
    lent = lend(a, shaped)
    assert (lent.keeper, lent.size) == (slot_under(array), SIZE)
    for each in (array, shaped):
        with pytest.raises(ValueError, match="read-only"):
            each[0] = 1


def test_an_array_that_was_not_sent_after_all_is_sent_later_without_a_copy(
    flows: Flows, wait_for: WaitFor
) -> None:
    a, b = flows.flow(), flows.flow()
    array = a.array(SIZE, np.uint8)
    array[:] = 5
    lend(a, array)
    again = lend(a, array)
    assert again.keeper is slot_under(array)
    seen = flows.hand(a, again, b)
    assert (seen == 5).all()
    del array, again, seen
    a.reclaim()
    flows.settled(wait_for, 0)


def test_what_a_live_outlet_drops_gives_its_slot_back(flows: Flows) -> None:
    a = flows.flow()
    outlet = Outlet(WireSettings(capacity=2), Codec(a))
    for number in range(50):
        array = a.array(SIZE, np.uint8)
        outlet.put_many([Message(array, "maker", number, 0)])
        assert slot_under(array) is not None
        del array
    (now,) = counts(a)
    assert (now.shared, now.not_shared) == (50, {})


def test_a_slot_is_shared_by_all_who_are_granted_it(flows: Flows, wait_for: WaitFor) -> None:
    a, b, c = flows.flow(), flows.flow(), flows.flow()
    lent = lend(a, picture(4))
    seen = [flows.hand(a, lent, b), flows.hand(a, lent, c), flows.hand(a, lent, c)]
    del lent
    a.reclaim()
    wait_for(lambda: flows.host.stats().open == 3, 5, "three grants")
    assert flows.host.stats().held == 1
    seen.clear()
    flows.settled(wait_for, 0)


def test_slots_come_back_and_are_filled_again(flows: Flows) -> None:
    a, b = flows.flow(), flows.flow()
    for number in range(50):
        lent = lend(a, picture(number), wait=True)
        assert (flows.hand(a, lent, b) == picture(number)).all()
        del lent
    assert sum(stats.pools for stats in counts(a)) == 1


def test_where_all_slots_are_looked_at_there_is_none(flows: Flows) -> None:
    a, b = flows.flow(), flows.flow()
    seen = [flows.hand(a, lend(a, picture(number)), b) for number in range(4)]
    assert a.lend(raw(picture(5))) is None
    assert a.lend(raw(picture(5)), wait=True) is None
    for number, array in enumerate(seen):
        assert (array == picture(number)).all()


def test_who_waits_gets_the_slot_that_another_lets_go(flows: Flows) -> None:
    a, b = flows.flow(), flows.flow()
    seen = [flows.hand(a, lend(a, picture(number)), b) for number in range(4)]
    thread = threading.Timer(0.02, seen.clear)
    thread.start()
    array = a.array(SIZE, np.uint8, wait=True)
    thread.join()
    array[:] = 3
    lend(a, array)
    assert counts(a)[0].shared == 5
    assert counts(a)[0].not_shared == {}


def test_who_waited_in_vain_waits_again_once_there_was_a_slot(
    flows: Flows, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = flows.flow(), flows.flow()
    waits, wait = [0], a._wait_for

    def counted(pools: Pools) -> None:
        waits[0] += 1
        wait(pools)

    monkeypatch.setattr(a, "_wait_for", counted)
    seen = [flows.hand(a, lend(a, picture(number)), b) for number in range(4)]
    assert [a.lend(raw(picture(5)), wait=True) for _ in range(3)] == [None] * 3
    assert waits[0] == 1
    del seen[0]
    flows.settled(wait_for, 3)
    a.reclaim()
    seen.append(flows.hand(a, lend(a, picture(6), wait=True), b))
    assert a.lend(raw(picture(7)), wait=True) is None
    assert waits[0] == 2


def test_without_a_descriptor_for_a_pool_pictures_are_copied(
    flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = flows.flow()

    def scarce(_fd: int) -> int:
        raise OSError(errno.EMFILE, "no descriptor is left")

    with monkeypatch.context() as patch:
        patch.setattr("sightline.pipe.wires.frames.os.dup", scarce)
        assert a.lend(raw(picture(1))) is None
        assert slot_under(a.array(SIZE, np.uint8)) is None
    before = fds()
    with monkeypatch.context() as patch:
        patch.setattr(a._side, "send", lambda *_of: False)
        assert a.lend(raw(picture(1)[: SIZE // 8])) is None
    assert (fds(), a._known, a._mine) == (before, {}, {})


def test_the_end_of_a_flow_gives_back_what_it_held(flows: Flows, wait_for: WaitFor) -> None:
    a, b = flows.flow(), flows.flow()
    lent = lend(a, picture(6))
    seen = flows.hand(a, lent, b)
    del lent
    a.reclaim()
    flows.settled(wait_for, 1)
    b._side.close()
    flows.settled(wait_for, 0)
    assert seen.size


def test_what_others_look_at_outlives_its_writer(flows: Flows, wait_for: WaitFor) -> None:
    a, b, c = flows.flow(), flows.flow(), flows.flow()
    seen = flows.hand(a, lend(a, picture(7)), b)
    a.close()
    wait_for(lambda: flows.host.stats().peers == 2, 5, "the end of the writer")
    b.arrived(a.number, 1, over=True)
    assert (seen == picture(7)).all()
    at_c = flows.hand(b, lend(b, seen), c)
    del seen
    assert (at_c == picture(7)).all()
    assert flows.host.stats().pools == 1
    del at_c
    wait_for(lambda: gc.collect() >= 0 and flows.host.stats().pools == 0, 5, "the end of the pool")
    c.reclaim()
    assert not c._known


def test_what_was_granted_and_never_came_is_given_back(flows: Flows, wait_for: WaitFor) -> None:
    a, b, c = flows.flow(), flows.flow(), flows.flow()
    lent = lend(a, picture(8))
    at_b = flows.hand(a, lent, b)
    del lent
    a.reclaim()
    assert b.grant([lend(b, at_b)], c.number)
    b.close()
    wait_for(lambda: flows.host.stats().peers == 2, 5, "the end of the flow in the middle")
    assert flows.host.stats().held == 1
    c.arrived(b.number, 0, over=True)
    flows.settled(wait_for, 0)


def test_a_picture_that_comes_back_to_its_writer_goes_round_again(flows: Flows, wait_for: WaitFor) -> None:
    a, b = flows.flow(), flows.flow()
    lent = lend(a, picture(9))
    back = flows.hand(b, lend(b, flows.hand(a, lent, b)), a)
    assert (back == picture(9)).all()
    assert same(lend(a, back), lent)
    del lent, back
    a.reclaim()
    flows.settled(wait_for, 0)


def test_a_flow_that_says_what_it_must_not_is_cut_off_alone(flows: Flows, wait_for: WaitFor) -> None:
    a, b = flows.flow(), flows.flow()
    b._side.send(Granted(taker=a.number, slots=[], claimed=[(b"x" * 16, 0, 0)]))
    wait_for(lambda: flows.host.stats().peers == 1, 5, "the end of the one")
    assert a.lend(raw(picture(1))) is not None
    assert fault_of(b) == "the parent cut this flow off from shared pictures"
    assert not a.fault


def test_a_flow_that_the_table_cannot_stand_is_cut_off_alone(
    flows: Flows, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = flows.flow(), flows.flow()

    def fail(*_of: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(flows.host._grants, "release", fail)
    b._side.send(Released(slots=[(b"x" * 16, 0, 0)]))
    wait_for(lambda: flows.host.stats().peers == 1, 5, "the end of the one")
    assert a.lend(raw(picture(1))) is not None


def test_where_the_host_fails_flows_see_it_and_none_is_added(
    flows: Flows, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = flows.flow()

    def fail() -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(flows.host, "_tell", fail)
    a._side.send(Released(slots=[]))
    wait_for(lambda: fault_of(a), 5, "the end of the host")
    with pytest.raises(SharingError, match="was closed"):
        flows.host.add()


def test_a_host_without_a_descriptor_for_a_flow_says_so(
    flows: Flows, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fds()

    def scarce(*_of: object) -> None:
        raise OSError(errno.ENOSPC, "no room for another")

    monkeypatch.setattr(flows.host._selector, "register", scarce)
    with pytest.raises(SharingError, match="no room for another"):
        flows.host.add()
    assert fds() == before
    assert flows.host.stats().peers == 0


def test_what_the_parent_says_wrongly_is_not_a_bad_token(
    flows: Flows, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = flows.flow(), flows.flow()
    lent = lend(a, picture(1))
    flows.hand(a, lent, b)
    flows.host._sides[b.number].send(Welcome(peer=7))
    monkeypatch.setattr("sightline.pipe.wires.frames.HEAR_NS", -1)
    wait_for(lambda: b.borrow(lent.token).nbytes and b.fault, 5, "the word of the parent")
    assert "Welcome" in b.fault


def test_a_token_of_an_unknown_pool_is_refused(flows: Flows) -> None:
    a, b = flows.flow(), flows.flow()
    lent = lend(a, picture(1))
    with pytest.raises(WireError, match="a pool that is here"):
        b.borrow(lent.token)


def test_no_descriptor_is_left() -> None:
    before = fds()
    with ExitStack() as stack:
        flows = Flows(stack)
        a, b = flows.flow(), flows.flow()
        flows.hand(a, lend(a, picture(1)), b)
    gc.collect()
    assert fds() == before
