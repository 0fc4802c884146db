"""One child in a supervisor's care: its machine, its process, and what goes between the two.

Used by the supervisor's thread alone. Nothing here waits.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from sightline.clock import SYSTEM_CLOCK
from sightline.log import get_logger, redact
from sightline.supervise.process import Process, how_it_ended
from sightline.supervise.spec import ChildSpec
from sightline.supervise.watched import DUMP_NS, Act, Told, Watched

if TYPE_CHECKING:
    import structlog

T = TypeVar("T")


class Charge:
    """One child. `tell` hears of each new state; its process's files are in `selector`, with this as data."""

    def __init__(
        self,
        spec: ChildSpec,
        selector: selectors.BaseSelector,
        tell: Callable[[Charge, Told], None],
    ) -> None:
        self.spec: Final = spec
        self.watched: Final = Watched(spec.restart, spec.watch)
        self.process: Process | None = None
        self.done: Mapping[str, int] = {}
        self.code: int | None = None
        self._selector = selector
        self._tell = tell
        self._failed = ""
        self._stacks_ns: int | None = None

    @property
    def due_ns(self) -> int | None:
        """When it is to be looked at, whatever happens."""
        dues = [due_ns for due_ns in (self.watched.due_ns, self._stacks_ns) if due_ns is not None]
        return min(dues, default=None)

    @property
    def needs_polling(self) -> bool:
        """Whether nothing will tell that its process is over."""
        return self.process is not None and self.process.pidfd is None

    def start(self, now_ns: int) -> None:
        self.watched.start(now_ns)
        self._do()

    def stop(self, now_ns: int, deadline_ns: int | None = None) -> None:
        self.watched.stop(now_ns, deadline_ns)
        self._do()

    def dump(self, now_ns: int) -> None:
        """Have its stacks written down, and told soon after."""
        if self.process is not None:
            self.process.dump()
            self._stacks_ns = now_ns + DUMP_NS

    def look(self, now_ns: int) -> None:
        """See how its process is, and do what is due."""
        if self.process is not None:
            code = self.process.code()
            self._hear(self.process, now_ns)
            self._pass_on(self.process)
            if code is None:
                self._see_progress(self.process, now_ns)
            else:
                self._bury(self.process, code, now_ns)
        self.watched.tick(now_ns)
        self._do()

    def leave(self) -> None:
        """Nobody looks after it any more: its process is killed, and not waited for."""
        if self.process is not None:
            _logger().error("a child is left", child=self.spec.name, pid=self.process.pid)
            self._abandon(self.process)
        self.watched.left()
        self._do()

    def _do(self) -> None:
        while self.watched.acts:
            act = self.watched.acts.pop(0)
            if isinstance(act, Told):
                self._tell(self, act)
            elif act is Act.SPAWN:
                self._spawn()
            elif self.process is not None:
                self._signal(self.process, act)

    def _signal(self, process: Process, act: Act) -> None:
        if act is Act.DUMP:
            self.dump(SYSTEM_CLOCK.monotonic_ns())
        elif act is Act.TERMINATE:
            process.terminate()
        else:
            process.kill()

    def _spawn(self) -> None:
        self._failed = ""
        self.code = None
        try:
            self.process = process = Process(self.spec)
            self._register(process)
        except Exception as error:  # noqa: BLE001 - the caller's `sockets` may raise anything
            if self.process is None:
                self.done = {}
            else:
                self._abandon(self.process)
            why = f"it cannot be begun: {type(error).__name__}: {redact(str(error))}"
            self.watched.exited(SYSTEM_CLOCK.monotonic_ns(), why)
            return
        self.watched.spawned(SYSTEM_CLOCK.monotonic_ns())
        self._call(self.spec.on_spawn, process.pid)

    def _register(self, process: Process) -> None:
        for file in (process.control, process.output, process.pidfd):
            if file is not None:
                self._selector.register(file, selectors.EVENT_READ, self)

    def _abandon(self, process: Process) -> None:
        process.leave()
        self._part(process)

    def _hear(self, process: Process, now_ns: int) -> None:
        words, more = process.words()
        for word in words:
            if word.kind == "ready":
                self.watched.ready(now_ns, word.text)
            else:
                self._failed = word.text
        if not more:
            self._unregister(process.control)  # it would be readable for ever
        if self._stacks_ns is not None and now_ns >= self._stacks_ns:
            self._tell_stacks(process)

    def _pass_on(self, process: Process) -> None:
        lines, more = process.lines()
        if not more:
            self._unregister(process.output)
        self._tell_lines(lines)

    def _tell_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            if self.spec.on_line is not None:
                self._call(self.spec.on_line, line)

    def _call(self, what: Callable[[T], object], argument: T) -> None:
        try:
            what(argument)
        except Exception:  # noqa: BLE001 - it is the caller's, and logged
            _logger().exception("a callback failed", child=self.spec.name, callback=repr(what))

    def _see_progress(self, process: Process, now_ns: int) -> None:
        told_ns, lane = process.board.slowest() or (now_ns, "")
        self.watched.progress(min(told_ns, now_ns), lane)

    def _bury(self, process: Process, code: int, now_ns: int) -> None:
        self._tell_lines(process.last_lines())
        self._tell_stacks(process)  # those of a fault too
        self._part(process)
        self.code = code
        ended = how_it_ended(code)
        self.watched.exited(now_ns, f"{self._failed} ({ended})" if self._failed else ended, failed=code != 0)

    def _tell_stacks(self, process: Process) -> None:
        self._stacks_ns = None
        text = process.board.take_text()
        if text:
            _logger().warning("stacks of a child", child=self.spec.name, pid=process.pid, stacks=f"\n{text}")

    def _part(self, process: Process) -> None:
        self.done = process.board.done()
        self._unregister(process.control, process.output, process.pidfd)
        process.close()
        self.process = None

    def _unregister(self, *files: socket.socket | int | None) -> None:
        for file in files:
            if file is not None and file in self._selector.get_map():
                self._selector.unregister(file)


def _logger() -> structlog.stdlib.BoundLogger:
    return get_logger("sightline.supervise")
