"""The whole examination, in the order in which its findings are read."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.clock import SYSTEM_CLOCK, Clock
from sightline.doctor.bus import look_at_bus
from sightline.doctor.cameras import look_at_cameras
from sightline.doctor.finding import Finding
from sightline.doctor.frame_queue import look_at_frame_queue
from sightline.doctor.kafka import look_at_sinks
from sightline.doctor.libraries import judge_libraries, look_at_libraries
from sightline.doctor.machine import judge_machine, look_at_machine
from sightline.doctor.places import look_at_places
from sightline.site import Site


def examine(
    site: Site | None = None, *, timeout_s: float = 5.0, clock: Clock = SYSTEM_CLOCK
) -> Iterator[Finding]:
    """Look at the machine and the libraries, and with a `site` at whether they are enough for it.

    Its ports and paths are tried, and each of its cameras is looked at; one wait for a camera takes
    `timeout_s` seconds at most.
    """
    cameras = {} if site is None else {n: c.as_input(n) for n, c in site.cameras.items() if c.enabled}
    yield from judge_machine(look_at_machine(clock), None if site is None else len(cameras))
    yield from judge_libraries(look_at_libraries(), _kinds(site))
    if site is not None:
        yield look_at_bus(site)
        yield from look_at_sinks(site)
        yield from look_at_places(site)
        yield from look_at_frame_queue(site)
        yield from look_at_cameras(cameras, timeout_s=timeout_s)


def _kinds(site: Site | None) -> set[str]:
    """What libraries are needed for: the kinds of models and sinks, `track`, schemes of the frame queue."""
    workers = site.workers.values() if site is not None else ()
    kinds: set[str] = {stage.kind for worker in workers for stage in (worker.model, *worker.sinks)}
    if site is not None and site.frame_queue is not None:
        kinds |= {url.partition(":")[0] for url in (site.frame_queue.store, site.frame_queue.queue)}
    return kinds | {"track" for worker in workers if worker.track is not None}
