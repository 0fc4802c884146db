"""A hub's figures while it runs: rates between two looks, as a table, as lines, as JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from sightline.cli.live import dropped_text
from sightline.cli.showing import View, print_json, run_shown, stopped_by_signals
from sightline.errors import BusError
from sightline.hub import HubStats, StreamClient
from sightline.hub.address import HubAddress
from sightline.hub.broker.statistics import ChannelStats, FeedStats

LOOK_S: Final = 1.0
_STEP_S: Final = 0.1
_ANSWER_S: Final = 5.0
MIB: Final = 1024 * 1024


def hub_figures(url: str) -> HubStats:
    """The figures of the hub at `url`. Raises SightlineError where it does not answer."""
    with _reached(url) as client:
        return client.server_statistics()


def watch_hub(url: str, console: Console, *, seconds: float | None, once: bool, as_json: bool) -> None:
    """Show them again and again, until Ctrl-C, for so many seconds, or once."""
    with _reached(url) as client:
        watching = _Watching(client)
        view = View(table=watching.table, lines=watching.lines, facts=watching.facts)
        watching.look()
        if once:
            watching.wait(LOOK_S)
            print_json(view) if as_json else console.print(view.table())
            return
        with stopped_by_signals(watching):
            run_shown(watching, view, console, seconds, as_json=as_json)


@contextmanager
def _reached(url: str) -> Iterator[StreamClient]:
    """A client of the hub at `url`. Raises SightlineError where that does not answer, now or later."""
    settings = HubAddress.of(url).client_settings()
    try:
        with StreamClient("", **settings, agent="sightline hub top", tto=_ANSWER_S) as client:
            yield client
    except TimeoutError as error:
        raise BusError(str(error)) from None


class Rates(msgspec.Struct, frozen=True):
    """Two looks at a hub, `step_s` seconds apart."""

    now: HubStats
    before: HubStats

    @property
    def step_s(self) -> float:
        return max(self.now.uptime_s - self.before.uptime_s, 1e-9)

    def table(self) -> Group:
        """A table of channels and one of readers, below a line of the whole."""
        return Group(Text(self.summary()), self._channels(), self._readers())

    def lines(self) -> list[str]:
        """The whole, then a line a channel."""
        return [self.summary(), *(self._channel_line(channel) for channel in self.now.channels)]

    def summary(self) -> str:
        now = self.now
        calls = (now.calls - self.before.calls) / self.step_s
        return (
            f"up {now.uptime_s:,.0f} s, {len(now.clients)} clients, {len(now.channels)} channels, "
            f"{len(now.feeds)} readers, {calls:,.0f} calls/s, lag {now.lag_ms:.1f} ms, "
            f"dropped {dropped_text(now.dropped)}, refused {dropped_text(now.refused)}"
        )

    def _channels(self) -> Table:
        table = _table(("channel",), ("readers", "messages/s", "MiB/s", "shared", "waiting", "dropped"))
        for channel in self.now.channels:
            messages, size = self._channel(channel)
            table.add_row(
                Text(channel.name),
                str(channel.readers),
                f"{messages:,.0f}",
                f"{size / MIB:,.1f}",
                _shared_text(channel),
                str(channel.waiting),
                dropped_text(channel.lost),
            )
        return table

    def _readers(self) -> Table:
        table = _table(("reader", "channel"), ("messages/s", "held", "fill", "oldest", "p99", "dropped"))
        for feed in self.now.feeds:
            table.add_row(
                Text(feed.client),
                Text(feed.channel),
                f"{self._taken(feed):,.0f}",
                f"{feed.buffer.held:,}",
                "any" if feed.unbounded else f"{feed.buffer.fill:.0%}",
                "-" if feed.oldest_s is None else f"{feed.oldest_s:.2f} s",
                _percentile(feed.latency, 0.99),
                dropped_text(dict(Counter(feed.buffer.dropped) + Counter(feed.lost))),
            )
        return table

    def _channel(self, channel: ChannelStats) -> tuple[float, float]:
        """Messages and bytes a second."""
        before = next((of for of in self.before.channels if of.name == channel.name), None)
        if before is None or before.taken_in > channel.taken_in:
            return 0.0, 0.0
        return (
            (channel.taken_in - before.taken_in) / self.step_s,
            (channel.bytes_in - before.bytes_in) / self.step_s,
        )

    def _taken(self, feed: FeedStats) -> float:
        key = (feed.client, feed.subscription, feed.channel)
        before = [of.taken for of in self.before.feeds if (of.client, of.subscription, of.channel) == key]
        return max(0, feed.taken - before[0]) / self.step_s if before else 0.0

    def _channel_line(self, channel: ChannelStats) -> str:
        messages, size = self._channel(channel)
        return (
            f"{channel.name}: {channel.readers} readers, {messages:,.0f} messages/s, "
            f"{size / MIB:,.1f} MiB/s, shared {_shared_text(channel)}, {channel.held} held, "
            f"{channel.waiting} waiting, dropped {dropped_text(channel.lost)}"
        )


class _Watching:
    """Looks once a second, as long as it is waited for."""

    def __init__(self, client: StreamClient) -> None:
        self._client = client
        self._asked_to_stop = False
        stats = client.server_statistics()
        self._rates = Rates(stats, stats)

    def look(self) -> None:
        self._rates = Rates(self._client.server_statistics(), self._rates.now)

    def wait(self, timeout_s: float | None = None) -> bool:
        """True once it was asked to stop."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        look_at_s = time.monotonic() + LOOK_S
        while until_s is None or time.monotonic() < until_s:
            # A flag and not an event, whose lock may be held by the very thread that a signal interrupts.
            time.sleep(_STEP_S)
            if self._asked_to_stop:
                return True
            if time.monotonic() >= look_at_s:
                self.look()
                look_at_s = time.monotonic() + LOOK_S
        return False

    def request_stop(self) -> None:
        self._asked_to_stop = True

    def table(self) -> Group:
        return self._rates.table()

    def lines(self) -> list[str]:
        return self._rates.lines()

    def facts(self) -> Any:
        return msgspec.to_builtins(self._rates.now)


def _table(texts: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(expand=True, header_style="bold")
    for name in texts:
        table.add_column(name, overflow="fold", ratio=2)
    for name in numbers[:-1]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(numbers[-1], overflow="fold", ratio=2)
    return table


def _shared_text(channel: ChannelStats) -> str:
    """How many of the payloads that came in shared memory reached their readers so; `-`: none came."""
    given = channel.shared_out + sum(channel.copied.values())
    if not channel.shared_in:
        return "-"
    return f"{channel.shared_out / given:.0%}" if given else "unread"


def _percentile(counts: tuple[int, ...], share: float) -> str:
    """The upper edge of the bucket below which `share` of all lies; `-` where nothing was counted."""
    wanted, below = share * sum(counts), 0
    for power, count in enumerate(counts):
        below += count
        if below and below >= wanted:
            return f"< {2**power / 1000:,.3g} ms"
    return "-"
