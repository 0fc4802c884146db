"""The hub's figures as Prometheus reads them: its text format, 0.0.4.

Names begin with `sightline_hub_`; counters end in `_total`, and each has its unit in its name. What is of one
reader carries its client, channel and subscription as labels. Source: prometheus.io, "Exposition formats".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from sightline.hub.broker.statistics import ChannelStats, ClientStats, FeedStats, HubStats
from sightline.shm.host import HostStats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "sightline_hub_"


def metrics_text(stats: HubStats) -> bytes:
    """`stats` in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Figures(stats))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, stats: HubStats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        yield from _whole(self._stats)
        yield from _clients(self._stats.clients)
        yield from _channels(self._stats.channels)
        yield from _feeds(self._stats.feeds)
        if self._stats.shared is not None:
            yield from _shared(self._stats.shared)


def _whole(stats: HubStats) -> Iterator[Metric]:
    yield _gauge("uptime_seconds", "Since the hub began.", stats.uptime_s)
    yield _gauge("connections", "Connections, those without a name yet among them.", stats.connections)
    yield _gauge("loop_lag_seconds", "How late the loop comes to what is due, of late.", stats.lag_ms / 1e3)
    yield _gauge("large_buffers", "Buffers without bounds above the warning limit.", len(stats.large))
    yield _gauge("calls_in_flight", "Calls without an answer yet.", stats.calls_in_flight)
    yield _counter("calls_total", "Calls of methods.", stats.calls)
    yield _counter("late_frames_total", "Frames that nobody waited for any more.", stats.late_frames)
    yield _by_reason("dropped_messages_total", "Messages that did not reach a reader.", stats.dropped)
    yield _by_reason("refused_connections_total", "Connections that the hub ended.", stats.refused)


def _shared(shared: HostStats) -> Iterator[Metric]:
    leases = shared.leases
    yield _gauge("shared_pools", "Pools of shared memory.", shared.pools)
    yield _gauge("shared_pool_bytes", "Of all of them.", shared.pool_bytes)
    yield _gauge("shared_slots", "Places for payloads in them.", leases.slots)
    yield _gauge("shared_slots_held", "Those that wait to be read, or are looked at.", leases.held)
    yield _gauge("shared_leases", "How often a reader looks at one.", leases.open)
    yield _gauge("shared_retired_slots", "Those that a reader looks at for too long.", leases.retired)
    yield _counter("shared_cut_off_total", "How often a reader kept too many for too long.", leases.cut_off)
    yield _counter("shared_spilled_messages_total", "Copied to make room for others.", shared.spilled)
    yield _counter("shared_copied_bytes_total", "For others, or spilled.", shared.copied_bytes)


def _clients(clients: Iterable[ClientStats]) -> Iterator[Metric]:
    sent = CounterMetricFamily(f"{_PREFIX}client_sent_bytes", "To the client.", labels=("client",))
    received = CounterMetricFamily(f"{_PREFIX}client_received_bytes", "From the client.", labels=("client",))
    pending = GaugeMetricFamily(f"{_PREFIX}client_pending_bytes", "To be sent.", labels=("client",))
    for client in clients:
        sent.add_metric((client.name,), client.sent_bytes)
        received.add_metric((client.name,), client.received_bytes)
        pending.add_metric((client.name,), client.pending_bytes)
    yield from (sent, received, pending)


def _channels(channels: Iterable[ChannelStats]) -> Iterator[Metric]:
    readers = GaugeMetricFamily(f"{_PREFIX}channel_readers", "Who reads it.", labels=("channel",))
    waiting = GaugeMetricFamily(f"{_PREFIX}channel_waiting_messages", "Not taken in.", labels=("channel",))
    kept = GaugeMetricFamily(f"{_PREFIX}channel_history_bytes", "What it keeps.", labels=("channel",))
    messages = CounterMetricFamily(f"{_PREFIX}channel_messages", "Taken in.", labels=("channel",))
    size = CounterMetricFamily(f"{_PREFIX}channel_bytes", "Taken in.", labels=("channel",))
    shared_in = CounterMetricFamily(
        f"{_PREFIX}channel_shared_in_messages", "Came in shared memory.", labels=("channel",)
    )
    shared_out = CounterMetricFamily(
        f"{_PREFIX}channel_shared_out_messages", "Handed to a reader in shared memory.", labels=("channel",)
    )
    copied = CounterMetricFamily(
        f"{_PREFIX}channel_copied_messages",
        "Came in shared memory, given to a reader as bytes.",
        labels=("channel", "reason"),
    )
    for channel in channels:
        label = (channel.name,)
        readers.add_metric(label, channel.readers)
        waiting.add_metric(label, channel.waiting)
        kept.add_metric(label, channel.kept_bytes)
        messages.add_metric(label, channel.taken_in)
        size.add_metric(label, channel.bytes_in)
        shared_in.add_metric(label, channel.shared_in)
        shared_out.add_metric(label, channel.shared_out)
        for reason, count in channel.copied.items():
            copied.add_metric((*label, reason), count)
    yield from (readers, waiting, kept, messages, size, shared_in, shared_out, copied)


def _feeds(feeds: Iterable[FeedStats]) -> Iterator[Metric]:
    labels = ("client", "channel", "subscription")
    held = GaugeMetricFamily(f"{_PREFIX}reader_held_messages", "Held at the hub.", labels=labels)
    held_bytes = GaugeMetricFamily(f"{_PREFIX}reader_held_bytes", "Held at the hub.", labels=labels)
    flight = GaugeMetricFamily(f"{_PREFIX}reader_in_flight_messages", "Sent, not taken.", labels=labels)
    taken = CounterMetricFamily(f"{_PREFIX}reader_taken_messages", "By the application.", labels=labels)
    dropped = CounterMetricFamily(
        f"{_PREFIX}reader_dropped_messages", "For this reader.", labels=(*labels, "reason")
    )
    latency = HistogramMetricFamily(
        f"{_PREFIX}reader_latency_seconds", "From the hub into the application.", labels=labels
    )
    for feed in feeds:
        label = (feed.client, feed.channel, str(feed.subscription))
        held.add_metric(label, feed.buffer.held)
        held_bytes.add_metric(label, feed.buffer.held_bytes)
        flight.add_metric(label, feed.in_flight)
        taken.add_metric(label, feed.taken)
        for reason, count in {**feed.buffer.dropped, **feed.lost}.items():
            dropped.add_metric((*label, reason), count)
        latency.add_metric(label, _buckets(feed.latency), sum_value=None)
    yield from (held, held_bytes, flight, taken, dropped, latency)


def _buckets(counts: tuple[int, ...]) -> list[tuple[str, float]]:
    """Prometheus' buckets count from the bottom up, and the last is without a limit."""
    below = 0
    buckets: list[tuple[str, float]] = []
    for power, count in enumerate(counts[:-1]):
        below += count
        buckets.append((repr(2**power / 1e6), below))
    return [*buckets, ("+Inf", sum(counts))]


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name.removesuffix("_total"), text, value=value)


def _by_reason(name: str, text: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name.removesuffix("_total"), text, labels=("reason",))
    for reason, count in counts.items():
        family.add_metric((reason,), count)
    return family
