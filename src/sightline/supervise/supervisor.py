"""Children begun in order, watched, begun again by rule, and ended in reverse.

One thread has all of them in its care, and it begins them too: the kernel takes a process along when the
*thread* that began it ends (prctl(2), PR_SET_PDEATHSIG), so none may be begun by one that comes and goes. It
hears of a death from the kernel (pidfd_open(2)), or looks five times a second where that is missing; and
it waits for no child.

A supervisor that is killed takes its children along, as do those of its children that are supervisors. What a
child began and put into a process group of its own is not seen here.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Final, Self, TypeAlias

import msgspec

from sightline.clock import NS_PER_S, SYSTEM_CLOCK, ns
from sightline.errors import Closed, ConfigError
from sightline.log import get_logger
from sightline.supervise.charge import Charge
from sightline.supervise.order import Order
from sightline.supervise.spec import ChildSpec
from sightline.supervise.watched import State, Told

POLL_S: Final = 0.2
_KILLED_S: Final = 5.0
"""What the kernel has to end a process that was killed; one that hangs in a driver takes longer."""
_HELD_UP_NS: Final = ns(1)
_LEVELS: Final = {State.WAITING: logging.WARNING, State.QUARANTINED: logging.ERROR}


class ChildStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a child is.

    Attributes:
        state, reason: as `on_state` was told last.
        pid: its process; None where there is none.
        ends: how often it ended without being asked to, or had to be ended.
        code: with which its last process ended, or a signal's number below 0; None while one runs.
        due_ns: of one that waits, the monotonic time at which it is begun again; else None.
        done: how much each lane of the last process that ended had done by then, by its name.
    """

    state: State
    reason: str
    pid: int | None = None
    ends: int = 0
    code: int | None = None
    due_ns: int | None = None
    done: Mapping[str, int] = {}


Statuses: TypeAlias = Mapping[str, ChildStatus]


