"""What a camera does wrong: the faults, and how a camera that has some of them behaves.

    Stall(seconds=5), HalfOpen(), Loss(share=0.01), Reorder(share=0.1), PtsJump(by_s=-3), Reset(),
    WrongClock(by_s=60), LongGop(gop_s=30), Resize(size=Size(320, 180)), WrongPassword(), SlowStart(by_s=4),
    Kill(seconds=3)

Each lasts `seconds`, or for good where that is None; `PtsJump` and `Reset` are over at once. Several hold
together; of two of one kind the later one counts. When they begin is said by `timetable`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from sightline.errors import ConfigError
from sightline.frame import Size

MAX_S: Final = 1e8  # of any time: three years


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How a camera behaves now; as it stands here, well.

    Attributes:
        stalled: it sends nothing.
        half_open: it takes connections and never answers.
        loss: the share of RTP packets that are lost, 0 to 1.
        reorder: the share of RTP packets that come after their follower, 0 to 1.
        pts_ahead_s: its RTP time stamps are off by so much: the sum of all jumps.
        clock_ahead_s: the UTC of its sender reports is off by so much.
        gop_s: seconds from keyframe to keyframe; None as it was set up.
        size: of its pictures; None as it was set up.
        refuses: no password is right.
        slow_start_s: so long it takes to answer DESCRIBE.
        resets: how often it has broken off all its connections.
        gone: its port is closed.
    """

    stalled: bool = False
    half_open: bool = False
    loss: float = 0.0
    reorder: float = 0.0
    pts_ahead_s: float = 0.0
    clock_ahead_s: float = 0.0
    gop_s: float | None = None
    size: Size | None = None
    refuses: bool = False
    slow_start_s: float = 0.0
    resets: int = 0
    gone: bool = False


WELL: Final = Behaviour()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. `seconds` is how long it lasts; None: for good.

    `on` gives the behaviour of a camera that has it, after it came `times` times.
    """

    seconds: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError for values that cannot be."""
        if self.seconds is not None:
            _expect(0 < self.seconds <= MAX_S, self, f"seconds above 0, at most {MAX_S:g}", self.seconds)

    def on(self, behaviour: Behaviour, times: int) -> Behaviour:  # noqa: ARG002  jumps and resets add up
        return replace(behaviour, **self._changes())

    def _changes(self) -> dict[str, Any]:
        """What of a behaviour is otherwise."""
        return {}


class Stall(Fault):
    """Stop sending; then begin again at a keyframe."""

    def _changes(self) -> dict[str, Any]:
        return {"stalled": True}


class HalfOpen(Fault):
    """Take connections and never answer; what plays already plays on."""

    def _changes(self) -> dict[str, Any]:
        return {"half_open": True}


class WrongPassword(Fault):
    """Refuse everybody who asks; what plays already plays on."""

    def _changes(self) -> dict[str, Any]:
        return {"refuses": True}


class Kill(Fault):
    """Break off all connections and close the port, which all cameras of a server share."""

    def _changes(self) -> dict[str, Any]:
        return {"gone": True}


class Reset(Fault):
    """Break off all connections of the camera, once."""

    def on(self, behaviour: Behaviour, times: int) -> Behaviour:
        return replace(behaviour, resets=behaviour.resets + times)


@dataclass(frozen=True, kw_only=True)
class _Share(Fault):
    share: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _expect(0 <= self.share <= 1, self, "share of 0 to 1", self.share)


class Loss(_Share):
    """Drop a share of the RTP packets, over UDP and TCP alike."""

    def _changes(self) -> dict[str, Any]:
        return {"loss": self.share}


class Reorder(_Share):
    """Send a share of the RTP packets after the one that follows them."""

    def _changes(self) -> dict[str, Any]:
        return {"reorder": self.share}


@dataclass(frozen=True, kw_only=True)
class _Shift(Fault):
    by_s: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _expect(-MAX_S <= self.by_s <= MAX_S, self, f"by_s within {MAX_S:g} s", self.by_s)


class PtsJump(_Shift):
    """Let the RTP time stamps jump, ahead or back; the sender reports that follow know of it."""

    def on(self, behaviour: Behaviour, times: int) -> Behaviour:
        return replace(behaviour, pts_ahead_s=behaviour.pts_ahead_s + self.by_s * times)


class WrongClock(_Shift):
    """Tell a UTC in the sender reports that is off."""

    def _changes(self) -> dict[str, Any]:
        return {"clock_ahead_s": self.by_s}


@dataclass(frozen=True, kw_only=True)
class SlowStart(Fault):
    """Take `by_s` seconds to answer DESCRIBE."""

    by_s: float

    def __post_init__(self) -> None:
        """Raises ConfigError for values that cannot be."""
        super().__post_init__()
        _expect(0 <= self.by_s <= MAX_S, self, f"by_s of 0 to {MAX_S:g}", self.by_s)

    def _changes(self) -> dict[str, Any]:
        return {"slow_start_s": self.by_s}


@dataclass(frozen=True, kw_only=True)
class LongGop(Fault):
    """Send a keyframe every `gop_s` seconds."""

    gop_s: float

    def __post_init__(self) -> None:
        """Raises ConfigError for values that cannot be."""
        super().__post_init__()
        _expect(0 < self.gop_s <= 3600, self, "gop_s above 0, at most 3600", self.gop_s)

    def _changes(self) -> dict[str, Any]:
        return {"gop_s": self.gop_s}


@dataclass(frozen=True, kw_only=True)
class Resize(Fault):
    """Send pictures of another size, in mid-stream; the new parameter sets come in band."""

    size: Size

    def _changes(self) -> dict[str, Any]:
        return {"size": self.size}


def _expect(right: bool, fault: Fault, what: str, got: object) -> None:
    if not right:
        raise ConfigError(f"{type(fault).__name__}: expected {what}, got {got!r}")
