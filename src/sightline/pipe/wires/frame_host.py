"""Who looks at which picture of a pipe: the table, in the parent, and the sockets by which it is told.

It maps no memory and sees no picture: flows hand these to each other, and tell it before they do
(`sightline.shm.grants`). What a flow that died held, or was about to hand on, comes back with the end of its
socket. It has one thread, which waits for nobody.
"""

from __future__ import annotations

import itertools
import os
import selectors
import socket
import threading
from collections import defaultdict
from typing import Final

from sightline.errors import SharingError, WireError
from sightline.log import get_logger
from sightline.shm.grants import Grants, GrantStats, Place
from sightline.shm.messages import Arrived, Drain, Freed, Gone, Granted, Pool, Released, SideMessage, Welcome
from sightline.shm.side import Side

FLUSH_S: Final = 0.1
"""So often, at least, what a flow had no room for is offered to it again."""


class PipeHost:
    """The parent's end of all flows' shared memory."""

    def __init__(self) -> None:
        self._grants: Grants[int] = Grants()
        self._sides: dict[int, Side] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._ours, self._waker = socket.socketpair()
        self._selector.register(self._ours, selectors.EVENT_READ, None)
        self._closed = self._full = False
        self._log = get_logger("sightline.pipe")
        self._thread = threading.Thread(target=self._run, name="pipe-frames", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self) -> socket.socket:
        """A flow is about to begin, for the first time or again.

        Returns:
            The socket for its `FrameSpace`: to be inherited, and then closed here, as the flow has ended when
            nobody has it any more.

        Raises:
            SharingError: this system cannot share pictures, or has no descriptor left; or this was closed.
        """
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except (AttributeError, OSError) as error:
            raise SharingError(f"no socket for a flow's pictures: {error}") from error
        try:
            self._join(Side(ours))
        except (OSError, SharingError) as error:
            ours.close()
            theirs.close()
            raise SharingError(f"a flow's pictures cannot be shared: {error}") from error
        return theirs

    def stats(self) -> GrantStats:
        with self._lock:
            return self._grants.stats()

    def close(self) -> None:
        """Hear nothing more; what flows look at stays as it is. Again is allowed."""
        with self._lock:
            self._closed = True
        self._waker.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._leave()

    def _run(self) -> None:
        try:
            while not self._closed:
                ready = self._selector.select(FLUSH_S if self._full else None)
                with self._lock:
                    for key, _ in ready:
                        if key.data is not None:
                            self._hear(key.data)
                    self._tell()
                    self._flush()
        except Exception:  # noqa: BLE001 - flows see that it ended, and are begun again without it
            self._log.exception("sharing of pictures failed")
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._closed = True
            for side in self._sides.values():
                side.close()
            self._sides.clear()
            self._ours.close()
            self._selector.close()

    def _join(self, side: Side) -> None:
        with self._lock:
            if self._closed:
                raise SharingError("this was closed")
            number = next(self._numbers)
            self._selector.register(side, selectors.EVENT_READ, number)
            self._grants.join(number)
            self._sides[number] = side
            side.send(Welcome(peer=number))

    # With the lock held.

    def _flush(self) -> None:
        waiting = [side for side in self._sides.values() if side.unsent]
        for side in waiting:
            side.flush()
        self._full = any(side.unsent for side in waiting)

    def _hear(self, number: int) -> None:
        side = self._sides[number]
        try:
            for message, fd in side.receive():
                self._heed(number, message, fd)
        except Exception as error:  # noqa: BLE001 - one that says what it must not does not harm the others
            self._log.warning("flow cut off from shared pictures", peer=side.peer_pid, reason=repr(error))
            side.ended = True
        if side.ended:
            self._selector.unregister(side)
            del self._sides[number]
            side.close()
            self._grants.left(number)

    def _heed(self, number: int, message: SideMessage, fd: int | None) -> None:
        grants = self._grants
        match message:
            case Granted():
                grants.claim(number, message.claimed)
                grants.grant(number, message.slots, message.taker)
                grants.release(number, message.released)
            case Released():
                grants.release(number, message.slots)
            case Arrived():
                grants.arrived(number, message.giver, message.tokens, over=message.over)
            case Pool() if fd is None:
                grants.add_pool(number, message.pool)
            case Drain():
                grants.drain(number, message.pool)
            case _:
                if fd is not None:
                    os.close(fd)
                raise WireError(f"expected nothing like {type(message).__name__} of a flow")

    def _tell(self) -> None:
        freed: dict[int, list[Place]] = defaultdict(list)
        for writer, place in self._grants.freed:
            freed[writer].append(place)
        self._grants.freed.clear()
        for writer, places in freed.items():
            if writer in self._sides:
                self._sides[writer].tell(Freed, places)
        for pool in self._grants.gone:
            for side in self._sides.values():
                side.send(Gone(pool=pool))
        self._grants.gone.clear()
