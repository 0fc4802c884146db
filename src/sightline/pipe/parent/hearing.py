"""The thread of a pipe's parent: it waits for flows to speak, for room to send, and for what others ask."""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from sightline.clock import NS_PER_S, SYSTEM_CLOCK
from sightline.pipe.channel import Channel
from sightline.pipe.parent.far_flow import FarFlow


class Hearing:
    """The thread, begun by `start`.

    Args:
        flows: those that may speak.
        prepare: called in it before each wait; gives the monotonic time at which to wait no longer.
        hear: called in it for a flow that spoke, or whose channel has room again.
        leave: called in it at its end; with what was raised, where that is why.
    """

    def __init__(
        self,
        flows: Iterable[FarFlow],
        *,
        prepare: Callable[[], int | None],
        hear: Callable[[FarFlow], object],
        leave: Callable[[BaseException | None], object],
    ) -> None:
        self._flows = tuple(flows)
        self._prepare = prepare
        self._hear = hear
        self._leave = leave
        self._over = False
        self._requests: deque[Callable[[], object]] = deque()
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="sightline-pipe", daemon=True)

    @property
    def here(self) -> bool:
        """Whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        self._thread.start()

    def ask(self, request: Callable[[], object]) -> None:
        """Have this called in the thread, soon, in the order of asking. From any thread."""
        self._requests.append(request)
        with suppress(OSError):  # it is awake, or over
            self._wake.send(b"!")

    def end(self) -> None:
        """End the thread, once it has done what was asked before. From any thread."""
        self.ask(self._end)

    def join(self) -> None:
        """Wait until it ended; at once where it was never begun."""
        if self._thread.ident is not None and not self.here:
            self._thread.join()

    def add(self, channel: Channel, flow: FarFlow) -> None:
        """Hear this channel of the flow. In the thread."""
        self._selector.register(channel, selectors.EVENT_READ, flow)

    def remove(self, channel: Channel) -> None:
        """Hear it no more. In the thread; again is allowed."""
        if channel in self._selector.get_map():
            self._selector.unregister(channel)

    def _run(self) -> None:
        broke: BaseException | None = None
        try:
            while not self._over:
                self._turn()
        except BaseException as error:  # noqa: BLE001 - nobody else would ever hear of it
            broke = error
        self._leave(broke)
        self.discard()

    def discard(self) -> None:
        """Give back what it has; by whoever else where the thread is never begun."""
        self._selector.close()
        self._woken.close()
        self._wake.close()

    def _turn(self) -> None:
        due_ns = self._prepare()
        self._look_for_room()
        timeout_s = None if due_ns is None else max(0, due_ns - SYSTEM_CLOCK.monotonic_ns()) / NS_PER_S
        for key, _ in self._selector.select(timeout_s):
            if key.data is not None:
                self._hear(key.data)
                self._drop_ended(key.data)
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        while self._requests:
            self._requests.popleft()()

    def _drop_ended(self, flow: FarFlow) -> None:
        # It would be readable until its process is seen to be over, which may take a second.
        if flow.channel is not None and flow.channel.ended:
            self.remove(flow.channel)

    def _look_for_room(self) -> None:
        for flow in self._flows:
            if flow.channel is not None and not flow.channel.ended:
                room = selectors.EVENT_WRITE if flow.channel.unsent else 0
                self._selector.modify(flow.channel, selectors.EVENT_READ | room, flow)

    def _end(self) -> None:
        self._over = True
