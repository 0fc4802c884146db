"""Memory under numpy arrays, and who is told when nobody looks at it any more.

Python before 3.12 has no way to give a class of one's own the buffer protocol. But numpy takes memory from
whatever has `__array_interface__`, and keeps that object as the array's base: so it lives as long as any
array or memoryview that was made of it, and its `__del__` is the end of them all.

That end may come in any thread and within any lock: see `sightline.shm.line`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Exporter:
    """Bytes that arrays are made of.

    Args:
        memory: contiguous; the arrays are writable where it is.
    """

    __slots__ = ("__weakref__", "_memory")

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory

    @property
    def size(self) -> int:
        return len(self._memory)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        interface: dict[str, Any] = np.frombuffer(self._memory, np.uint8).__array_interface__
        return interface

    def as_array(self) -> NDArray[np.uint8]:
        """All of it, without a copy."""
        return np.asarray(self)  # type: ignore[arg-type, unused-ignore]
