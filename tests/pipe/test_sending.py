"""What goes over a trunk goes in the right order, and goes again where it could not be sent."""

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.conftest import WaitFor
from tests.pipe.trunkyard import Pair, Reader, Writer

from sightline.pipe.message import Message
from sightline.pipe.settings import WireSettings
from sightline.pipe.wires import sending
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.frames import FrameSpace
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.sending import Kind
from sightline.pipe.wires.stream import Stream
from sightline.pipe.wires.trunk import Trunk
from sightline.shm.messages import Pool
from sightline.shm.segment import can_share

pytestmark = pytest.mark.skipif(not can_share(), reason="this system cannot share pictures")


@pytest.fixture
def pair(no_leaks: None) -> Iterator[Pair]:
    pair = Pair(shared=True)
    yield pair
    pair.close()


def picture() -> Message:
    return Message(np.full((200, 300), 7, np.uint8), "maker", 0, 0)


class Order(Inlet):
    """Remembers whether its end came behind what was put."""

    ended_with: int | None = None

    def ended(self, source: str) -> None:
        self.ended_with = self.stats()[source].entered
        super().ended(source)


def in_slots(pair: Pair, writer: Writer, reader: Reader) -> bool:
    """Whether the next message lies in a slot when it arrives."""
    writer.put_all([picture()])
    (message,) = reader.take(1)
    assert message.data.max() == 7
    return pair.host.stats().held > 0


def test_the_end_waits_for_a_message_that_the_parent_cannot_be_told_of_yet(
    pair: Pair, wait_for: WaitFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pair.codecs[0].frames
    assert frames is not None
    pair.start()
    first = pair.edge(2)
    wait_for(lambda: in_slots(pair, *first), 10, "pictures in slots")
    answers, grant = [False] * 5, frames.grant
    monkeypatch.setattr(frames, "grant", lambda *of: grant(*of) if not answers else answers.pop())
    live = WireSettings(capacity=5)
    outlet, inlet = Outlet(live, pair.codecs[0]), Order({"maker": live})
    outlet.put_many([picture()])
    outlet.ended()
    pair.trunks[0].carry(1, outlet)
    pair.trunks[1].deliver(1, inlet, "maker", live)
    wait_for(lambda: inlet.ended_with is not None, 10, "the end")
    assert inlet.ended_with == 1
    assert Reader(inlet).take(1)[0].data.max() == 7
    assert not answers


def test_a_message_for_whose_pool_no_descriptor_is_left_is_sent_as_bytes(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    frames = pair.codecs[0].frames
    assert frames is not None
    left, pool_of = [3], frames.pool_of

    def scarce(token: object) -> object:
        left[0] -= 1
        if left[0] > 0:
            raise OSError(errno.EMFILE, "no descriptor is left")
        return pool_of(token)  # type: ignore[arg-type]

    monkeypatch.setattr(frames, "pool_of", scarce)
    writer, reader = pair.edge(1)
    pair.start()
    assert not in_slots(pair, writer, reader)
    assert left[0] == 2
    wait_for(lambda: in_slots(pair, writer, reader), 10, "pictures in slots")


def test_of_pools_that_are_no_more_nothing_is_kept(pair: Pair, wait_for: WaitFor) -> None:
    writer, reader = pair.edge(1)
    pair.start()
    frames, sends = pair.codecs[0].frames, pair.trunks[0]._sends
    assert frames is not None

    def are_back(frames: FrameSpace = frames) -> bool:
        frames.reclaim()
        return pair.host.stats().held == 0

    for number in range(1, 8):
        array = np.full((200, number * 300), number, np.uint8)

        def is_known(array: NDArray[Any] = array) -> bool:
            writer.put_all([Message(array, "maker", 0, 0)])
            (message,) = reader.take(1)
            assert message.data.shape == array.shape
            return pair.host.stats().held > 0

        wait_for(is_known, 10, "pictures in slots")
        wait_for(are_back, 10, "all slots")
    assert len(frames._known) < 7
    known = {*frames._known}
    sends.told_mapped(b"the next")  # then it forgets, however many went meanwhile
    assert sends._mapped_there <= {*known, b"the next"}
    assert not sends._told_pools


def test_what_the_other_end_cannot_map_comes_as_bytes_until_it_can(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    frames = pair.codecs[1].frames
    assert frames is not None
    left, add = [3], frames.add

    def scarce(pool: Pool, fd: int | None) -> None:
        left[0] -= 1
        if left[0] > 0 and fd is not None:
            os.close(fd)
            fd = None
        add(pool, fd)

    monkeypatch.setattr(frames, "add", scarce)
    monkeypatch.setattr(sending, "TELL_POOL_S", 0.05)
    writer, reader = pair.edge(1)
    pair.start()
    assert not in_slots(pair, writer, reader)
    wait_for(lambda: in_slots(pair, writer, reader), 10, "pictures in slots")
    assert left[0] == 0
    assert reader.inlet.stats()["maker"].dropped == {}


def test_a_trunk_that_does_not_know_what_to_do_says_so(no_leaks: None, wait_for: WaitFor) -> None:
    """Its flow then ends, and another begins: both ends would wait for each other for ever."""
    ours, theirs = socket.socketpair()
    faults: list[str | None] = []
    trunk = Trunk(ours, Codec(), on_end=faults.append)
    trunk.start()
    other = Stream(theirs)
    other.put((Kind.BATCH, 5, 0, []))
    other.flush()
    wait_for(lambda: len(faults) == 1, 10, "the end of the trunk")
    assert faults[0] is not None
    assert faults[0].startswith("a way to another flow failed: KeyError")
    other.close()
