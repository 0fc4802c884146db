"""The counts of a worker over all the processes that it had. Pure.

Each life of it counts from 0. What a life told last is what is known of it when it has ended, but for how
many results it came to and wrote: these are counted to its very end. What waited or was in hand then is
counted as dropped, `killed`, so that the counts of what is over always balance.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec

from sightline.buffer import BufferStats
from sightline.clock import ns
from sightline.codec import DecoderStats
from sightline.mux import Heard, LaneStats
from sightline.routines import Looked
from sightline.routines.looked import NOTHING_LOOKED_AT
from sightline.site.outlet import OutletStats
from sightline.site.worker import WorkerCounts

KILLED: Final = "killed"

LIFE: Final = "life"
"""The lane that has the number of the life of which a process's other lanes are."""
_NOT_ENDED: Final[Mapping[str, int]] = {}
Hop = TypeVar("Hop", BufferStats, DecoderStats)
Counts = TypeVar("Counts", bound=msgspec.Struct)


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker counted so far in one process, or in several.

    Attributes:
        number: which; another one for each process.
        lanes, looked: by camera.
        outlets: by sink.
    """

    number: int = 0
    lanes: dict[str, LaneStats] = {}
    looked: dict[str, Looked] = {}
    outlets: dict[str, OutletStats] = {}

    @property
    def idle(self) -> bool:
        """Whether it reads, and has nothing to do. What a decoder holds may wait for what never comes."""
        return bool(self.lanes) and not any(
            (
                *(lane.bus.held or lane.packets.held or lane.frames.held for lane in self.lanes.values()),
                *(lane.frames.left != self._looked_at(name) for name, lane in self.lanes.items()),
                *(not outlet.idle for outlet in self.outlets.values()),
            )
        )

    def _looked_at(self, name: str) -> int:
        looked = self.looked.get(name)
        return 0 if looked is None else looked.results + looked.failed

    def counts(self, *, is_fresh: bool) -> dict[str, WorkerCounts]:
        """By camera; of what is not fresh there is no rate."""
        return {
            name: WorkerCounts.of(lane, self.looked.get(name), is_fresh=is_fresh)
            for name, lane in self.lanes.items()
        }


def results_of(camera_id: str) -> str:
    """The lane that counts the results of a camera: as a lane's name is short, not in plain words."""
    return f"results {_short(camera_id)}"


def written_to(sink: str) -> str:
    """The lane that counts the results that a sink wrote."""
    return f"written {_short(sink)}"


def _short(name: str) -> str:
    return blake2b(name.encode(), digest_size=12).hexdigest()


class Lives:
    """All of them, as far as they told.

    Attributes:
        now: the counts of all of them together.
    """

    def __init__(self) -> None:
        self._before = Life()
        self._last = Life()
        self._parted = False
        self._done = _NOT_ENDED
        self.now = Life()

    def heard(self, life: Life, done: Mapping[str, int] = _NOT_ENDED) -> None:
        """A life told its counts: the one that told last, once more, or the next.

        `done` is what the lanes of the last process that ended had done.
        """
        self._done = done
        if life.number != self._last.number:
            self._before = together(self._before, ended(self._last, done))
            self._parted = False
        self._last = life
        self._add_up()

    def parted(self) -> None:
        """The one that told last has ended. Again is allowed, and what it told may still come."""
        self._parted = True
        self._add_up()

    def _add_up(self) -> None:
        self.now = together(self._before, self._last_now)

    @property
    def _last_now(self) -> Life:
        return ended(self._last, self._done) if self._parted else self._last


class InVain:
    """Whether a worker's processes end one after the other before any of them comes to a result.

    However long each of them takes to come so far: a supervisor, which does not know what they are for, may
    take one that loads its model for a minute and then dies for one that is well.
    """

    def __init__(self, most: int = 8, within_s: float = 600.0) -> None:
        self._ends_ns: deque[int] = deque(maxlen=most)
        self._within_ns = ns(within_s)
        self._ends = self._results = 0

    def look(self, ends: int, results: int, now_ns: int) -> bool:
        """Whether that is so, by how many have ended and how many results there are by now."""
        if results > self._results:
            self._ends_ns.clear()
        self._ends_ns.extend([now_ns] * (ends - self._ends))
        self._ends, self._results = ends, results
        is_full = len(self._ends_ns) == self._ends_ns.maxlen
        return is_full and now_ns - self._ends_ns[0] <= self._within_ns


def together(one: Life, other: Life) -> Life:
    """The counts of both; what does not count is as the other has it."""
    return Life(
        number=other.number,
        lanes=_by_name(_lane, one.lanes, other.lanes),
        looked=_by_name(_looked, one.looked, other.looked),
        outlets=_by_name(_outlet, one.outlets, other.outlets),
    )


