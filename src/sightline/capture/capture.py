"""One camera to packets, for as long as it is wanted.

The shell round `machine.Machine`: a thread an attempt (one camera has one thread, none while it backs
off), a timer that all captures share, a lock, and the log. `deliver` is called in the reader's thread,
packet by packet in order.

Promises: a camera is always drained as fast as `deliver` returns, and its packets are never decoded; a
recording waits for `deliver`, so that nothing of it is dropped; a fault of any kind is a state with a
reason, and is tried again unless that cannot help; no password in any text.

Does not do: buffering (a bus has buffers, with a policy), decoding.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from sightline.capture.camera import CameraInput
from sightline.capture.machine import Limits, Machine, State
from sightline.capture.reader import Reader
from sightline.capture.retry import policy
from sightline.capture.status import CameraStatus, Record
from sightline.capture.watcher import WATCHER
from sightline.clock import NS_PER_S, SYSTEM_CLOCK, Clock, EpochCounter, ns
from sightline.errors import Closed, SightlineError, SourceError
from sightline.log import get_logger, redact
from sightline.packet import Packet

_LOG: Final = get_logger("sightline.capture")
_SUMMARY_NS: Final = NS_PER_S
_GRACE_S: Final = 1.0  # libav's own bound comes first
_TICK_S: Final = 1.0
_SHORTEST_TICK_S: Final = 0.01


class Capture:
    """Captures `camera`: starts once, stops once.

    Args:
        camera: what to read and how.
        deliver: takes each packet. For a camera it must not block: nobody reads the camera meanwhile. For a
            recording it may, and sets the pace. What it raises is counted and logged once a second.
        clock: stamps the packets and times the machine.
        epochs: where its epochs come from; two streams of one camera share it, so that they share no epoch.
    """

    def __init__(
        self,
        camera: CameraInput,
        deliver: Callable[[Packet], None],
        *,
        clock: Clock = SYSTEM_CLOCK,
        epochs: EpochCounter | None = None,
    ) -> None:
        self.camera = camera
        self._deliver = deliver
        self._clock = clock
        self._lock = threading.Lock()
        self._machine = Machine(camera.camera_id, _limits(camera), policy(camera))
        self._record = Record()
        self._epochs = epochs or EpochCounter()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._said: tuple[State, str] = (State.IDLE, "")
        self._failures_said = 0
        self._summary_ns = 0

    def start(self) -> None:
        """Begin to capture; returns at once. Raises Closed where it was started or stopped before."""
        WATCHER.add(self)  # first: a `stop` that comes in between takes it away again
        with self._lock:
            attempt = self._machine.start(self._clock.monotonic_ns())
            if attempt is not None:
                self._begin(attempt)
        if attempt is None:
            WATCHER.remove(self)
            raise Closed("a capture starts once", camera_id=self.camera.camera_id)

    def stop(self, timeout_s: float = 1.0) -> bool:
        """End it. True where its thread ended in time.

        False: the thread is inside libav or `deliver`. It delivers at most the packet that it has in hand,
        and ends when that call returns: libav's after at most `read_timeout_s`, or `open_timeout_s` twice
        while connecting. What `deliver` raises from now on is counted, and not logged.
        """
        with self._lock:
            self._machine.stop()
            threads = self._threads
        self._stopping.set()
        WATCHER.remove(self)
        self._done.set()
        deadline_s = time.monotonic() + timeout_s
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def wait_done(self, timeout_s: float | None = None) -> bool:
        """Waits for the end: a recording read whole, a source given up, or `stop`. False: not in time."""
        return self._done.wait(timeout_s)

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self._done.is_set()

    @property
    def fault(self) -> SightlineError | None:
        """What is wrong now; None while nothing is."""
        return self._machine.fault

    def status(self) -> CameraStatus:
        """How it is at this moment."""
        now_ns, utc_ns = self._clock.monotonic_ns(), self._clock.utc_ns()
        with self._lock:
            machine, record = self._machine, self._record
            retry_ns, info = machine.retry_ns, record.info
            return CameraStatus(
                camera_id=self.camera.camera_id,
                state=machine.state.value,
                reason=_reason(machine),
                next_retry_at_ns=None if retry_ns is None else utc_ns + retry_ns - now_ns,
                failures=machine.failures,
                epoch=record.epoch,
                codec=info and info.codec,
                profile=info and info.profile,
                size=info and info.size,
                fps=record.fps,
                gop=record.gop,
                clock=record.clock,
                last_packet_at_ns=record.last_packet_at_ns,
                counts=record.counts(machine.attempt, len(machine.loose)),
            )

    def tick(self) -> float:
        """What the shared timer calls; gives the seconds until it is to call again."""
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            attempt = self._machine.tick(now_ns)
            if attempt is not None:
                self._begin(attempt)
            state, reason = self._machine.state, _reason(self._machine)
            deadline_ns = self._machine.deadline_ns
        self._notice_end(state)
        self._announce(state, reason)
        self._sum_up(now_ns)
        wait_s = _TICK_S if deadline_ns is None else (deadline_ns - now_ns) / NS_PER_S
        return min(max(wait_s, _SHORTEST_TICK_S), _TICK_S)

    def _begin(self, attempt: int) -> None:
        """Starts the thread of an attempt. The lock is held: after a stop nothing is begun."""
        name = f"capture {self.camera.camera_id} {attempt}"
        thread = threading.Thread(target=self._attempt, args=(attempt,), name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread to give
            fault = SourceError(f"no thread to be had: {error}", camera_id=self.camera.camera_id)
            self._machine.ended(attempt, self._clock.monotonic_ns(), fault)
            return
        self._threads = [*(other for other in self._threads if other.is_alive()), thread]

    def _attempt(self, number: int) -> None:
        """One thread's life."""
        reader = Reader(
            self.camera,
            self._deliver,
            _Talk(self._machine, self._lock, self._clock, number),
            record=self._record,
            epochs=self._epochs,
            clock=self._clock,
            stopping=self._stopping,
        )
        fault = reader.run()
        with self._lock:
            self._machine.ended(number, self._clock.monotonic_ns(), fault)
            state = self._machine.state
        self._notice_end(state)
        WATCHER.wake()

    def _notice_end(self, state: State) -> None:
        if state in {State.DONE, State.DISABLED}:
            self._done.set()

    def _announce(self, state: State, reason: str) -> None:
        """One line a change; a fault that only comes again is no news."""
        if (state, reason) == self._said:
            return
        said, self._said = self._said, (state, reason)
        known = state in {State.CONNECTING, State.BACKING_OFF} and reason in {"", said[1]}
        say = _LOG.warning if reason and not known else _LOG.debug if known else _LOG.info
        say(f"camera {state.value}", camera=self.camera.camera_id, **({"reason": reason} if reason else {}))

    def _sum_up(self, now_ns: int) -> None:
        """What `deliver` raised since the last line, at most once a second; at a stop it is no news."""
        if self._stopping.is_set():
            return
        failed = self._record.failed - self._failures_said
        if failed and now_ns >= self._summary_ns + _SUMMARY_NS:
            self._failures_said += failed
            self._summary_ns = now_ns
            last = redact(self._record.last_failure)
            _LOG.warning("packets not taken", camera=self.camera.camera_id, packets=failed, last=last)


class _Talk:
    """One attempt's line to the machine."""

    def __init__(self, machine: Machine, lock: threading.Lock, clock: Clock, attempt: int) -> None:
        self._machine = machine
        self._lock = lock
        self._clock = clock
        self._attempt = attempt

    def opened(self) -> bool:
        with self._lock:
            return self._machine.opened(self._attempt, self._clock.monotonic_ns())

    def waits(self) -> bool:
        with self._lock:
            return self._machine.waits(self._attempt, self._clock.monotonic_ns())

    def received(self, silence_ns: int) -> bool:
        with self._lock:
            return self._machine.received(self._attempt, self._clock.monotonic_ns(), silence_ns)


def _limits(camera: CameraInput) -> Limits:
    return Limits(
        open_ns=ns(2 * camera.open_timeout_s + _GRACE_S),
        call_ns=ns(camera.read_timeout_s + _GRACE_S),
        silence_ns=ns(camera.stall_after_s),
    )


def _reason(machine: Machine) -> str:
    return "" if machine.fault is None else redact(machine.fault.message)
