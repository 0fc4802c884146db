"""How a site is doing at one moment: for the terminal, the page and programs alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from sightline.capture import CameraStatus, State
from sightline.clock import NS_PER_S, Clock
from sightline.log import redact
from sightline.result import Result
from sightline.site.any_worker import AnyWorker
from sightline.site.capturing import StreamKey, StreamStatus
from sightline.site.outlet import OutletStats
from sightline.site.worker import WorkerCounts
from sightline.supervise import ChildStatus

LOST: Final = "lost"
"""Why packets that were published came to nothing that a worker told: what had them died, or was stopped."""
_QUIET_S: Final = 10.0
_NO_PROCESSES: Final[Mapping[str, ProcessView]] = {}
_NOTHING_LOST: Final[Mapping[str, int]] = {}


class StreamView(msgspec.Struct, frozen=True, kw_only=True):
    """One stream of a camera.

    Attributes:
        state: of the capture: idle, connecting, live, stalled, backing_off, disabled, done. Of a camera that
            another process captures: waiting, live, stalled, done.
        reason: what is wrong with it, in words; empty when nothing is.
        retry_in_s: seconds until it is tried again; None when nothing is planned.
        source: codec and size as captured, `h264 1280x720`; empty before the first packet.
        fps: packets a second that the source gives.
        packets: captured so far, or come over the bus.
        unsent: of these, the ones that were captured and never came onto the bus, by reason.
    """

    state: str
    reason: str
    retry_in_s: float | None
    source: str
    fps: float
    packets: int
    unsent: dict[str, int]


class CameraView(StreamView, frozen=True, kw_only=True):
    """One camera over all workers that look at it: its main stream, and what came of it.

    When all has ended, `packets` less `unsent`, once a worker, are `results`, `unwanted` and `dropped`.
    So it is whatever died; with a stream for models, its packets count.

    Attributes:
        detect: the stream beside the main one, which models look at; None where they look at the main one.
        decoded_by: what decodes its pictures: software, or a device such as cuda; empty before the first.
        results, results_per_s: of all models, so far and of late.
        age_s: seconds since the newest result's picture was taken; None for a recording's own time.
        detections: in the newest result.
        unwanted: packets that came to no result because the rate asked for no more.
        dropped: packets and frames that were wanted and came to no result, by reason.
    """

    detect: StreamView | None
    decoded_by: str
    results: int
    results_per_s: float
    age_s: float | None
    detections: int
    unwanted: int
    dropped: dict[str, int]


class ProcessView(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a site.

    Attributes:
        pid: its id; None where there is none at this moment.
        state: starting, running, stopping, waiting (to be begun again), quarantined (ended too often), ended.
        reason: why it is so, in words; empty where there is nothing to say.
        ends: how often it ended by itself, or had to be ended.
        retry_in_s: seconds until it is begun again; None when that is not planned.
    """

    pid: int | None
    state: str
    reason: str
    ends: int
    retry_in_s: float | None


class SiteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """All cameras by name, what became of the results given to each sink, and all processes by name."""

    cameras: dict[str, CameraView]
    sinks: list[OutletStats]
    processes: dict[str, ProcessView] = {}


def process_view(status: ChildStatus, clock: Clock) -> ProcessView:
    """A process as its supervisor has it."""
    due_ns = status.due_ns
    return ProcessView(
        pid=status.pid,
        state=status.state,
        reason=redact(status.reason),
        ends=status.ends,
        retry_in_s=None if due_ns is None else max(0.0, (due_ns - clock.monotonic_ns()) / NS_PER_S),
    )


