"""Pictures that flows share: what one flow has put into memory, what it looks at, what it hands on."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike, NDArray

from sightline.shm.settings import Sharing


class FrameSpace:
    """A flow's shared memory. Made once a process, from the socket that `PipeHost.add` gave its parent.

    Args:
        side: that socket; this object's from now on.
        sharing: how much memory, for each size of picture.
    """

    def __init__(self, side: socket.socket, sharing: Sharing | None = None) -> None: ...

    def array(self, shape: int | Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """An array to be filled and given as data, which is then sent without a copy; an ordinary one where
        there is no slot."""
