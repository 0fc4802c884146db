"""How often what is sent: so many configurations a second, again and again to who does not answer but is
heard, ever more seldom; a question to one agent once in a while, to all of them likewise; why one is not let
in once.

Pure arithmetic of monotonic ns.
"""

from __future__ import annotations

from typing import Final

from sightline.clock import NS_PER_S, ns
from sightline.fleet.inventory import NodeId

CONFIGS_PER_S: Final = 500
MOST_AT_ONCE: Final = 250
ASK_AGAIN_NS: Final = 5 * NS_PER_S
ASK_ALL_AGAIN_NS: Final = 2 * NS_PER_S
MOST_DOUBLINGS: Final = 4
_MOST_STRANGERS: Final = 10_000


class Configs:
    """Who is to be sent the newest configuration, and when."""

    def __init__(self, send_again_s: float, now_ns: int) -> None:
        self._send_again_ns = ns(send_again_s)
        self._waiting: dict[NodeId, None] = {}
        self._tries: dict[NodeId, int] = {}
        self._tokens = float(MOST_AT_ONCE)
        self._filled_ns = now_ns

    def want(self, node_id: NodeId, *, is_new: bool) -> None:
        """It is to be sent. `is_new`: for the first time."""
        if is_new:
            self._tries.pop(node_id, None)
        self._waiting.setdefault(node_id)

    def forget(self, node_id: NodeId) -> None:
        """Nothing is to be sent any more, for now."""
        self._waiting.pop(node_id, None)
        self._tries.pop(node_id, None)

    def due_ns(self) -> int | None:
        """When the next one may be sent; None: nothing waits."""
        if not self._waiting:
            return None
        return self._filled_ns + max(0, round((1.0 - self._tokens) * NS_PER_S / CONFIGS_PER_S) + 1)

    def take(self, now_ns: int) -> list[NodeId]:
        """Whom to send it now."""
        since_ns = max(0, now_ns - self._filled_ns)
        self._filled_ns = max(now_ns, self._filled_ns)
        self._tokens = min(float(MOST_AT_ONCE), self._tokens + since_ns * CONFIGS_PER_S / NS_PER_S)
        taken = list(self._waiting)[: int(self._tokens)]
        self._tokens -= len(taken)
        for node_id in taken:
            del self._waiting[node_id]
        return taken

    def sent(self, node_id: NodeId, now_ns: int) -> int:
        """When to look whether it was acknowledged."""
        tries = self._tries.get(node_id, 0)
        self._tries[node_id] = tries + 1
        return now_ns + (self._send_again_ns << min(tries, MOST_DOUBLINGS))


class Questions:
    """Who was asked to report, and when."""

    def __init__(self) -> None:
        self._asked: dict[NodeId, int] = {}
        self._all_ns: int | None = None
        self._all_wanted = False

    def may_ask(self, node_id: NodeId, now_ns: int) -> bool:
        """Whether to ask it now; it is taken as asked."""
        last = self._asked.get(node_id, self._all_ns)
        if self._all_ns is not None and last is not None:
            last = max(last, self._all_ns)
        if last is not None and now_ns - last < ASK_AGAIN_NS:
            return False
        if len(self._asked) >= _MOST_STRANGERS:
            self._asked.clear()
        self._asked[node_id] = now_ns
        return True

    def want_all(self) -> None:
        """All are to be asked; many times in a moment is once."""
        self._all_wanted = True

    def due_ns(self, now_ns: int) -> int | None:
        """When all are to be asked; None: they are not."""
        if not self._all_wanted:
            return None
        return now_ns if self._all_ns is None else self._all_ns + ASK_ALL_AGAIN_NS

    def take_all(self, now_ns: int) -> bool:
        """Whether to ask all now."""
        due_ns = self.due_ns(now_ns)
        if due_ns is None or due_ns > now_ns:
            return False
        self._all_wanted, self._all_ns = False, now_ns
        return True


class Refusals:
    """Why machines were not let in last: who is refused asks again and again, and users are told once.

    Strangers may have as many names as they like, so only the newest are known.
    """

    def __init__(self) -> None:
        self._reasons: dict[NodeId, str] = {}

    def is_new(self, node_id: NodeId, reason: str) -> bool:
        """Whether this was not told of it already."""
        told = self._reasons.pop(node_id, None)
        if len(self._reasons) >= _MOST_STRANGERS:
            del self._reasons[next(iter(self._reasons))]
        self._reasons[node_id] = reason
        return told != reason

    def forget(self, node_id: NodeId) -> None:
        """It is in."""
        self._reasons.pop(node_id, None)