def site_status(
    captured: Mapping[StreamKey, StreamStatus] | None,
    workers: Mapping[str, AnyWorker],
    clock: Clock,
    processes: Mapping[str, ProcessView] = _NO_PROCESSES,
    lost: Mapping[str, int] = _NOTHING_LOST,
) -> SiteStatus:
    """What captures say of cameras and of the streams beside them, and workers, put together by camera.

    Where others capture (None), a camera is what its workers hear of it. Of each camera so many packets were
    `lost` between a capture and its workers.
    """
    counts = [worker.counts() for worker in workers.values()]
    if captured is None:
        main = {name: _heard([of[name] for of in counts if name in of]) for of in counts for name in of}
        streams: Mapping[StreamKey, StreamView] = {(name, "main"): view for name, view in main.items()}
    else:
        streams = {key: stream_view(of, clock) for key, of in captured.items()}
    return SiteStatus(
        cameras={
            name: _view(
                view,
                streams.get((name, "detect")),
                [of[name] for of in counts if name in of],
                lost.get(name, 0),
                clock,
            )
            for (name, stream), view in streams.items()
            if stream == "main"
        },
        sinks=[stats for worker in workers.values() for stats in worker.outlets()],
        processes=dict(processes),
    )


def faults_of_workers(workers: Mapping[str, AnyWorker]) -> list[str]:
    """Of those that ended before their time: why."""
    return [f"{worker.name}: {worker.broken}" for worker in workers.values() if worker.broken]


def page_facts(status: SiteStatus, camera_ids: Collection[str]) -> dict[str, Any]:
    """What a page shows beside its pictures: its own cameras, and all processes where there are any."""
    told = msgspec.to_builtins(status)
    facts = {"cameras": {name: view for name, view in told["cameras"].items() if name in camera_ids}}
    return facts | ({"processes": told["processes"]} if status.processes else {})


def _view(
    main: StreamView, detect: StreamView | None, counts: list[WorkerCounts], lost: int, clock: Clock
) -> CameraView:
    newest = _newest(of.newest for of in counts)
    dropped: Counter[str] = Counter()
    for of in counts:
        dropped.update(of.dropped)
    if lost:
        dropped[LOST] = lost
    return CameraView(
        **msgspec.structs.asdict(main),
        detect=detect,
        decoded_by=", ".join(sorted({of.lane.decoder.device for of in counts if of.lane.decoder.device})),
        results=sum(of.results for of in counts),
        results_per_s=sum(of.rate for of in counts),
        age_s=_age_s(newest, clock),
        detections=len(newest.detections) if newest else 0,
        unwanted=sum(of.unwanted for of in counts),
        dropped=dict(dropped),
    )


def _heard(counts: list[WorkerCounts]) -> StreamView:
    """A camera that another process captures: what came of it over the bus, at the worker that got most."""
    lane = max((of.lane for of in counts), key=lambda lane: lane.heard.packets)
    heard = lane.heard
    quiet = heard.quiet_s is not None and heard.quiet_s > _QUIET_S
    stalled = quiet and not heard.over
    return StreamView(
        state="done"
        if heard.over
        else "waiting"
        if heard.quiet_s is None
        else "stalled"
        if quiet
        else "live",
        reason=f"nothing has come for {heard.quiet_s:.0f} s" if stalled and heard.quiet_s else "",
        retry_in_s=None,
        source=heard.codec,
        fps=0.0 if quiet or heard.over else heard.fps,
        packets=heard.packets,
        unsent={},
    )


def stream_view(stream: StreamStatus, clock: Clock) -> StreamView:
    """A stream as its capture has it."""
    status = stream.capture
    return StreamView(
        state=status.state,
        reason=status.reason,
        retry_in_s=_retry_in_s(status, clock),
        source=f"{status.codec} {status.size or ''}".rstrip() if status.codec else "",
        fps=(status.fps or 0.0) if status.state == State.LIVE else 0.0,
        packets=status.counts.delivered + status.counts.failed,
        unsent=stream.sent.unsent,
    )


def _retry_in_s(status: CameraStatus, clock: Clock) -> float | None:
    if status.next_retry_at_ns is None:
        return None
    return max(0.0, (status.next_retry_at_ns - clock.utc_ns()) / NS_PER_S)


def _newest(results: Iterable[Result | None]) -> Result | None:
    known = [result for result in results if result is not None]
    return max(known, key=lambda result: result.identity, default=None)


def _age_s(newest: Result | None, clock: Clock) -> float | None:
    # A recording's own time may be years ago, and says nothing of how late we are.
    if newest is None or newest.captured_at_source == "media":
        return None
    return (clock.utc_ns() - newest.captured_at_ns) / NS_PER_S
