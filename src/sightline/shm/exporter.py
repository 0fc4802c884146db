"""Memory under numpy arrays, and who is told when nobody looks at it any more.

Python before 3.12 has no way to give a class of one's own the buffer protocol. But numpy takes memory from
whatever has `__array_interface__`, and keeps that object as the array's base: so it lives as long as any
array or memoryview that was made of it, and its `__del__` is the end of them all.

That end may come in any thread and within any lock: see `sightline.shm.line`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Exporter:
    """Bytes that arrays are made of.

    Args:
        memory: contiguous; the arrays are writable where it is.
        address: where it begins in this process.
    """

    __slots__ = ("__array_interface__", "__weakref__", "_memory", "address", "size")

    def __init__(self, memory: memoryview, address: int) -> None:
        self._memory = memory
        self.address = address
        self.size = len(memory)
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (self.size,),
            "data": (address, memory.readonly),
        }

    def as_array(self) -> NDArray[np.uint8]:
        """All of it, without a copy."""
        return np.asarray(self)
