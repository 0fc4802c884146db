"""A flow that hands on what it gets, unchanged, until it is killed: the descriptors of its sockets come as
arguments, that of its shared memory, of the trunk from before, and of the trunk to what comes behind.
"""

import socket
import sys
import threading

from sightline.pipe.message import Message
from sightline.pipe.settings import Policy, WireSettings
from sightline.pipe.wires.codec import Codec
from sightline.pipe.wires.edge import Outlet
from sightline.pipe.wires.frames import FrameSpace
from sightline.pipe.wires.inlet import Inlet
from sightline.pipe.wires.trunk import Trunk

SETTINGS = WireSettings(policy=Policy.LOSSLESS, capacity=6)


def main() -> None:
    side, before, behind = (socket.socket(fileno=int(fd)) for fd in sys.argv[1:])
    codec = Codec(FrameSpace(side))
    trunks = Trunk(before, codec), Trunk(behind, codec)
    inlet, outlet = Inlet({"maker": SETTINGS}), Outlet(SETTINGS, codec)
    items, room = threading.Event(), threading.Event()
    inlet.on_items = items.set
    outlet.listen(room.set)
    trunks[0].deliver(1, inlet, "maker", SETTINGS)
    trunks[1].carry(2, outlet)
    for trunk in trunks:
        trunk.start()
    while True:
        items.clear()
        while taken := inlet.take_many(3):
            while taken:
                hand_on(outlet, room, taken.pop(0))
        items.wait()


def hand_on(outlet: Outlet, room: threading.Event, message: Message) -> None:
    on = Message(message.data, "middle", message.number, message.made_ns)
    while True:
        room.clear()
        if outlet.put_many([on]):
            return
        room.wait()


if __name__ == "__main__":
    main()
