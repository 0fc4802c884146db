"""Counts of samplers, stores, queues, feeds, workers and sweepers as Prometheus reads them.

Names begin with `sightline_framequeue_`; counters end in `_total`, and each has its unit in its name. Labels
are cameras, which a site knows, and states, reasons and endings, of which there are a few: so there are no
more series however long it runs. Source: prometheus.io, "Metric and label naming".

A store or a queue that cannot be asked has no figures in that scrape, but `up` 0: the others are told still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sightline.errors import SightlineError
from sightline.framequeue.feeding_line import Drop, FeedStats
from sightline.framequeue.queue import QueueDepth
from sightline.framequeue.store import StoreUsage
from sightline.framequeue.sweeping import SweepStats
from sightline.framequeue.work.jobs import WorkerStats
from sightline.framequeue.work.verdicts import Ending

if TYPE_CHECKING:
    from sightline.framequeue.sampling import SamplerStats  # libav, which a worker has no use for

_PREFIX: Final = "sightline_framequeue_"
_LEFT: Final = ("finished", "taken", "deleted", "expired", "evicted", "orphans", "lost")


class Samples(Protocol):
    """Samplers, by camera."""

    @property
    def samplers(self) -> Mapping[str, SamplerStats]: ...


class Usable(Protocol):
    """A store."""

    def usage(self) -> StoreUsage: ...


class Deep(Protocol):
    """A queue."""

    def depth(self) -> QueueDepth: ...


class Fed(Protocol):
    """A feed."""

    def stats(self) -> FeedStats: ...


class Works(Protocol):
    """A worker."""

    def stats(self) -> WorkerStats: ...


class Sweeps(Protocol):
    """A sweeper."""

    def stats(self) -> SweepStats: ...


class FrameCollector(Collector):
    """The counts of those that are given, read anew for each scrape; for a registry that has no others."""

    def __init__(
        self,
        *,
        sampling: Samples | None = None,
        store: Usable | None = None,
        queue: Deep | None = None,
        feed: Fed | None = None,
        worker: Works | None = None,
        sweeper: Sweeps | None = None,
    ) -> None:
        self._parts: dict[str, Callable[[], list[Metric]]] = {}
        if sampling is not None:
            self._parts["sampling"] = lambda: list(_of_samplers(sampling.samplers))
        if store is not None:
            self._parts["store"] = lambda: list(_of_store(store.usage()))
        if queue is not None:
            self._parts["queue"] = lambda: list(_of_queue(queue.depth()))
        if feed is not None:
            self._parts["feed"] = lambda: list(_of_feed(feed.stats()))
        if worker is not None:
            self._parts["worker"] = lambda: list(_of_worker(worker.stats()))
        if sweeper is not None:
            self._parts["sweeper"] = lambda: list(_of_sweeper(sweeper.stats()))

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(_PREFIX + "up", "Whether it could be asked.", labels=["part"])
        for part, read in self._parts.items():
            try:
                metrics = read()
            except SightlineError:
                metrics = []
            up.add_metric([part], float(bool(metrics)))
            yield from metrics
        yield up


def registry_of(
    *,
    sampling: Samples | None = None,
    store: Usable | None = None,
    queue: Deep | None = None,
    feed: Fed | None = None,
    worker: Works | None = None,
    sweeper: Sweeps | None = None,
) -> CollectorRegistry:
    """A registry of these alone."""
    registry = CollectorRegistry()
    registry.register(
        FrameCollector(sampling=sampling, store=store, queue=queue, feed=feed, worker=worker, sweeper=sweeper)
    )
    return registry


def _of_samplers(samplers: Mapping[str, SamplerStats]) -> Iterator[Metric]:
    for name, what, meaning in (
        ("packets", "entered", "Packets that came."),
        ("sampled_frames", "sampled", "Pictures that were made of them."),
        ("unreadable_packets", "unreadable", "Packets whose pictures were wanted, and could not be had."),
    ):
        counts = ((camera, getattr(one, what)) for camera, one in samplers.items())
        yield _counter(f"sampler_{name}_total", meaning, counts, "camera")


def _of_store(usage: StoreUsage) -> Iterator[Metric]:
    cameras = usage.cameras.items()
    yield _gauge("store_frames", "Pictures held.", ((name, one.frames) for name, one in cameras), "camera")
    yield _gauge(
        "store_bytes", "Of the pictures held.", ((name, one.bytes) for name, one in cameras), "camera"
    )
    for what, meaning in (
        ("stored", "Pictures that were put and not refused."),
        ("refused", "Pictures that were put and not stored."),
    ):
        counts = ((name, getattr(one, what)) for name, one in cameras)
        yield _counter(f"store_{what}_frames_total", meaning, counts, "camera")
    left = CounterMetricFamily(
        _PREFIX + "store_left_frames_total", "Pictures that are held no more.", labels=["camera", "how"]
    )
    for name, one in cameras:
        for how in _LEFT:
            left.add_metric([name, how], getattr(one, how))
    yield left
    if usage.limit is not None:
        yield _gauge("store_limit_bytes", "The budget.", [("", usage.limit)])
    yield _gauge("store_claimed_frames", "Keys in somebody's hand.", [("", usage.claimed)])
    yield _gauge("store_marks", "Keys that are remembered as done.", [("", usage.marks)])


def _of_queue(depth: QueueDepth) -> Iterator[Metric]:
    held = {name: getattr(depth, name) for name in ("ready", "delayed", "in_hand", "dead")}
    known = [(state, count) for state, count in held.items() if count is not None]
    yield _gauge("queue_keys", "Keys that the queue holds.", known, "state")
    for what, meaning in (
        ("accepted", "Keys that it took."),
        ("acked", "Keys that were acknowledged."),
        ("forgotten", "Dead letters for which there was no room."),
    ):
        count = getattr(depth, what)
        if count is not None:
            yield _counter(f"queue_{what}_keys_total", meaning, [("", count)])


def _of_feed(stats: FeedStats) -> Iterator[Metric]:
    cameras = stats.cameras.items()
    for what, meaning in (
        ("offered", "Pictures that were to be handed over."),
        ("sent", "Pictures that were stored, and whose keys the queue took."),
    ):
        counts = ((name, getattr(one, what)) for name, one in cameras)
        yield _counter(f"feed_{what}_frames_total", meaning, counts, "camera")
    sent = ((name, one.bytes) for name, one in cameras)
    yield _counter("feed_sent_bytes_total", "Of the pictures sent.", sent, "camera")
    yield _gauge(
        "feed_held_frames", "Pictures on their way.", ((name, one.held) for name, one in cameras), "camera"
    )
    dropped = CounterMetricFamily(
        _PREFIX + "feed_dropped_frames_total", "Pictures not handed over.", labels=["camera", "reason"]
    )
    for name, one in cameras:
        for reason, count in _from_zero(Drop, one.dropped).items():
            dropped.add_metric([name, reason], count)
    yield dropped
    yield _counter("feed_retried_frames_total", "Hand-overs that were tried again.", [("", stats.retried)])


def _of_worker(stats: WorkerStats) -> Iterator[Metric]:
    yield _counter("worker_received_keys_total", "Deliveries.", [("", stats.received)])
    endings = _from_zero(Ending, stats.endings).items()
    yield _counter("worker_ended_keys_total", "Deliveries, by what became of them.", endings, "ending")
    for what, meaning in (
        ("held", "Deliveries in hand, or that wait for a thread."),
        ("working", "Handlers that run."),
        ("stuck", "Handlers that run on although they were given up."),
    ):
        yield _gauge(f"worker_{what}", meaning, [("", getattr(stats, what))])
    for name, what, meaning in (
        ("unsettled_keys", "unsettled", "Deliveries that the queue would not have settled."),
        ("lost_leases", "lost_leases", "Leases that could not be extended."),
        ("queue_errors", "queue_errors", "Times that the queue could not be asked."),
        ("handled_frames", "handled", "Calls of the handler that came to an end."),
        ("handler_seconds", "handled_s", "Time in handlers."),
    ):
        yield _counter(f"worker_{name}_total", meaning, [("", getattr(stats, what))])
    yield _gauge("worker_handler_max_seconds", "The longest call of the handler.", [("", stats.longest_s)])


def _of_sweeper(stats: SweepStats) -> Iterator[Metric]:
    for name, what, meaning in (
        ("rounds", "rounds", "Rounds that went to their end."),
        ("failed_rounds", "failed", "Rounds that did not."),
        ("sent_keys", "sent", "Keys that were sent again."),
        ("unsent_keys", "unsent", "Keys that were to be sent again, and the queue did not take."),
        ("ended_leases", "leases", "Leases that ran out."),
    ):
        yield _counter(f"sweeper_{name}_total", meaning, [("", getattr(stats, what))])


def _from_zero(names: Iterable[StrEnum], counts: Mapping[str, int]) -> dict[str, int]:
    """A counter that began above 0 has no increase for Prometheus."""
    return {**dict.fromkeys((name.value for name in names), 0), **counts}


def _counter(name: str, meaning: str, counts: Iterable[tuple[str, float]], label: str = "") -> Metric:
    return _family(CounterMetricFamily, name, meaning, counts, label)


def _gauge(name: str, meaning: str, counts: Iterable[tuple[str, float]], label: str = "") -> Metric:
    return _family(GaugeMetricFamily, name, meaning, counts, label)


def _family(kind: Any, name: str, meaning: str, counts: Iterable[tuple[str, float]], label: str) -> Metric:
    family: Any = kind(_PREFIX + name, meaning, labels=[label] if label else [])
    for value, count in counts:
        family.add_metric([value] if label else [], count)
    metric: Metric = family
    return metric
