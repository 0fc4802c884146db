"""How far a generation has come: kept as pending, its steps, verified, current; or failed, and why. Pure.

What is `current` came through its gates and is on disk. Only what is proven by it is gone back to. What
failed is tried again by itself, ever more rarely: it may have failed for an outage. A write that fails begins
the three stages anew, after growing delays: half of a pair of renames may have been done.

Deliberately not here: the steps themselves (`planning`), and files (`disk`).
"""

from __future__ import annotations

from typing import Final

from sightline.fleet.deciding.agent.alarm import Alarm
from sightline.fleet.deciding.agent.desired import Desired, DesiredInstance, Keep, Stage
from sightline.fleet.deciding.agent.retry import DEPLOYMENTS, WRITES, Tries

MOST_REASON: Final = 1000


class Deployment:
    """From one generation to the next.

    Attributes:
        newest: what is to run; None: nobody said yet.
        current: what was verified last.
        failed: by instance, why it did not come through its gate.
        error: why the newest cannot be kept on disk; "": it can.
        refused: a newer generation than the newest, that came and cannot be used; 0: none. refusal: why.
        touching: there was news, or it was waited for long enough: what runs may be changed.
    """

    def __init__(self, current: Desired | None, wait_until_ns: int) -> None:
        self.newest = self.current = current
        self.failed: dict[str, str] = {}
        self.error = self.refusal = ""
        self.refused = 0
        self.touching = False
        self._wait_until_ns = wait_until_ns
        self._pending: Desired | None = None
        self._verified: Desired | None = None
        self._keeping: Keep | None = None
        self._tries = Tries(WRITES)
        self._anew = Tries(DEPLOYMENTS)

    @property
    def generation(self) -> int:
        return self.newest.generation if self.newest else 0

    @property
    def verified_generation(self) -> int:
        return self.current.generation if self.current else 0

    @property
    def done(self) -> bool:
        return self.newest is self.current

    @property
    def may_change(self) -> bool:
        """Whether what was not proven yet may be begun: it is on disk that we are about to."""
        return self._pending is self.newest or self.done

    def news(self, desired: Desired) -> str:
        """A configuration came; gives what is to be told of it. An older one, or the same one, changes
        nothing; nor does another text of the same generation, which no coordinator sends.
        """
        if desired.generation < self.generation:
            return f"generation {desired.generation} is out of date: {self.generation} is known"
        if desired.generation >= self.refused:
            self.refused, self.refusal = 0, ""
        if self.newest and desired.generation == self.generation:
            self.touching = True
            same = _digests(desired) == _digests(self.newest)
            return "" if same else f"generation {self.generation} came with another content: the first holds"
        self.newest, self.touching = desired, True
        self.failed.clear()
        self._anew.reset()
        return f"generation {desired.generation} is to be deployed"

    def refuse(self, generation: int, why: str) -> bool:
        """One came that cannot be used. False: it is out of date, or known to be so."""
        if generation <= self.generation or (generation, why) == (self.refused, self.refusal):
            return False
        self.refused, self.refusal = generation, why
        return True

    def wait(self, now_ns: int, alarm: Alarm) -> None:
        """Without any news for long enough, it goes by `current`."""
        if not self.touching and self.newest:
            self.touching = alarm.passed(self._wait_until_ns, now_ns)

    def proven(self, target: DesiredInstance) -> bool:
        verified = self.current.instances.get(target.name) if self.current else None
        return verified is not None and verified.digest == target.digest

    def target(self, name: str) -> DesiredInstance | None:
        """What is to run under that name: where the new one failed, the one that was verified before."""
        if name in self.failed and self.current and name in self.current.instances:
            return self.current.instances[name]
        return self.newest.instances.get(name) if self.newest else None

    def fail(self, name: str, reason: str, now_ns: int) -> bool:
        """It did not come through its gate. False: that is known."""
        known = name in self.failed
        if not self.failed:
            self._anew.failed(now_ns)
        self.failed.setdefault(name, reason)
        return not known

    def recovered(self, name: str) -> None:
        """One that had nothing to go back to came through its gate after all."""
        self.failed.pop(name, None)

    def again(self, now_ns: int, alarm: Alarm) -> list[str]:
        """What failed, where it is time to try it once more."""
        if not self.failed or not alarm.passed(self._anew.again_ns, now_ns):
            return []
        names = [*self.failed]
        self.failed.clear()
        return names

    def retry(self) -> None:
        self.failed.clear()
        self._anew.reset()
        self._tries.reset()

    def reason(self) -> str:
        failed = [f"{name}: {reason}" for name, reason in self.failed.items()]
        if self.refused:
            failed.insert(0, f"generation {self.refused} cannot be used: {self.refusal}")
        return "; ".join([*failed, *([self.error] if self.error else [])])[:MOST_REASON]

    def keep(self, complete: bool, now_ns: int, alarm: Alarm) -> Keep | None:
        """What to write now; `complete`: all steps of the newest are done and came through their gates."""
        step = None if self._keeping else self._next(complete)
        if step and alarm.passed(self._tries.again_ns, now_ns):
            self._keeping = step
            return step
        return None

    def _next(self, complete: bool) -> Keep | None:
        if self._verified:
            return Keep("current", self._verified)
        if self.newest is None or self.done:
            return None
        if self._pending is not self.newest:
            return Keep("pending", self.newest)
        return Keep("verified", self.newest) if complete else None

    def kept(self, stage: Stage, error: str | None, now_ns: int) -> bool:
        """That was written, or was not. False: nobody asked for it."""
        keeping = self._keeping
        if keeping is None or keeping.stage != stage:
            return False
        self._keeping = None
        if error is not None:
            self._begin_anew(f"{stage} cannot be kept: {error}", now_ns)
        else:
            self._tries.reset()
            self.error = ""
            self._move(keeping)
        return True

    def _move(self, keeping: Keep) -> None:
        if keeping.stage == "pending":
            self._pending = keeping.desired
        elif keeping.stage == "verified":
            self._verified = keeping.desired
        else:
            self.current, self._verified, self._pending = keeping.desired, None, None

    def _begin_anew(self, error: str, now_ns: int) -> None:
        self.error = error
        self._pending = self._verified = None
        self._tries.failed(now_ns)


def _digests(desired: Desired) -> dict[str, str]:
    return {name: one.digest for name, one in desired.instances.items()}
