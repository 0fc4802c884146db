"""What feeds tell, made by hand."""

from typing import Any

import msgspec

from sightline.hub.broker.statistics import HubStats
from sightline.overflow import BufferStats
from sightline.pipe.counts.reports import DURATION_BUCKETS, DurationStats
from sightline.pipe.counts.stats import PipeStats
from sightline.site.status import CameraView, ProcessView, SiteStatus
from sightline.site.window import Look, Usage
from sightline.top.feed import Event, Feed, Target
from sightline.top.looks import Looks

S = 1_000_000_000
NOTHING_SHARED = dict.fromkeys(
    ("peers", "pools", "held", "granted", "released", "lost", "void", "open", "freed"), 0
)
BUFFER = BufferStats(entered=0, left=0, dropped={}, held=0, held_bytes=0, peak_held=0, refused=0, fill=0.0)


def calls(**of: int) -> DurationStats:
    """`calls(b3=10)`: ten calls in bucket 3, below 8 µs, each of 4 µs."""
    buckets = [of.get(f"b{n}", 0) for n in range(DURATION_BUCKETS)]
    total_ns = sum(count * 500 * 2**n for n, count in enumerate(buckets))
    return DurationStats(total_ns=total_ns, max_ns=10**9, buckets=tuple(buckets))


def routine(name: str, **of: Any) -> dict[str, Any]:
    counts = dict.fromkeys(
        ("entered", "processed", "failed", "held", "given", "unsent", "restarts", "dead_letters"), 0
    )
    rest = {
        "state": "running",
        "reason": "",
        "fps": 0.0,
        "main_logic": DurationStats(),
        "setup": DurationStats(),
    }
    named = {"routine": name, "dropped": {}, "lost": {}, "wires_in": {}, "wires_out": {}}
    return named | counts | rest | of


def flow(name: str, *routines: dict[str, Any], **of: Any) -> dict[str, Any]:
    rest = {"state": "running", "reason": "", "pid": 4711, "restarts": 0, "rss_bytes": 0, "cpu_s": 0.0}
    return {"flow": name, "routines": {one["routine"]: one for one in routines}} | rest | of


def wire(source: str, destination: str, **of: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("entered", "left", "waiting", "peak", "sent_bytes", "copied_bytes"), 0)
    ends = {"source": source, "source_flow": "f", "destination": destination, "destination_flow": "f"}
    return ends | counts | {"policy": "live", "capacity": 1, "linked": True, "dropped": {}} | of


def pipe(*flows: dict[str, Any], wires: tuple[dict[str, Any], ...] = ()) -> PipeStats:
    told = {"state": "running", "flows": {one["flow"]: one for one in flows}, "wires": wires}
    return msgspec.convert(msgspec.to_builtins(told | {"shared": NOTHING_SHARED}), PipeStats)


def camera(**of: Any) -> CameraView:
    stream = {"state": "live", "reason": "", "retry_in_s": None, "source": "h264 320x180", "fps": 10.0}
    rest = {"packets": 0, "unsent": {}, "detect": None, "decoded_by": "", "results": 0, "results_per_s": 0.0}
    more: dict[str, Any] = {"age_s": None, "detections": 0, "unwanted": 0, "dropped": {}}
    return msgspec.convert(stream | rest | more | of, CameraView)


def process(**of: Any) -> ProcessView:
    usual = {"pid": 4711, "state": "running", "reason": "", "ends": 0, "retry_in_s": None}
    return msgspec.convert(usual | of, ProcessView)


def site(cameras: dict[str, CameraView] | None = None, **processes: ProcessView) -> SiteStatus:
    return SiteStatus(cameras=cameras or {}, sinks=[], processes=processes)


def used(pid: int, cpu_s: float, mb: float = 0.0) -> Usage:
    return Usage(pid=pid, cpu_s=cpu_s, rss_bytes=round(mb * 1e6))


def hub(
    channels: tuple[dict[str, Any], ...] = (), feeds: tuple[dict[str, Any], ...] = (), **of: Any
) -> HubStats:
    counts = dict.fromkeys(
        ("connections", "refused_feeds", "late_frames", "calls", "calls_answered", "calls_in_flight"), 0
    )
    rest = {"uptime_s": 1.0, "clients": (), "dropped": {}, "refused": {}, "large": ()}
    return msgspec.convert(
        counts | rest | {"channels": [_channel(**one) for one in channels], "feeds": feeds} | of, HubStats
    )


def _channel(name: str, **of: Any) -> dict[str, Any]:
    counts = dict.fromkeys(
        ("readers", "received", "taken_in", "waiting", "dropped", "bytes_in", "entered", "taken", "held"), 0
    )
    more: dict[str, Any] = {
        "in_flight": 0,
        "kept": 0,
        "kept_bytes": 0,
        "owner": "cam",
        "writers": (),
        "wanted": True,
        "lost": {},
    }
    return {"name": name} | counts | more | of


def reader(channel: str, client: str = "c", **of: Any) -> dict[str, Any]:
    told = {
        "client": client,
        "subscription": 1,
        "channel": channel,
        "group": None,
        "in_flight": 0,
        "taken": 0,
    }
    rest = {"buffer": msgspec.to_builtins(BUFFER), "lost": {}, "oldest_s": None, "latency": ()}
    return told | rest | {"paused": False, "unbounded": False} | of


def looks(now: Look, before: Look | None = None, feed: str = "feed") -> Looks:
    return Looks(feed, now, before or now)


class Told(Feed):
    """A feed that tells `looks` one after another, the last of them for ever, and notes what it is sent."""

    def __init__(self, *told: Look) -> None:
        self.told = list(told)
        self.sent: list[tuple[Target, Event]] = []
        self.closed = 0

    def look(self) -> Look:
        return self.told.pop(0) if len(self.told) > 1 else self.told[0]

    def events(self, pipe: str) -> list[str]:
        return ["start", "stop", "kill", "update_fps"]

    def send(self, target: Target, event: Event) -> str:
        self.sent.append((target, event))
        return f"{event.name}: done by {target}"

    def close(self) -> None:
        self.closed += 1
