"""The state of one camera: connect, live, stalled, back off, again. No I/O, no thread, no clock.

Events and a time in ns (monotonic) go in; the one thing to do that comes out is the number of the
connection attempt to begin now. Every word of a connection carries the number of its attempt, and what an
attempt says that is no longer the current one changes nothing: a thread that hangs in libav can be left
behind, and a fresh one takes over.

    idle ─► connecting ─► live ⇄ stalled
                │           │       │
                ▼           ▼       ▼          done: a recording was read to its end
            backing_off ◄───┴───────┘          disabled: trying again would not help
                └──────► connecting

It promises: at most one attempt is current; one that is left behind is counted until its last word, and
at most `loose` of them exist; a camera that is to be read is never left without a deadline, except while
a packet of its own is being delivered; after `stop` nothing begins.
It does not do: logging, and deciding how long to wait, which `delay_ns` is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from sightline.clock import NS_PER_S
from sightline.errors import SightlineError, SourceSilent


class State(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    BACKING_OFF = "backing_off"
    DISABLED = "disabled"
    DONE = "done"


RUNNING: Final = frozenset({State.CONNECTING, State.LIVE, State.STALLED})

Delay: TypeAlias = Callable[[SightlineError, int], int | None]
"""`delay_ns(fault, failures)`: how long to wait after so many failures in a row; None: never again."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long is too long, in ns, and how many.

    Attributes:
        open_ns: for connecting, before the attempt is left behind.
        call_ns: for one call that waits for a packet, likewise.
        silence_ns: without a packet, before the connection is broken off.
        settled_ns: of being live, after which earlier failures are forgotten.
        loose: attempts left behind at a time; no other is begun until one of them ends.
    """

    open_ns: int
    call_ns: int
    silence_ns: int
    settled_ns: int = 10 * NS_PER_S
    loose: int = 4


class Machine:
    """One camera. Not thread-safe: the shell has the lock."""

    def __init__(self, camera_id: str, limits: Limits, delay_ns: Delay) -> None:
        self._camera_id = camera_id
        self._limits = limits
        self._delay_ns = delay_ns
        self._silence_ns = limits.silence_ns
        self._bound_ns = limits.open_ns
        self._call_ns: int | None = None  # since when libav has been busy; None: it is not
        self._quiet_ns: int | None = None  # since when we have been waiting for a packet
        self._live_ns: int | None = None
        self.state = State.IDLE
        self.fault: SightlineError | None = None
        self.retry_ns: int | None = None
        self.attempt = 0
        self.failures = 0
        self.loose: set[int] = set()
        self._stopped = False

    def start(self, now_ns: int) -> int | None:
        """Begin. Gives the attempt to begin, or None where it was begun or stopped before."""
        return None if self.attempt or self._stopped else self._connect(now_ns)

    def opened(self, attempt: int, now_ns: int) -> bool:
        """The connection is up, for the first time or as a recording begins again. False: nobody wants it."""
        if not self._is_current(attempt):
            return False
        self._bound_ns = self._limits.call_ns
        self._call_ns = self._quiet_ns = now_ns
        return True

    def waits(self, attempt: int, now_ns: int) -> bool:
        """A call for the next packet begins. False: do not call, end the attempt."""
        if not self._is_current(attempt):
            return False
        if self._call_ns is None:  # the time of a delivery is not a silence of the camera
            self._quiet_ns = now_ns
        self._call_ns = now_ns
        self._notice_silence(now_ns)
        return self.state is not State.STALLED

    def received(self, attempt: int, now_ns: int, silence_ns: int = 0) -> bool:
        """A packet came and is delivered now. False: it is nobody's any more.

        `silence_ns` is what this camera has taught to be a normal silence.
        """
        if not self._is_current(attempt):
            return False
        self._silence_ns = max(self._limits.silence_ns, silence_ns)
        if self.state is not State.LIVE:
            self.state, self.fault = State.LIVE, None
            self._live_ns = self._live_ns or now_ns
        self._call_ns = None
        return True

    def ended(self, attempt: int, now_ns: int, fault: SightlineError | None) -> None:
        """The last word of an attempt: what broke it, or None where all was read."""
        self.loose.discard(attempt)
        if not self._is_current(attempt):
            return
        fault = self._stall() or fault
        if fault is None:
            self._settle(State.DONE, None)
        else:
            self._fail(now_ns, fault)

    def tick(self, now_ns: int) -> int | None:
        """Time has passed. Gives the attempt to begin now, if one is due."""
        if self.state in RUNNING:
            self._notice_silence(now_ns)
            self._notice_hang(now_ns)
        elif self.state is State.BACKING_OFF and self.retry_ns is not None and now_ns >= self.retry_ns:
            return self._retry(now_ns)
        return None

    def stop(self) -> None:
        """Nothing begins any more; an attempt that runs is told at its next question."""
        if self.state in RUNNING:
            self.loose.add(self.attempt)
        if self.state not in {State.DONE, State.DISABLED}:
            self._settle(State.IDLE, None)
        self._stopped = True

    @property
    def deadline_ns(self) -> int | None:
        """When `tick` has something to do at the latest; None: only after another event."""
        if self.state is State.BACKING_OFF:
            return self.retry_ns
        if self.state not in RUNNING or self._call_ns is None:
            return None
        hang_ns = self._call_ns + self._bound_ns
        if self._quiet_ns is None or self.state is State.STALLED:
            return hang_ns
        return min(hang_ns, self._quiet_ns + self._silence_ns)

    def _is_current(self, attempt: int) -> bool:
        return attempt == self.attempt and self.state in RUNNING

    def _connect(self, now_ns: int) -> int:
        self.attempt += 1
        self.state, self.retry_ns = State.CONNECTING, None
        self._bound_ns = self._limits.open_ns
        self._call_ns, self._quiet_ns, self._live_ns = now_ns, None, None
        return self.attempt

    def _retry(self, now_ns: int) -> int | None:
        if len(self.loose) < self._limits.loose:
            return self._connect(now_ns)
        self._fail(now_ns, self._silent(f"{len(self.loose)} earlier connections hang inside libav"))
        return None

    def _fail(self, now_ns: int, fault: SightlineError) -> None:
        if self._live_ns is not None and now_ns - self._live_ns >= self._limits.settled_ns:
            self.failures = 0
        self.failures += 1
        delay_ns = self._delay_ns(fault, self.failures)
        self._settle(State.DISABLED if delay_ns is None else State.BACKING_OFF, fault)
        self.retry_ns = None if delay_ns is None else now_ns + delay_ns

    def _settle(self, state: State, fault: SightlineError | None) -> None:
        self.state, self.fault = state, fault
        self.retry_ns = self._call_ns = self._quiet_ns = self._live_ns = None

    def _notice_silence(self, now_ns: int) -> None:
        if self.state is State.STALLED or self._call_ns is None or self._quiet_ns is None:
            return
        if now_ns - self._quiet_ns >= self._silence_ns:
            self.state = State.STALLED
            self.fault = self._silent(f"connected, and nothing came for {self._silence_ns / NS_PER_S:.1f} s")

    def _notice_hang(self, now_ns: int) -> None:
        if self._call_ns is not None and now_ns - self._call_ns >= self._bound_ns:
            self.loose.add(self.attempt)
            hang = self._silent(f"libav has not come back for {self._bound_ns / NS_PER_S:.1f} s")
            self._fail(now_ns, self._stall() or hang)

    def _stall(self) -> SightlineError | None:
        """Why the present connection is broken off by us; what libav says of its end is no news then."""
        return self.fault if self.state is State.STALLED else None

    def _silent(self, message: str) -> SourceSilent:
        return SourceSilent(message, camera_id=self._camera_id)