class Supervisor:
    """Children between `start()` and `stop()`. Any thread may use it.

    Args:
        children: in the order in which they are begun.
        on_state: called with a child's name, state and reason, in the supervisor's thread: return soon, and
            ask for what you like, but do not wait for it there.

    Raises:
        ConfigError: two children of one name.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        on_state: Callable[[str, State, str], object] = lambda _name, _state, _reason: None,
    ) -> None:
        self._order = Order(children)
        self._on_state = on_state
        self._selector = selectors.DefaultSelector()
        self._charges = {spec.name: Charge(spec, self._selector, self._told) for spec in children}
        self._logger = get_logger("sightline.supervise")
        self._changed = threading.Condition()
        self._statuses: dict[str, ChildStatus] = {}
        self._requests: deque[Callable[[int], object]] = deque()
        self._thread: threading.Thread | None = None
        self._is_left = False
        self._give_up_ns: int | None = None
        for name in self._charges:
            self._note(name)

    def start(self) -> None:
        """Begin them, and return at once: see `wait_until`. Raises Closed where it was started before."""
        if self._thread is not None:
            raise Closed("expected a supervisor that was not started yet: make another one")
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="sightline-supervise", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End all of them, stage by stage in reverse, and wait for that. Again is allowed.

        Args:
            timeout_s: after which none is left; the stages share it. Not given, each has its own `stop_s`.
        """
        thread = self._thread
        if thread is None:
            return
        self._ask(lambda now_ns: self._begin_end(now_ns, timeout_s))
        if not self.here:
            thread.join()

    @property
    def here(self) -> bool:
        """Whether the caller runs in its thread, which may wait for no child."""
        return threading.current_thread() is self._thread

    def states(self) -> Statuses:
        """How each of them is."""
        with self._changed:
            return MappingProxyType(dict(self._statuses))

    def wait_until(self, condition: Callable[[Statuses], bool], timeout_s: float | None = None) -> bool:
        """Wait until this is so of their statuses; False: time was up first."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self._statuses), timeout_s)

    def begin(self, name: str) -> None:
        """It is wanted: begun at once, also from quarantine and from a delay. Raises ConfigError, Closed."""
        charge = self._cared_for(name)
        self._ask(lambda now_ns: self._begin_one(charge, now_ns))

    def end(self, name: str, timeout_s: float | None = None) -> None:
        """It is not wanted: killed after `timeout_s`, its own `stop_s` when not given.

        Returns at once; where all have ended it does nothing. Raises ConfigError, Closed.
        """
        charge = self._named(name)
        self._ask(lambda now_ns: charge.stop(now_ns, _after(now_ns, timeout_s)))

    def dump(self, name: str) -> None:
        """Have its stacks written to our log, a moment later. Raises ConfigError, Closed."""
        self._ask(self._cared_for(name).dump)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _named(self, name: str) -> Charge:
        charge = self._charges.get(name)
        if charge is None:
            raise ConfigError(f"expected one of {', '.join(self._charges)}, got {name!r}")
        if self._thread is None:
            raise Closed("expected a supervisor that was started")
        return charge

    def _cared_for(self, name: str) -> Charge:
        charge = self._named(name)
        if self._is_left:
            raise Closed("expected a supervisor that was not stopped")
        return charge

    def _ask(self, request: Callable[[int], object]) -> None:
        if self._is_left:
            return
        self._requests.append(request)
        with suppress(OSError):  # it is awake, or over
            self._wake.send(b"!")

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            self._advance(SYSTEM_CLOCK.monotonic_ns())
            while not self._is_over():
                self._turn()
        except Exception:
            self._logger.exception("the supervisor broke")
        finally:
            self._leave()

    def _turn(self) -> None:
        due_ns = self._due_ns()
        events = self._selector.select(self._timeout_s(due_ns))
        now_ns = SYSTEM_CLOCK.monotonic_ns()
        if due_ns is not None and now_ns - due_ns > _HELD_UP_NS:
            for charge in self._charges.values():
                charge.watched.excuse(now_ns)
        touched = {key.data.spec.name for key, _ in events if key.data is not None}
        if any(key.data is None for key, _ in events):
            self._do_requests(now_ns)
        for name, charge in self._charges.items():
            if name in touched or charge.needs_polling or _is_due(charge.due_ns, now_ns):
                charge.look(now_ns)
                self._note(name)
        self._advance(now_ns)

    def _due_ns(self) -> int | None:
        dues = [charge.due_ns for charge in self._charges.values()]
        return min((due for due in (*dues, self._give_up_ns) if due is not None), default=None)

    def _timeout_s(self, due_ns: int | None) -> float | None:
        polled = any(charge.needs_polling for charge in self._charges.values())
        if due_ns is None:
            return POLL_S if polled else None
        left_s = max(0, due_ns - SYSTEM_CLOCK.monotonic_ns()) / NS_PER_S
        return min(left_s, POLL_S) if polled else left_s

    def _do_requests(self, now_ns: int) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while self._requests:
            self._requests.popleft()(now_ns)
        for name in self._charges:
            self._note(name)

    def _begin_one(self, charge: Charge, now_ns: int) -> None:
        if self._order.deadline_ns is None:
            charge.start(now_ns)

    def _begin_end(self, now_ns: int, timeout_s: float | None) -> None:
        self._order.end(now_ns, timeout_s)
        assert self._order.deadline_ns is not None
        self._give_up_ns = self._order.deadline_ns + ns(_KILLED_S)

    def _advance(self, now_ns: int) -> None:
        """Begin those whose time has come, or end them."""
        while names := self._order.to_begin(self._state):
            for name in names:
                self._charges[name].start(now_ns)
                self._note(name)
        while ending := self._order.to_end(now_ns, self._state):
            for name, by_ns in ending.items():
                self._charges[name].stop(now_ns, by_ns)
                self._note(name)
            if any(self._state(name) is not State.ENDED for name in ending):
                break

    def _state(self, name: str) -> State:
        return self._charges[name].watched.state

    def _is_over(self) -> bool:
        if self._give_up_ns is None:
            return False
        return self._order.is_over or SYSTEM_CLOCK.monotonic_ns() >= self._give_up_ns

    def _leave(self) -> None:
        """Nobody is left: but one that not even a kill has ended, or where something here is broken."""
        self._is_left = True
        for name, charge in self._charges.items():
            try:
                charge.leave()
            except Exception:
                self._logger.exception("a child cannot be left", child=name)
            self._note(name)
        self._selector.close()
        self._woken.close()
        self._wake.close()

    def _told(self, charge: Charge, told: Told) -> None:
        name = charge.spec.name
        level = _LEVELS.get(told.state, logging.INFO)
        self._logger.log(level, "a child", child=name, state=str(told.state), reason=told.reason)
        self._note(name)
        try:
            self._on_state(name, told.state, told.reason)
        except Exception:
            self._logger.exception("on_state failed", child=name)

    def _note(self, name: str) -> None:
        charge = self._charges[name]
        watched, process = charge.watched, charge.process
        status = ChildStatus(
            state=watched.state,
            reason=watched.reason,
            pid=None if process is None else process.pid,
            ends=watched.ends,
            code=charge.code,
            due_ns=watched.due_ns if watched.state is State.WAITING else None,
            done=charge.done,
        )
        with self._changed:
            if self._statuses.get(name) != status:
                self._statuses[name] = status
                self._changed.notify_all()


def _after(now_ns: int, timeout_s: float | None) -> int | None:
    return None if timeout_s is None else now_ns + ns(timeout_s)


def _is_due(due_ns: int | None, now_ns: int) -> bool:
    return due_ns is not None and now_ns >= due_ns
