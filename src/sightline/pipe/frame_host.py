"""Who looks at which picture of a pipe: the table, in the parent, and the sockets by which it is told."""

from __future__ import annotations

import socket
from typing import Any


class PipeHost:
    """The parent's end of all flows' shared memory. One thread, from `start` on. It maps no memory itself."""

    def start(self) -> None: ...

    def add(self, flow: str) -> socket.socket:
        """A flow is about to be begun (again): the socket for its `FrameSpace`, to be inherited and then
        closed here. The end of the last one of that flow must not have been heard of before."""

    def stats(self) -> Any: ...

    def close(self) -> None: ...
