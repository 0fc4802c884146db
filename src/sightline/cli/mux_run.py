"""`sightline mux` at work: a `Comux`, a model, and a thread that takes from the one to the other and back.

Promises: every picture's `Result` goes with its packet, if packets go anywhere; a model that fails is counted
and logged, and ends nothing. Without a model packets only go on, and no more is decoded than keyframes. When
it is over, the batch that the model has in hand is still sent, then what was read goes on.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, Self

import msgspec
from rich.console import Console

from sightline.bus import open_bus
from sightline.bus.kafka_address import kafka_url
from sightline.cli.mux import Begin
from sightline.cli.mux_settings import MuxSettings
from sightline.cli.mux_view import CameraFigures, mux_view
from sightline.cli.showing import print_json, print_lines, run_shown, stopped_by_signals
from sightline.clock import SYSTEM_CLOCK
from sightline.codec import DropReason
from sightline.detect import infer
from sightline.errors import BusError, Closed, ConfigError, ModelError, SightlineError, WireError
from sightline.frame import Frame
from sightline.log import Repeated, get_logger, redact
from sightline.mux import Batch, Comux, EngineStats, Item, KeptLogs
from sightline.result import Result
from sightline.routines.looked import Tally
from sightline.site.making import model_wanted
from sightline.site.opening import make_model
from sightline.site.stopping import Stopping

_TAKE_S: Final = 0.5
_END_S: Final = 5.0
_UNWANTED: Final = (DropReason.SKIPPED, DropReason.RATE, DropReason.UNWANTED)


def run_mux(
    settings: MuxSettings, console: Console, *, seconds: float | None = None, as_json: bool = False
) -> int:
    """Run until SIGINT or SIGTERM came, `seconds` have passed, or all cameras were files that are over.

    Gives the exit code: 1 where it broke, else 0. Raises SightlineError where it cannot be started.
    """
    running = RunningMux(settings)
    view = mux_view(running.figures)
    with stopped_by_signals(running), running:
        run_shown(running, view, console, seconds, as_json=as_json)
    if as_json:
        print_json(view)
    else:
        print_lines([*view.lines(), *running.faults], console)
    return 1 if running.faults else 0


class RunningMux:
    """What `MuxSettings` stand for, within a `with` block; it starts and ends with that.

    Raises:
        SightlineError: a broker cannot be reached, the model cannot be made or loaded, or a file not written.
    """

    def __init__(self, settings: MuxSettings) -> None:
        self._settings = settings
        self._model = None if settings.model is None else make_model(model_wanted(settings.model), None)
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._trouble = Repeated(get_logger("sightline.mux"), "no result was sent")
        self._lost = Repeated(get_logger("sightline.mux"), "a broker was lost")
        self._stopping = Stopping()
        self._ending = threading.Event()
        self._broken = ""
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        settings = self._settings
        with ExitStack() as opened:
            opened.enter_context(_logs_kept(settings))
            if self._model is not None:
                self._model.load()
                self._model.warm_up()
            self._mux = _mux_of(settings)
            opened.callback(self._close_mux)
            thread = threading.Thread(target=self._run, name="mux-model", daemon=True)
            opened.callback(self._end, thread)
            thread.start()
            get_logger("sightline.mux").info("started", cameras=len(settings.cameras))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.begin()
        self._opened.close()
        self._trouble.flush()
        self._lost.flush()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is over or was asked to stop; False: the time was up before."""
        return self._stopping.wait(self._is_over, timeout_s)

    def request_stop(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        self._stopping.ask()

    @property
    def faults(self) -> list[str]:
        """What went wrong for good, a line each."""
        return [self._broken] if self._broken else []

    def figures(self) -> dict[str, CameraFigures]:
        """Each camera as it is now, or was at the end."""
        return {name: self._figures_of(name, stats) for name, stats in self._mux.stats().items()}

    def _figures_of(self, name: str, stats: EngineStats) -> CameraFigures:
        camera, tally = stats.camera, self._tallies[name]
        newest = tally.newest
        return CameraFigures(
            state=stats.state,
            reason=redact(stats.reason),
            packets=camera.packets,
            results=tally.results,
            results_per_s=round(tally.rate(SYSTEM_CLOCK.monotonic_ns()), 1),
            detections=0 if newest is None else len(newest.detections),
            sent=stats.sent,
            behind=camera.behind,
            unwanted=sum(camera.dropped.get(reason, 0) for reason in _UNWANTED),
            dropped=_lost(stats, tally),
        )

    def _is_over(self) -> bool:
        if self._broken:
            return True
        if self._settings.control_topic is not None:  # more cameras may come
            return False
        cameras = [stats.camera for stats in self._mux.stats().values()]
        return all(camera.heard.over and not camera.held and not camera.forward.held for camera in cameras)

    # In its thread

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._see(self._next() or [])
        except Closed:
            return
        except BaseException as error:  # noqa: BLE001 - the last word of this thread: it must be heard
            self._broken = f"it broke: {redact(repr(error))}"
            get_logger("sightline.mux").exception("the mux broke")

    def _next(self) -> Batch[Frame] | None:
        try:
            return self._mux.get_batch(frame=True, timeout=_TAKE_S)
        except BusError as error:  # it is tried again, and told camera by camera
            self._lost.add(error=redact(str(error)))
            return None

    def _see(self, batch: Batch[Frame]) -> None:
        if self._model is None:
            self._mux.send_batch((item.cam_id, item.index, None) for item in batch)
            return
        seen = [(item, frame) for item in batch if (frame := item.frame) is not None]
        try:
            results = infer(self._model, [frame for _, frame in seen], SYSTEM_CLOCK)
        except (ModelError, SystemExit) as error:  # a model may be anybody's code, and call sys.exit
            for item, _ in seen:
                self._failed(item, error)
            return
        for (item, _), result in zip(seen, results, strict=True):
            self._give(item, msgspec.structs.replace(result, published_at_ns=SYSTEM_CLOCK.utc_ns()))

    def _give(self, item: Item[Frame], result: Result) -> None:
        self._tallies[item.cam_id].add(result, SYSTEM_CLOCK.monotonic_ns())
        if self._settings.out_bus is None:
            return
        try:
            self._mux.send(item.cam_id, item.index, result)
        except (WireError, ConfigError) as error:  # too large; or the camera went meanwhile
            self._failed(item, error)

    def _failed(self, item: Item[Frame], error: BaseException) -> None:
        self._tallies[item.cam_id].failed += 1
        self._trouble.add(camera=item.cam_id, index=int(item.index), error=str(error) or repr(error))

    # At the end

    def _end(self, thread: threading.Thread) -> None:
        """The batch in hand is still sent; a model that does not return is left behind."""
        self._ending.set()
        thread.join(_END_S)
        if thread.is_alive():
            get_logger("sightline.mux").error("the model did not return and is left behind")
        elif self._model is not None:
            try:
                self._model.close()
            except ModelError as error:
                get_logger("sightline.mux").error("the model did not close", error=str(error))

    def _close_mux(self) -> None:
        try:
            self._mux.close()
        except SightlineError as error:
            self._broken = redact(str(error))
        for name, camera in self.figures().items():
            get_logger("sightline.mux").info("ended", camera=name, **msgspec.to_builtins(camera))


def _mux_of(settings: MuxSettings) -> Comux:
    """The mux with its cameras and its control. Raises SightlineError, and leaves nothing open then."""
    mux = Comux(
        (),
        settings.topic,
        settings.out_topic,
        bus=settings.bus,
        out_bus=settings.out_bus,
        end=settings.start is Begin.LATEST,
        group=settings.group,
        output=str(settings.output),
        pid_file=settings.pid_file,
        **settings.shared(),
    )
    try:
        for camera_id, camera in settings.cameras.items():
            mux.create(camera_id, camera.own())
        mux.start()
        if settings.control_topic is not None:
            steered_by = settings.control_bus or settings.bus
            mux.setup_controller(settings.control_topic, steered_by, name=settings.name)
    except BaseException:
        mux.close()
        raise
    return mux


@contextmanager
def _logs_kept(settings: MuxSettings) -> Iterator[None]:
    with ExitStack() as opened:
        bus = None
        if settings.log_topic is not None:
            bus = opened.enter_context(open_bus(kafka_url(settings.out_bus or settings.bus)))
        opened.enter_context(
            KeptLogs(settings.log_file, bus=bus, topic=settings.log_topic, level=settings.log_level)
        )
        yield


def _lost(stats: EngineStats, tally: Tally) -> dict[str, int]:
    """What was wanted and came to nothing, by reason."""
    counts = {str(reason): n for reason, n in stats.camera.dropped.items() if reason not in _UNWANTED}
    counts |= {"failed": tally.failed, "unsent": stats.unsent}
    return {reason: n for reason, n in counts.items() if n}
