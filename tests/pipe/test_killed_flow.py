"""kill -9 of the flow in the middle: what the last one looks at stays whole, and every slot comes back."""

import gc
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import numpy as np
import pytest
from tests.conftest import WaitFor
from tests.pipe import forwarding

from sightline.errors import Closed
from sightline.pipe.message import Message
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.frame_host import PipeHost
from sightline.pipe.wires.frames import FrameSpace
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.trunk import Trunk
from sightline.shm.segment import can_share
from sightline.shm.settings import Sharing

pytestmark = pytest.mark.skipif(not can_share(), reason="this system cannot share pictures")
SHAPE = (300, 400)
KILLS = 8


class Chain:
    """The first flow and the last in this process, the one between them in another, begun again and again."""

    def __init__(self, stack: ExitStack) -> None:
        self.host = PipeHost()
        self.host.start()
        stack.callback(self.host.close)
        self._stack = stack
        self.first, self.last = (self._space() for _ in range(2))
        self.codecs = Codec(self.first), Codec(self.last)
        self.outlet = Outlet(forwarding.SETTINGS, self.codecs[0])
        self.inlet = Inlet({"middle": forwarding.SETTINGS})
        self.items, self.room = threading.Event(), threading.Event()
        self.inlet.on_items = self.items.set
        self.outlet.listen(self.room.set)
        self.ended = 0
        self.middle: subprocess.Popen[bytes] | None = None
        stack.callback(self.kill)

    def _space(self) -> FrameSpace:
        space = FrameSpace(self.host.add(), Sharing(slots=8))
        self._stack.callback(space.close)
        return space

    def begin(self) -> None:
        pairs = [(None, self.host.add()), socket.socketpair(), socket.socketpair()]
        theirs = [pair[1] for pair in pairs]
        command = [sys.executable, "-m", "tests.pipe.forwarding", *(str(end.fileno()) for end in theirs)]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        fds = [end.fileno() for end in theirs]
        self.middle = subprocess.Popen(command, pass_fds=fds, env=environ)
        for end in theirs:
            end.close()
        trunks = [
            Trunk(pair[0], codec, on_end=self._count)
            for pair, codec in zip(pairs[1:], self.codecs, strict=True)
            if pair[0] is not None
        ]
        trunks[0].carry(1, self.outlet)
        trunks[1].deliver(2, self.inlet, "middle", forwarding.SETTINGS)
        for trunk in trunks:
            trunk.start()
            self._stack.callback(trunk.close)

    def _count(self, _fault: str | None) -> None:
        self.ended += 1

    def kill(self) -> None:
        if self.middle is not None:
            self.middle.send_signal(signal.SIGKILL)
            self.middle.wait()

    def put_all(self, over: threading.Event) -> None:
        number = 0
        while not over.is_set():
            picture = self.first.array(SHAPE, np.uint8)
            picture[:] = number % 251
            message = Message(picture, "maker", number, 0)
            del picture
            self.put(message)
            number += 1

    def put(self, message: Message) -> None:
        while True:
            self.room.clear()
            if self.outlet.put_many([message]):
                return
            assert self.room.wait(30), self.outlet.stats()

    def take(self) -> Message:
        while True:
            self.items.clear()
            taken = self.inlet.take_many(1)
            if taken:
                return taken[0]
            assert self.items.wait(30), f"nothing comes: {self.outlet.stats()}, {self.host.stats()}"


@pytest.fixture
def chain() -> Iterator[Chain]:
    with ExitStack() as stack:
        yield Chain(stack)


def whole(message: Message) -> bool:
    return bool((message.data == message.number % 251).all())


def test_a_flow_that_is_killed_tears_no_picture_and_keeps_no_slot(chain: Chain, wait_for: WaitFor) -> None:
    chance = random.Random(5)
    over = threading.Event()

    def put() -> None:
        with suppress(Closed):
            chain.put_all(over)

    chain.begin()
    writer = threading.Thread(target=put)
    writer.start()
    kept: list[Message] = []
    taken = last = -1
    for kill in range(KILLS):
        for _ in range(chance.randrange(20, 60)):
            kept = [*kept[-1:], chain.take()]
            assert whole(kept[-1])
            assert kept[-1].number > last, "in order, once"
            last, taken = kept[-1].number, taken + 1
        chain.kill()
        assert all(map(whole, kept))
        assert len(kept) == 2
        wait_for(lambda kill=kill: chain.ended == 2 * (kill + 1), 10, "the end of its trunks")  # type: ignore[misc]
        chain.begin()
        assert all(map(whole, kept))
    over.set()
    chain.outlet.close()
    writer.join(20)
    assert not writer.is_alive()
    assert all(map(whole, kept))
    kept.clear()

    def settled() -> bool:
        chain.inlet.take_many(10)
        chain.first.reclaim()
        chain.last.reclaim()
        gc.collect()
        return chain.host.stats().held == 0 and chain.outlet.stats().held == 0

    try:
        wait_for(settled, 10, "all slots")
    except TimeoutError as error:
        raise AssertionError(f"{chain.host.stats()}, {chain.outlet.stats()}") from error
    assert chain.host.stats().balanced
    assert chain.host.stats().open == 0
    assert chain.outlet.stats().balanced
    assert taken > KILLS * 19