def ended(life: Life, done: Mapping[str, int] = _NOT_ENDED) -> Life:
    """The same when its process is no more: nothing is held, nothing is in hand, nothing comes."""
    if done.get(LIFE) == life.number:
        life = _completed(life, done)
    lanes = {name: _ended(lane, life.looked.get(name)) for name, lane in life.lanes.items()}
    looked = {name: msgspec.structs.replace(of, rate=0.0) for name, of in life.looked.items()}
    outlets = {
        name: msgspec.structs.replace(of, waiting=_settled(of.waiting, of.written + of.failed))
        for name, of in life.outlets.items()
    }
    return Life(number=life.number, lanes=lanes, looked=looked, outlets=outlets)


def _completed(life: Life, done: Mapping[str, int]) -> Life:
    looked = {name: life.looked.get(name, NOTHING_LOOKED_AT) for name in life.lanes}
    return msgspec.structs.replace(
        life,
        looked={
            name: msgspec.structs.replace(of, results=max(of.results, done.get(results_of(name), 0)))
            for name, of in looked.items()
        },
        outlets={
            name: msgspec.structs.replace(of, written=max(of.written, done.get(written_to(name), 0)))
            for name, of in life.outlets.items()
        },
    )


def _ended(lane: LaneStats, looked: Looked | None) -> LaneStats:
    """From its end to its beginning: what went on from a hop is what came to the next."""
    seen = 0 if looked is None else looked.results + looked.failed
    frames = _settled(lane.frames, seen)
    decoder = _settled(lane.decoder, frames.entered)
    return msgspec.structs.replace(
        lane,
        bus=_settled(lane.bus, lane.bus.left),
        packets=_settled(lane.packets, decoder.entered + lane.undecodable),
        decoder=decoder,
        frames=frames,
        heard=msgspec.structs.replace(lane.heard, fps=0.0),
    )


def _settled(hop: Hop, left: int) -> Hop:
    """A hop of which this many went on: the others that came and were not dropped were killed."""
    lost = hop.entered - left - sum(hop.dropped.values())
    dropped = dict(Counter(hop.dropped) + Counter({KILLED: lost}))
    # What went on and was not yet told to have come, came.
    entered = hop.entered + max(0, -lost)
    return msgspec.structs.replace(hop, entered=entered, left=left, dropped=dropped, held=0)


def _by_name(
    add: Callable[[Counts, Counts], Counts], one: dict[str, Counts], other: dict[str, Counts]
) -> dict[str, Counts]:
    both = {name: add(one[name], of) if name in one else of for name, of in other.items()}
    return {**one, **both}


def _lane(one: LaneStats, other: LaneStats) -> LaneStats:
    return LaneStats(
        bus=_buffer(one.bus, other.bus),
        malformed=one.malformed + other.malformed,
        packets=_buffer(one.packets, other.packets),
        decoder=_decoder(one.decoder, other.decoder),
        undecodable=one.undecodable + other.undecodable,
        frames=_buffer(one.frames, other.frames),
        heard=_heard(one.heard, other.heard),
    )


def _buffer(one: BufferStats, other: BufferStats) -> BufferStats:
    return msgspec.structs.replace(
        other,
        entered=one.entered + other.entered,
        left=one.left + other.left,
        dropped=_dropped(one.dropped, other.dropped),
        peak_held=max(one.peak_held, other.peak_held),
        refused=one.refused + other.refused,
    )


def _decoder(one: DecoderStats, other: DecoderStats) -> DecoderStats:
    return msgspec.structs.replace(
        other,
        entered=one.entered + other.entered,
        left=one.left + other.left,
        dropped=_dropped(one.dropped, other.dropped),
        gop=other.gop or one.gop,
        device=other.device or one.device,
    )


def _heard(one: Heard, other: Heard) -> Heard:
    if not other.packets:
        return msgspec.structs.replace(one, over=one.over or other.over)
    return msgspec.structs.replace(other, packets=one.packets + other.packets)


def _looked(one: Looked, other: Looked) -> Looked:
    return msgspec.structs.replace(
        other,
        results=one.results + other.results,
        detections=one.detections + other.detections,
        failed=one.failed + other.failed,
        newest=other.newest or one.newest,
    )


def _outlet(one: OutletStats, other: OutletStats) -> OutletStats:
    return msgspec.structs.replace(
        other,
        waiting=_buffer(one.waiting, other.waiting),
        written=one.written + other.written,
        failed=one.failed + other.failed,
        late=one.late + other.late,
    )


def _dropped(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))
