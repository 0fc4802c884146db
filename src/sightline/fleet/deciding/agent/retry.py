"""When something that failed is tried again: after growing delays, and not more often than a budget allows.

Nothing is ever given up: what is out of budget is tried again once its oldest failure is old enough. A fleet
comes to what is desired without hands, and a machine is not worn out by an instance that cannot live.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from sightline.clock import ns
from sightline.supervise.policy import Restart

REPAIRS: Final = Restart(delay_s=1.0, most_delay_s=60.0, settled_s=10.0, most_ends=10, within_s=300.0)
"""Instances: at most ten failures within five minutes, then the oldest has to be five minutes ago."""
ENDS: Final = Restart(delay_s=1.0, most_delay_s=10.0, within_s=0.0)
"""Ending: what has to go is asked to go until it is gone."""
DEPLOYMENTS: Final = Restart(delay_s=60.0, most_delay_s=3600.0, within_s=0.0)
"""What did not come through its gate: what it failed for may be over, such as an engine that was away."""
WRITES: Final = Restart(delay_s=1.0, most_delay_s=30.0, within_s=0.0)
"""Files: a full disk has room again at any time."""


class Tries:
    """The failures of one thing, and from when on it may be tried again (`again_ns`)."""

    def __init__(self, policy: Restart) -> None:
        self._policy = policy
        self._in_row = 0
        self._failed: deque[int] = deque(maxlen=policy.most_ends)
        self.again_ns = 0

    def failed(self, now_ns: int) -> None:
        self._in_row += 1
        self._failed.append(now_ns)
        self.again_ns = now_ns + self._policy.delay_ns(self._in_row)
        if self.spent(now_ns):
            self.again_ns = max(self.again_ns, self._failed[0] + ns(self._policy.within_s))

    def spent(self, now_ns: int) -> bool:
        """Whether it failed as often as its budget allows."""
        full = len(self._failed) == self._policy.most_ends
        return full and self._failed[0] > now_ns - ns(self._policy.within_s)

    def ran(self, for_ns: int) -> None:
        """It ran for so long: where that was long enough, delays begin small again; the budget does not."""
        if for_ns >= ns(self._policy.settled_s):
            self._in_row = 0

    def reset(self) -> None:
        """Somebody wants it tried now, or it is another thing by now."""
        self._in_row = self.again_ns = 0
        self._failed.clear()
