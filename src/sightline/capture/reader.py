"""One attempt at a source: open, read, deliver, close. Runs in a thread of its own.

Promises: it asks before each call that may wait whether it is still wanted, and after it, so that one that
was left behind inside libav delivers nothing when it comes back; the source is closed whatever happens; what
`deliver` raises is counted and harms nobody.

Does not do: retrying. Its end, with or without a fault, is the last word of the attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from typing import Final, Protocol

from sightline.capture import faults
from sightline.capture.address import Kind
from sightline.capture.assembly import Assembly
from sightline.capture.camera import CameraInput
from sightline.capture.libav import LibavSource
from sightline.capture.pace import Pace
from sightline.capture.source import Info, Source, Unit
from sightline.capture.status import Record
from sightline.capture.timing import Timing
from sightline.clock import NS_PER_S, Clock, EpochCounter, ns
from sightline.codec.gop import Gop, GopMeter
from sightline.errors import SightlineError, SourceError
from sightline.log import redact
from sightline.packet import Packet

SLOW_NS: Final = NS_PER_S // 10
_TICKS: Final = Fraction(1, 90_000)
_USUAL_FPS: Final = 25.0  # of a source that does not say


class Talk(Protocol):
    """What a reader asks and tells: `sightline.capture.machine` in the shell's lock."""

    def opened(self) -> bool: ...
    def waits(self) -> bool: ...
    def received(self, silence_ns: int) -> bool: ...


def open_source(camera: CameraInput) -> Source:
    """Opens what the URL names.

    Raises:
        SourceError: it cannot be opened.
        ConfigError, Unsupported: it never will be.
    """
    if camera.kind is Kind.SYNTHETIC:
        from sightline.capture.synthetic import SyntheticSource  # noqa: PLC0415 - with OpenCV, and for demos

        return SyntheticSource(camera)
    return LibavSource(camera)


