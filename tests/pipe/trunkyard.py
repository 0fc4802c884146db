"""Two ends of a trunk in one process, with those who write and read there."""

import socket
import threading
from contextlib import ExitStack
from typing import Any

from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.frame_host import PipeHost
from sightline.pipe.wires.frames import FrameSpace
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.trunk import Trunk
from sightline.shm.settings import Sharing

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=100)


def messages(*numbers: int) -> list[Message]:
    return [Message({"number": number}, "maker", number, 5) for number in numbers]


class Carrier:
    """Of one outlet; its other end has so much room. It sends nothing: that is taken."""

    number = 1

    def __init__(self, outlet: Outlet, limit: int = 100) -> None:
        outlet.carried(self)
        outlet.told(self, limit, 0)

    def has(self, outlet: Outlet, count: int) -> None: ...


class Writer:
    """Puts as a runner does: what was not taken again when there is room."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self._room = threading.Event()
        outlet.listen(self._room.set)

    def put_all(self, some: list[Message], timeout_s: float = 30) -> None:
        while some:
            self._room.clear()
            taken = self.outlet.put_many(some)
            some = some[taken:]
            if some:
                assert self._room.wait(timeout_s), f"stuck with {len(some)}: {self.outlet.stats()}"


class Reader:
    """Takes as a runner does."""

    def __init__(self, inlet: Inlet) -> None:
        self.inlet = inlet
        self._items = threading.Event()
        inlet.on_items = self._items.set

    def wait(self, timeout_s: float = 30) -> None:
        """For the next that comes."""
        self._items.clear()
        if not self.inlet.take_many(0) and not self.inlet.finished:
            assert self._items.wait(timeout_s), self.inlet.stats()

    def take(self, count: int, timeout_s: float = 30) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < count:
            self._items.clear()
            some = self.inlet.take_many(count - len(taken))
            taken += some
            if not some:
                assert self._items.wait(timeout_s), f"got {len(taken)} of {count}: {self.inlet.stats()}"
        return taken


class Pair:
    """Two flows and the trunk between them, in one process."""

    def __init__(self, *, shared: bool = False, slots: int = 4) -> None:
        self._stack = ExitStack()
        self.host = PipeHost()
        self.host.start()
        self._stack.callback(self.host.close)
        self.codecs = [Codec(self._space(slots) if shared else None) for _ in range(2)]
        self.trunks: list[Trunk] = []
        self.ended: list[int] = []
        self.connect()

    def _space(self, slots: int) -> FrameSpace:
        space = FrameSpace(self.host.add(), Sharing(slots=slots))
        self._stack.callback(space.close)
        return space

    def connect(self) -> None:
        self.trunks = [
            Trunk(sock, codec, on_end=lambda _fault: self.ended.append(1))
            for sock, codec in zip(socket.socketpair(), self.codecs, strict=True)
        ]

    def start(self) -> None:
        for trunk in self.trunks:
            trunk.start()

    def edge(
        self, number: int, settings: WireSettings = LOSSLESS, transmitter: Any = None
    ) -> tuple[Writer, Reader]:
        outlet, inlet = Outlet(settings, self.codecs[0], transmitter), Inlet({"maker": settings})
        self.trunks[0].carry(number, outlet)
        self.trunks[1].deliver(number, inlet, "maker", settings, transmitter)
        return Writer(outlet), Reader(inlet)

    def close(self) -> None:
        for trunk in self.trunks:
            trunk.close()
        self._stack.close()


def numbers(taken: list[Message]) -> list[int]:
    return [message.number for message in taken]
