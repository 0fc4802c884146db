"""The bits of an H.264 or H.265 header, in order (H.264 7.2 and 9.1).

Pure. Behind the end there are zeros, and `left` is below 0: who reads asks at the end whether all was there.
"""

from __future__ import annotations


class Bits:
    """Reads what stands behind the header of a NAL unit."""

    def __init__(self, payload: bytes) -> None:
        data = payload.replace(b"\0\0\3", b"\0\0")  # emulation prevention, H.264 7.4.1
        self._bits = int.from_bytes(data, "big")
        self.left = 8 * len(data)

    def u(self, count: int) -> int:
        """The next bits as a number, as u of the standard."""
        self.left -= count
        bits = self._bits >> self.left if self.left >= 0 else self._bits << -self.left
        return bits & (1 << count) - 1

    def ue(self) -> int:
        """A number that says how many bits it has, as ue of the standard."""
        zeros = 0
        while zeros < 32 and not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """One that may be below 0, as se of the standard."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)