class Reader:
    """Reads `camera` until it ends, breaks or is not wanted any more."""

    def __init__(
        self,
        camera: CameraInput,
        deliver: Callable[[Packet], None],
        talk: Talk,
        *,
        record: Record,
        epochs: EpochCounter,
        clock: Clock,
        stopping: threading.Event,
    ) -> None:
        self._camera = camera
        self._deliver = deliver
        self._talk = talk
        self._record = record
        self._epochs = epochs
        self._clock = clock
        self._stopping = stopping
        self._meter = GopMeter()
        self._silence_ns = _silence_ns(record.gop)
        self._learnt_ns = 0

    def run(self) -> SightlineError | None:
        """Gives what broke it; None where a recording was read to its end, or nobody wants more."""
        try:
            while self._turn():
                pass
        except SightlineError as fault:
            return fault
        except Exception as error:  # noqa: BLE001  # a fault of ours must not end the camera
            said = redact(f"{type(error).__name__}: {error}")
            return SourceError(f"unexpected {said}", camera_id=self._camera.camera_id)
        return None

    def _turn(self) -> bool:
        """One opening of the source. True where it is to be opened again, as a recording in a loop is."""
        with closing(open_source(self._camera)) as source:
            if not self._talk.opened():
                return False
            turn = _Turn(source, self._camera, self._epochs, self._clock)
            try:
                return self._read(turn) and self._camera.loop
            finally:
                self._collect(turn)

    def _read(self, turn: _Turn) -> bool:
        """True at the end of a recording, False where nobody wants more."""
        self._record.info = turn.source.info
        received = self._record.received
        with closing(turn.source.units()) as units:
            while self._talk.waits():
                try:
                    unit = next(units)
                except StopIteration:
                    break
                if unit is not None and not self._pass_on(unit, turn):
                    return False
            else:
                return False
        if self._record.received == received:
            raise faults.no_video(self._camera, "not one picture")
        return True

    def _pass_on(self, unit: Unit, turn: _Turn) -> bool:
        """One unit to whoever wants it. False where nobody does."""
        if not self._talk.received(self._silence_ns) or not self._its_time(unit, turn.pace):
            return False
        now_ns = self._clock.monotonic_ns()
        utc_ns = self._clock.utc_ns()
        if not turn.source.info.stamped:
            unit = _stamped(unit, now_ns - turn.opened_ns)
        packet = turn.assembly.packet(unit, utc_ns, now_ns)
        self._note(packet, unit, turn, utc_ns)
        if packet.keyframe and (self._record.gop is None or now_ns >= self._learnt_ns + NS_PER_S):
            self._learnt_ns = now_ns
            self._learn(turn)
        self._hand_over(packet, now_ns, turn.source.info)
        return True

    def _its_time(self, unit: Unit, pace: Pace | None) -> bool:
        """Waits until `unit` is due. False where it was stopped before that."""
        if pace is None:
            return True
        now_ns = self._clock.monotonic_ns()
        wait_ns = pace.due_ns(unit, now_ns) - now_ns
        return not self._stopping.wait(wait_ns / NS_PER_S) if wait_ns > 0 else True

    def _note(self, packet: Packet, unit: Unit, turn: _Turn, utc_ns: int) -> None:
        record = self._record
        record.info = turn.source.info  # its size may change
        record.count(received=1, damaged=unit.damaged, breaks=packet.index == 0 and turn.begun)
        record.epoch, record.clock, record.last_packet_at_ns = (
            packet.epoch,
            packet.captured_at_source,
            utc_ns,
        )
        turn.begun = True
        if packet.pts is not None or not turn.source.info.paced:
            # The first packets of RTSP have no pts: a GOP that begins with one cannot be measured.
            self._meter.add(packet)

    def _learn(self, turn: _Turn) -> None:
        """What takes longer to find out than one packet is worth: once a second, at a keyframe."""
        self._collect(turn)
        self._record.gop = self._meter.gop or self._record.gop
        self._silence_ns = _silence_ns(self._record.gop)

    def _collect(self, turn: _Turn) -> None:
        """What the parts of a turn have counted themselves."""
        self._record.count(
            unreadable=turn.source.take_unreadable(), implausible=turn.timing.take_implausible()
        )

    def _hand_over(self, packet: Packet, began_ns: int, info: Info) -> None:
        record = self._record
        try:
            self._deliver(packet)
        except Exception as error:  # noqa: BLE001  # counted, and summed up once a second by the capture
            record.last_failure = f"{type(error).__name__}: {error}"
            outcome = "failed"
        else:
            outcome = "delivered"
        slow = not info.recorded and self._clock.monotonic_ns() - began_ns > SLOW_NS
        record.count(**{outcome: 1}, slow=slow)


def _silence_ns(gop: Gop | None) -> int:
    """What is no silence yet for a camera with such GOPs: a smart codec may send little between keyframes."""
    return 0 if gop is None else 2 * ns(gop.duration_s)


def _stamped(unit: Unit, since_ns: int) -> Unit:
    """`unit`, shown so long after the opening of its source."""
    ticks = since_ns * _TICKS.denominator // NS_PER_S
    return unit._replace(pts=ticks, dts=ticks, time_base=_TICKS)


class _Turn:
    """What belongs to one opening of a source."""

    def __init__(self, source: Source, camera: CameraInput, epochs: EpochCounter, clock: Clock) -> None:
        info = source.info
        frame_ns = ns(1 / (info.fps or _USUAL_FPS))
        watched = camera.realtime or not info.recorded
        start_ns = None if watched else (info.created_ns or clock.utc_ns())
        self.source = source
        self.begun = False
        self.opened_ns = clock.monotonic_ns()
        self.timing = Timing(media_start_ns=start_ns, frame_ns=frame_ns)
        self.assembly = Assembly(camera.camera_id, epochs, self.timing)
        self.pace = Pace(frame_ns) if watched and not info.paced else None
