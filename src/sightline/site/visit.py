"""What a visitor of a window sees of a site, or of pipes that a program has: see `sightline.site.window`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock
from sightline.errors import ConfigError, SightlineError
from sightline.hub.address import HubAddress
from sightline.hub.broker.statistics import HubStats
from sightline.kinds import nearest
from sightline.pipe import Pipe
from sightline.pipe.counts.stats import FlowStats, PipeStats
from sightline.pipe.counts.usage import cpu_ns, rss_bytes
from sightline.pipe.outside.actions import Actions
from sightline.site.status import SiteStatus
from sightline.site.window import Look, Usage

if TYPE_CHECKING:
    from sightline.hub import StreamClient

MAIN: Final = "main"
"""The process that the others are children of."""
_ANSWER_S: Final = 1.0


def _no_site() -> None: ...


class PipesVisit:
    """One visitor's view, as long as it is here; a hub is asked only when somebody looks.

    Args:
        name: of what runs.
        pipes: gives the pipes by name.
        status: gives how the site is.
        hub: gives where its hub is; None: it has none, or not yet.
    """

    def __init__(
        self,
        name: str,
        pipes: Callable[[], Mapping[str, Pipe]],
        *,
        status: Callable[[], SiteStatus | None] = _no_site,
        hub: Callable[[], HubAddress | None] = _no_site,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name = name
        self._pipes = pipes
        self._status = status
        self._hub = hub
        self._clock = clock
        self._client: StreamClient | None = None

    def look(self) -> Look:
        """How all of it is now; a hub that does not answer makes it a second late."""
        hub, trouble = self._hub_stats()
        site = self._status()
        pipes = {name: _without_own(pipe.stats()) for name, pipe in self._pipes().items()}
        flows = {flow for stats in pipes.values() for flow in stats.flows}
        others = {name: of.pid for name, of in site.processes.items() if name not in flows} if site else {}
        return Look(
            name=self._name,
            at_ns=self._clock.monotonic_ns(),
            site=site,
            pipes=pipes,
            hub=hub,
            usage={
                name: Usage(pid=pid, rss_bytes=rss_bytes(pid), cpu_s=cpu_ns(pid) / NS_PER_S)
                for name, pid in {MAIN: os.getpid(), **others}.items()
                if pid is not None
            },
            trouble=trouble,
        )

    def actions(self, pipe: str) -> Actions:
        """What may be asked of that pipe. Raises ConfigError: there is none, with those that there are."""
        pipes = self._pipes()
        if pipe not in pipes:
            known = ", ".join(pipes) or "none"
            raise ConfigError(f"unknown pipe {pipe!r}{nearest(pipe, pipes)} (known: {known})")
        return Actions(pipes[pipe])

    def close(self) -> None:
        """Nobody looks any more."""
        if self._client is not None:
            self._client.stop_client()

    def _hub_stats(self) -> tuple[HubStats | None, str]:
        """Its figures, and why there are none."""
        address = self._hub()
        if address is None:
            return None, ""
        try:
            return self._reached(address).server_statistics(), ""
        except (SightlineError, TimeoutError) as error:
            return None, f"the hub: {error}"

    def _reached(self, address: HubAddress) -> StreamClient:
        if self._client is None:
            from sightline.hub import StreamClient  # noqa: PLC0415 - few are looked at

            settings = address.client_settings()
            self._client = StreamClient("", **settings, agent="sightline top", tto=_ANSWER_S, sharing=None)
            self._client.start()
        return self._client


def _without_own(stats: PipeStats) -> PipeStats:
    """What routines tell of themselves may be anything, and a site's status has it already."""
    flows = {name: _plain_flow(flow) for name, flow in stats.flows.items()}
    return msgspec.structs.replace(stats, flows=flows)


def _plain_flow(flow: FlowStats) -> FlowStats:
    routines = {name: msgspec.structs.replace(of, own=()) for name, of in flow.routines.items()}
    return msgspec.structs.replace(flow, routines=routines)
