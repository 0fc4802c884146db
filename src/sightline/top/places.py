"""Cameras, channels of hubs, and processes, as rows. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from sightline.hub.broker.statistics import ChannelStats, FeedStats
from sightline.pipe.counts.stats import FlowStats
from sightline.site.status import CameraView, ProcessView, StreamView
from sightline.site.window import Usage
from sightline.top.feed import Target
from sightline.top.looks import Looks, since
from sightline.top.sheet import Column, Row, Sheet, Value, printable, reasons

CAMERAS: Final = (
    Column("camera", "camera"),
    Column("state", "state"),
    Column("fps", "fps", 1),
    Column("results_per_s", "results/s", 1),
    Column("age_s", "age s", 2),
    Column("detections", "seen", 0),
    Column("lost_per_s", "lost/s", 1),
    Column("lost", "lost", 0),
    Column("why", "why"),
)
CHANNELS: Final = (
    Column("channel", "channel"),
    Column("readers", "readers", 0),
    Column("messages_per_s", "msg/s", 1),
    Column("mb_per_s", "MB/s", 1),
    Column("held", "held", 0),
    Column("p99_ms", "99% ms", 1),
    Column("lost_per_s", "lost/s", 1),
    Column("lost", "lost", 0),
    Column("why", "why"),
)
PROCESSES: Final = (
    Column("process", "process"),
    Column("state", "state"),
    Column("pid", "pid"),
    Column("cpu_percent", "CPU %", 0),
    Column("mb", "MB", 0),
    Column("ends", "ends", 0),
    Column("why", "why"),
)


def cameras(looks: Looks) -> Sheet:
    """Each of a site, and below it the stream of its own that models look at, if it has one."""
    return Sheet("Cameras", CAMERAS, tuple(_cameras(looks)))


def channels(looks: Looks) -> Sheet:
    """Each of a hub, with what its readers have: latency is of what they took since the look before."""
    hub = looks.now.hub
    return Sheet("Channels", CHANNELS, tuple(_channel(looks, one) for one in hub.channels) if hub else ())


def processes(looks: Looks) -> Sheet:
    """Each of a site, each flow of a pipe, and whoever began them."""
    return Sheet("Processes", PROCESSES, tuple(_processes(looks)))


def _cameras(looks: Looks) -> Iterator[Row]:
    site, before = looks.now.site, looks.before.site
    for name, camera in site.cameras.items() if site else ():
        was = before.cameras.get(name) if before else None
        yield _camera(looks, name, camera, was)
        if camera.detect is not None:
            yield _stream(looks, name, camera.detect)


def _camera(looks: Looks, name: str, camera: CameraView, before: CameraView | None) -> Row:
    lost, lost_before = _lost(camera), _lost(before) if before else None
    values = (
        printable(name),
        _state(camera),
        camera.fps,
        camera.results_per_s,
        camera.age_s,
        camera.detections,
        looks.rate(lost.total(), lost_before.total() if lost_before is not None else None),
        lost.total(),
        printable(camera.reason) or reasons(lost),
    )
    note = (
        f"{name}: {camera.reason or camera.state}; {camera.source or 'no packet yet'}, {camera.packets} "
        f"packets, {camera.results} results, {camera.unwanted} not wanted, lost {reasons(lost) or 'none'}; "
        f"decoded by {camera.decoded_by or 'nobody yet'}"
    )
    return Row((looks.feed, name), values, printable(note), looks.feed)


def _stream(looks: Looks, name: str, stream: StreamView) -> Row:
    lost = Counter(stream.unsent)
    told = printable(stream.reason) or reasons(lost)
    values = (printable(f"{name} detect_url"), _state(stream), stream.fps, *[None] * 4, lost.total(), told)
    note = (
        f"{name}, the stream for models: {stream.source or 'no packet yet'}, {stream.packets} packets, {told}"
    )
    return Row((looks.feed, name, "detect"), values, printable(note), looks.feed)


def _lost(camera: CameraView) -> Counter[str]:
    """On the way onto the bus, and behind it."""
    streams = (camera, camera.detect) if camera.detect else (camera,)
    return sum((Counter(of.unsent) for of in streams), Counter(camera.dropped))


def _state(stream: StreamView | ProcessView) -> str:
    again = "" if stream.retry_in_s is None else f", {stream.retry_in_s:.0f} s"
    return printable(f"{stream.state}{again}")


def _channel(looks: Looks, one: ChannelStats) -> Row:
    hub, hub_before = looks.now.hub, looks.before.hub
    assert hub is not None
    before = next((of for of in hub_before.channels if of.name == one.name), None) if hub_before else None
    feeds = [feed for feed in hub.feeds if feed.channel == one.name]
    lost = sum(one.lost.values())
    size = looks.rate(one.bytes_in, before.bytes_in if before else None)
    values = (
        printable(one.name),
        one.readers,
        looks.rate(one.taken_in, before.taken_in if before else None),
        None if size is None else size / 1e6,
        one.held + one.waiting,
        _late_ms(feeds, hub_before.feeds if hub_before else ()),
        looks.rate(lost, sum(before.lost.values()) if before else None),
        lost,
        reasons(one.lost),
    )
    note = (
        f"{one.name} of {one.owner}: {len(one.writers)} writers, took {one.taken_in}, waiting {one.waiting}, "
        f"held {one.held}, under way {one.in_flight}, lost {reasons(one.lost) or 'none'}, history {one.kept}"
    )
    return Row((looks.feed, one.name), values, printable(note), looks.feed)


def _late_ms(feeds: list[FeedStats], before: tuple[FeedStats, ...]) -> float | None:
    """What 99 of 100 messages did not take longer than, over all readers; None: none was taken."""
    was = {_key(feed): feed.latency for feed in before}
    counts: dict[int, int] = defaultdict(int)
    for feed in feeds:
        for bucket, count in enumerate(since(feed.latency, was.get(_key(feed)))):
            counts[bucket] += count
    wanted, below = 0.99 * sum(counts.values()), 0
    for bucket, count in sorted(counts.items()):
        below += count
        if below and below >= wanted:
            return float(1 << bucket) / 1e3
    return None


def _key(feed: FeedStats) -> tuple[str, int, str]:
    return feed.client, feed.subscription, feed.channel


def _processes(looks: Looks) -> Iterator[Row]:
    flows = {
        name: (pipe, one) for pipe, stats in looks.now.pipes.items() for name, one in stats.flows.items()
    }
    site = looks.now.site.processes if looks.now.site else {}
    for name, usage in looks.now.usage.items():
        if name not in site:
            yield _process(looks, name, None, usage)
    for name, view in site.items():
        if name not in flows:
            yield _process(looks, name, view, looks.now.usage.get(name))
    for name, (pipe, flow) in flows.items():
        yield _flow(looks, name, pipe, flow)


def _process(looks: Looks, name: str, view: ProcessView | None, usage: Usage | None) -> Row:
    state, reason, ends = (_state(view), printable(view.reason), view.ends) if view else ("running", "", None)
    values = (printable(name), state, usage.pid if usage else None, *_used(looks, name, usage), ends, reason)
    return Row((looks.feed, name), values, printable(f"{name}: {reason or state}"), looks.feed)


def _used(looks: Looks, name: str, usage: Usage | None) -> tuple[Value, Value]:
    """Share of a processor, of late, in percent; megabytes."""
    if usage is None:
        return None, None
    before = _of(looks.before.usage, name, usage.pid)
    share = looks.rate(usage.cpu_s, before.cpu_s if before else None)
    return None if share is None else 100 * share, usage.rss_bytes / 1e6


def _of(usage: Mapping[str, Usage], name: str, pid: int) -> Usage | None:
    """That of the same process."""
    found = usage.get(name)
    return found if found is not None and found.pid == pid else None


def _flow(looks: Looks, name: str, pipe: str, flow: FlowStats) -> Row:
    before = looks.flows_before.get((pipe, name))
    share = looks.rate(flow.cpu_s, before.cpu_s if before else None)
    values = (
        printable(name),
        flow.state.value,
        flow.pid,
        None if share is None else 100 * share,
        flow.rss_bytes / 1e6 if flow.rss_bytes else None,
        flow.restarts,
        printable(flow.reason),
    )
    note = f"flow {name} of pipe {pipe}: {flow.reason or flow.state.value}; {flow.cpu_s:,.1f} s of processors"
    return Row((looks.feed, pipe, name), values, printable(note), looks.feed, Target(pipe, name))
