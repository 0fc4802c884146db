"""Who of some children is begun when, and ended when. Pure: it is told how they are, and the time.

A child with a `gate` closes a *stage*: those behind it are begun once it is ready, and it is ended once they
are. The children of one stage are begun in their order, and ended together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sightline.clock import ns
from sightline.errors import ConfigError
from sightline.supervise.spec import ChildSpec
from sightline.supervise.watched import State


class Order:
    """The stages of some children.

    Attributes:
        deadline_ns: when none of them is to be left; None as long as they are to run.

    Raises:
        ConfigError: two children of one name.
    """

    def __init__(self, children: Sequence[ChildSpec]) -> None:
        self._stages = _stages(children)
        self._begun = 0
        self.deadline_ns: int | None = None

    def to_begin(self, state: Callable[[str], State]) -> list[str]:
        """The next stage, where its time has come: once each. `state` tells how a child is."""
        if self.deadline_ns is not None or self._begun == len(self._stages):
            return []
        if self._begun and state(self._stages[self._begun - 1][-1].name) is not State.RUNNING:
            return []
        self._begun += 1
        return [child.name for child in self._stages[self._begun - 1]]

    def end(self, now_ns: int, timeout_s: float | None = None) -> None:
        """All are to end, within `timeout_s`; not given, within what they need one after the other."""
        if timeout_s is None:
            timeout_s = sum(max(child.watch.stop_s for child in stage) for stage in self._stages)
        by_ns = now_ns + ns(timeout_s)
        if self.deadline_ns is None:
            self.deadline_ns, self._begun = by_ns, len(self._stages)
        self.deadline_ns = min(self.deadline_ns, by_ns)  # a second word may bring it forward

    def to_end(self, now_ns: int, state: Callable[[str], State]) -> dict[str, int]:
        """Who is to end now, and by when: the last stage that has not. All stages share the time."""
        if self.deadline_ns is None:
            return {}
        while self._begun and all(state(c.name) is State.ENDED for c in self._stages[self._begun - 1]):
            self._begun -= 1
        if not self._begun:
            return {}
        share_ns = max(0, self.deadline_ns - now_ns) // self._begun
        stage = self._stages[self._begun - 1]
        return {child.name: now_ns + min(share_ns, ns(child.watch.stop_s)) for child in stage}

    @property
    def is_over(self) -> bool:
        """Whether all have ended, as they were to."""
        return self.deadline_ns is not None and not self._begun


def _stages(children: Sequence[ChildSpec]) -> list[list[ChildSpec]]:
    names: set[str] = set()
    stages: list[list[ChildSpec]] = [[]]
    for child in children:
        if child.name in names:
            raise ConfigError(f"expected children of different names, got {child.name!r} twice")
        names.add(child.name)
        stages[-1].append(child)
        if child.gate:
            stages.append([])
    return [stage for stage in stages if stage]
