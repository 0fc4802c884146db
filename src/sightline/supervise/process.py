"""A child's process as its supervisor has it: begun, signalled, heard, and gone with all that it began.

It is the leader of a process group, so that Ctrl-C in a terminal is for who supervises, who asks it to end;
and what is left of its group when it is over is killed. Nothing here waits for it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

import msgspec

from sightline.log import get_logger
from sightline.supervise.board import Board
from sightline.supervise.link import STACKS_SIGNAL, VARIABLE, Handover, Lines, Words, words_of
from sightline.supervise.spec import ChildSpec

_MOST_READ_BYTES: Final = 256 * 1024
"""More than Linux holds for us in a pipe or a socket as it makes them: one read has all."""
_BEATS: Final = 4
_MOST_BEAT_S: Final = 5.0
_LEAVE_S: Final = 1.0


class Process:
    """One process of a child.

    Attributes:
        pid: its id.
        pidfd: a descriptor that can be read once it is over; None where the system has none.
        control: our end of the socket between us; it is read by `words`.
        output: our end of what it writes; None where that goes where ours goes. It is read by `lines`.
        board: what it shows.
    """

    def __init__(self, spec: ChildSpec) -> None:
        """Begin it. Raises OSError, and what `spec.sockets` raises."""
        with ExitStack() as theirs, ExitStack() as ours:
            sockets = spec.sockets()
            for inherited in sockets.values():
                theirs.callback(inherited.close)
            self.control, control = _pair(ours, theirs)
            self.output: int | None = None
            written: int | None = None
            if spec.on_line is not None:
                self.output, written = _pipe(ours, theirs)
            self.board = Board.made()
            ours.callback(self.board.close)
            handover = Handover(
                control=control.fileno(),
                board=self.board.fd,
                sockets={name: inherited.fileno() for name, inherited in sockets.items()},
                beat_s=min((spec.watch.hung_s or _MOST_BEAT_S * _BEATS) / _BEATS, _MOST_BEAT_S),
            )
            self._popen = _begun(spec, handover, written)
            ours.pop_all()
        self._stop_signal = spec.stop_signal
        self.pid = self._popen.pid
        self.pidfd = _pidfd(self.pid)
        self._said = Lines()
        self._written = Lines()

    def words(self) -> tuple[Words, bool]:
        """What it said since the last time, and whether it may say more."""
        data = _read(self.control.fileno())
        return words_of(self._said.feed(data or b"")), data != b""

    def lines(self) -> tuple[list[str], bool]:
        """What it wrote since the last time, and whether it may write more."""
        data = None if self.output is None else _read(self.output)
        return _texts(self._written.feed(data or b"")), data != b""

    def last_lines(self) -> list[str]:
        """What it wrote behind its last whole line."""
        return _texts(self._written.rest())

    def code(self) -> int | None:
        """Its exit code, or a signal's number below 0; None while it runs."""
        if self._popen.returncode is None:
            try:
                # It stays a zombie while we look, so that its number and its group's are nobody else's.
                if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    return None
                self.kill()
            except (
                ChildProcessError
            ):  # somebody waits for any child of this process, and knows what we do not
                pass
            self._popen.wait()
        return self._popen.returncode

    def dump(self) -> None:
        """Let it write down all its stacks, where it said that it will."""
        if self.board.has_stacks:
            self._signal(STACKS_SIGNAL)

    def terminate(self) -> None:
        self._signal(self._stop_signal)

    def kill(self) -> None:
        """It and its group, however it is: a process that is stopped too."""
        if self._popen.returncode is None:
            self._try(os.killpg, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Not by Popen, which would wait for it first: then its group could not be ended any more.
        if self._popen.returncode is None:
            self._try(os.kill, number)

    def _try(self, send: Callable[[int, int], object], number: signal.Signals) -> None:
        try:
            send(self.pid, number)
        except ProcessLookupError:
            pass
        except OSError as error:  # it became another user's
            log = get_logger("sightline.supervise")
            log.warning("a child cannot be signalled", pid=self.pid, signal=number.name, error=str(error))

    def leave(self) -> None:
        """Kill it, and wait for that: not for long, as there are processes that do not even die of it."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_LEAVE_S)

    def close(self) -> None:
        """Give back what we have of it, once it is over."""
        self.control.close()
        if self.output is not None:
            os.close(self.output)
        self.board.close()
        if self.pidfd is not None:
            os.close(self.pidfd)


def how_it_ended(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def _pair(ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, socket.socket]:
    mine, its = socket.socketpair()
    ours.callback(mine.close)
    theirs.callback(its.close)
    mine.setblocking(False)
    return mine, its


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    """Not a socket: a program may open /dev/stdout."""
    read, written = os.pipe()
    ours.callback(os.close, read)
    theirs.callback(os.close, written)
    os.set_blocking(read, False)
    return read, written


def _texts(lines: list[bytes]) -> list[str]:
    return [line.decode(errors="replace") for line in lines]


def _read(fd: int) -> bytes | None:
    """All that is there: None where that is nothing yet, no bytes where nothing will ever be."""
    try:
        return os.read(fd, _MOST_READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _begun(spec: ChildSpec, handover: Handover, output: int | None) -> subprocess.Popen[bytes]:
    told = {VARIABLE: msgspec.json.encode(handover).decode()}
    return subprocess.Popen(  # noqa: S603 - whoever wrote the spec wants this command
        list(spec.command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={**os.environ, **spec.environ, **told},
        pass_fds=(handover.control, handover.board, *handover.sockets.values()),
        process_group=0,
    )


def _pidfd(pid: int) -> int | None:
    with suppress(AttributeError, OSError):  # not everywhere, and not where it is forbidden
        return os.pidfd_open(pid)
    return None
