"""The next moment at which something is due, found while it is asked whether it is due already."""

from __future__ import annotations


class Alarm:
    """Collects, over one turn of a machine, the moments that have not come yet. Cleared at each turn."""

    def __init__(self) -> None:
        self.next_ns: int | None = None

    def clear(self) -> None:
        self.next_ns = None

    def passed(self, moment_ns: int, now_ns: int) -> bool:
        """Whether it is past that moment; if not, the machine is to be asked again then."""
        if now_ns >= moment_ns:
            return True
        self.next_ns = moment_ns if self.next_ns is None else min(self.next_ns, moment_ns)
        return False
