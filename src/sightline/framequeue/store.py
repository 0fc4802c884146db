"""What a store of pictures promises, whatever keeps them.

A picture lies in a store under its key until it is taken, finished, too old, or in the way of newer ones.
Who works on one *claims* it for a lease, and *finishes* it: then its result is written, the picture goes, and
a mark says for a while that it is done. So no worker's death loses a picture, and one at a time has it:

- Of two who claim one key the second is told that it is busy, and for how long.
- A lease that ran out is anybody's. Each claim has a token above all before it, and what one with an older
  token wants to extend, give back or finish does nothing and says so: whoever was late has not been.
- Of two who finish a key the first has, whatever came before. Attempts are claims, and are counted here, as
  brokers have no more than a flag.

A store has a budget in bytes of pictures. At it the camera that holds most gives up its oldest picture for
the newcomer (`stores.budget`); what cannot fit is refused. A picture that is claimed goes
neither for another nor with its time; who deletes or takes it nevertheless leaves the claim as it is. Every
picture stored is held, or left in one way that is counted:

    stored = held + finished + taken + deleted + expired + evicted + orphans + lost

Any number of processes may use one store, where it reaches them; any thread may use a handle. Each method is
one step: it happens wholly or not at all, whenever this process or another ends.

Deliberately not here: which keys are to be worked on, and in which order. That is a queue's. So a store does
not know that a key was never sent, or that its queue was lost: `overdue` names pictures that nobody seems to
know of, to be sent again, and `sweep` takes those that nobody has had in hand for as long as it is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self, TypeAlias

import msgspec

from sightline.errors import ConfigError
from sightline.framequeue.key import FrameKey

MAX_RESULT_BYTES: Final = 2**20
"""Of a result; pictures belong elsewhere."""

MAX_WORKER_CHARS: Final = 200


DONE_TTL_S: Final = 600.0
"""How long a key is remembered as done where nobody says: longer than a broker takes to give it again."""


class Refusal(StrEnum):
    """Why a picture was not stored."""

    TOO_LARGE = "too_large"
    """It is larger than the whole budget."""
    DONE = "done"
    """A picture of that key was finished already."""
    FULL = "full"
    """What is claimed leaves no room in the budget, or the server has none, whatever the budget says."""


class Put(msgspec.Struct, frozen=True):
    """What became of a picture that was put, and which went for it."""

    key: FrameKey
    refused: Refusal | None = None
    evicted: tuple[FrameKey, ...] = ()

    @property
    def stored(self) -> bool:
        return self.refused is None


class Claim(msgspec.Struct, frozen=True):
    """The right to finish a key.

    Attributes:
        key: the picture's.
        token: above that of every earlier claim.
        worker: who has it.
        attempt: how often the picture was claimed, this time counted.
        last_reason: what the claim before it was given back for; "" where it was not, or nobody said.
    """

    key: FrameKey
    token: int
    worker: str
    attempt: int
    last_reason: str = ""


class Claimed(msgspec.Struct, frozen=True):
    """It is yours: the claim, and the bytes of the picture."""

    claim: Claim
    data: bytes


class Busy(msgspec.Struct, frozen=True):
    """Somebody has it, for so many seconds unless the lease is extended or the key given back."""

    for_s: float
    worker: str = ""


class Done(msgspec.Struct, frozen=True):
    """It was finished, with this result."""

    result: bytes


class Gone(msgspec.Struct, frozen=True):
    """There is no such picture: too old, evicted, deleted, taken, or never here."""


Taking: TypeAlias = Claimed | Busy | Done | Gone
"""What `claim` answers."""


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What was found and put in order.

    Attributes:
        leases: claims whose lease ran out since the last time; their keys may be claimed.
        expired: pictures that were too old.
        orphans: pictures that nobody had claimed for as long as `sweep` was told.
        marks: results that were remembered long enough.
    """

    leases: int = 0
    expired: int = 0
    orphans: int = 0
    marks: int = 0


class CameraUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of one camera: those held, and what became of all that ever came, since the store began.

    Attributes:
        frames, bytes: held now.
        stored: pictures that were put and not refused; one that took the place of its like is none more.
        finished, taken, deleted, expired, evicted, orphans: how those left that are not held.
        lost: those that were not there, or not whole, when they were wanted: what keeps them failed us.
        refused: pictures that were put and not stored.
    """

    frames: int = 0
    bytes: int = 0
    stored: int = 0
    finished: int = 0
    taken: int = 0
    deleted: int = 0
    expired: int = 0
    evicted: int = 0
    orphans: int = 0
    lost: int = 0
    refused: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the counts add up; they do at any moment."""
        ended = self.finished + self.taken + self.deleted
        dropped = self.expired + self.evicted + self.orphans + self.lost
        return self.stored == self.frames + ended + dropped

    def __add__(self, other: CameraUsage) -> CameraUsage:
        names = CameraUsage.__struct_fields__
        return CameraUsage(**{name: getattr(self, name) + getattr(other, name) for name in names})


class StoreUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds.

    Attributes:
        cameras: by camera; those of which nothing was ever put are not there.
        limit: the budget in bytes; None: there is none.
        claimed: keys in somebody's hand.
        marks: keys that are remembered as done.
    """

    cameras: dict[str, CameraUsage]
    limit: int | None
    claimed: int
    marks: int

    @property
    def total(self) -> CameraUsage:
        """All cameras together."""
        return sum(self.cameras.values(), CameraUsage())


class Advice(msgspec.Struct, frozen=True):
    """What is wrong with how a server is set, and the line that mends it; "" where there is none."""

    text: str
    line: str = ""


class FrameStore(Protocol):
    """A handle on a store. Any thread may use it; a `with` block closes it.

    All methods raise `Closed` once this side closed it, and `BusError` where the store is out of reach or
    broken.
    """

    def put(self, frames: Sequence[tuple[FrameKey, bytes]], ttl_s: float | None) -> list[Put]:
        """Stores pictures in this order, many in one trip; one answer a picture.

        A key that is there already gets the new bytes and the new age, and keeps its claim and its attempts.

        Args:
            frames: keys, each with its picture.
            ttl_s: when they are too old to be of use; None: never.

        Raises:
            ConfigError: a picture is not of its key's size, or the time is none; nothing was stored.
        """

    def peek(self, key: FrameKey) -> bytes | None:
        """The picture, which stays; None where it is not there."""

    def getdel(self, key: FrameKey) -> bytes | None:
        """The picture, which goes: it is lost where its taker dies. None where it is not there."""

    def delete(self, keys: Iterable[FrameKey]) -> int:
        """Lets pictures go, claimed or not. Returns how many there were."""

    def claim(self, key: FrameKey, worker: str, lease_s: float) -> Taking:
        """Asks for a picture, for `lease_s` seconds.

        Raises:
            ConfigError: the lease is not above 0, or the worker's name is empty or too long.
        """

    def extend(self, claim: Claim, lease_s: float) -> bool:
        """The lease ends in `lease_s` from now, also where it had run out.

        False: another has claimed the key since, it was given back or finished, or its picture and its lease
        are both gone; and nothing happened.
        """

    def give_back(self, claim: Claim, reason: str = "") -> bool:
        """The lease ends now, and the attempt counts; `reason` is for who claims next. False: as `extend`."""

    def bury(self, claim: Claim, reason: str, ttl_s: float) -> bool:
        """The lease ends now, as nobody is to work on the key again by itself. False: as `extend`.

        Its picture, where it is still there, stays for `ttl_s` from now and is not told of as overdue. Who
        claims it nevertheless, as for somebody who looked at the dead letter, begins with attempt 1, and is
        told the reason.

        Raises:
            ConfigError: the time is none.
        """

    def finish(self, claim: Claim, result: bytes = b"") -> bool:
        """Writes the result and lets the picture go, if it is still there. False: as `extend`.

        Raises:
            ConfigError: the result is above `MAX_RESULT_BYTES`.
        """

    def sweep(self, orphan_age_s: float | None = None) -> Swept:
        """Puts in order what those left who died. Any process may do so at any time.

        Args:
            orphan_age_s: pictures that were put so long ago and are in nobody's hand go too; None: they stay.
        """

    def overdue(self, after_s: float, limit: int) -> list[FrameKey]:
        """Keys to be sent again, those first that have waited longest, and notes that they are told.

        They are those of pictures that for `after_s` were not put, not told of here, and in nobody's hand.
        A key that a queue has still is sent twice then, which claims make harmless.

        Args:
            after_s: longer than keys wait in the queue.
            limit: at most so many.

        Raises:
            ConfigError: the time is none, or the limit is below 1.
        """

    def last_captured_ms(self, camera_id: str) -> int | None:
        """When the picture of that camera that was stored last was taken, as its key says; None: never one.

        A sampler that begins again asks, and takes no second twice.
        """

    def usage(self) -> StoreUsage:
        """What it holds, and what became of all that came."""

    def check(self) -> list[Advice]:
        """What is wrong with how its server is set; [] where nothing is, or there is no server."""

    def close(self) -> None:
        """Ends this handle. Claims stay, until their leases run out. Again is allowed."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def checked_frames(frames: Sequence[tuple[FrameKey, bytes]]) -> Sequence[tuple[FrameKey, bytes]]:
    """`frames`. Raises ConfigError where a picture is not of its key's size."""
    for key, data in frames:
        if len(data) != key.size:
            raise ConfigError(
                f"expected {key.size} bytes as the key says, got {len(data)}",
                camera_id=key.camera_id,
                epoch=key.epoch,
                index=key.index,
            )
    return frames


def checked_time(what: str, seconds: float) -> float:
    """`seconds`. Raises ConfigError where it is not above 0, or no time at all."""
    if not 0 < seconds < math.inf:
        raise ConfigError(f"expected {what} above 0 s, got {seconds}")
    return seconds


def checked_many(limit: int) -> int:
    """`limit`. Raises ConfigError where it is below 1."""
    if limit < 1:
        raise ConfigError(f"expected a limit of at least 1 key, got {limit}")
    return limit


def checked_worker(name: str) -> str:
    """`name`. Raises ConfigError where it is not 1 to 200 characters of Unicode."""
    if not 1 <= len(name) <= MAX_WORKER_CHARS or not name.isprintable():
        raise ConfigError(
            f"expected a worker's name of 1 to {MAX_WORKER_CHARS} printable characters, got {name[:300]!r}"
        )
    return name


def checked_result(result: bytes) -> bytes:
    """`result`. Raises ConfigError where it is too large."""
    if len(result) > MAX_RESULT_BYTES:
        raise ConfigError(f"expected a result of at most {MAX_RESULT_BYTES} bytes, got {len(result)}")
    return result
