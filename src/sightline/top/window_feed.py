"""Sites of this machine and this user, by the windows that they leave open."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from sightline.errors import SightlineError, Unreachable, WireError
from sightline.site.private_folder import PREFIX, places
from sightline.site.window import MOST_WAIT_S, WINDOW, EventsAsked, Look, LookAsked, SendAsked
from sightline.top.feed import Event, Target, outcome

T = TypeVar("T")
MOST_TOLD_BYTES: Final = 64 * 2**20
_ANSWER_S: Final = MOST_WAIT_S + 5.0


class _Answer(msgspec.Struct, frozen=True):
    answer: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None


def windows() -> list[Path]:
    """Those of this user, whoever is behind them; one may be left over."""
    found = [path for place in dict.fromkeys(places()) for path in place.glob(f"{PREFIX}*/{WINDOW}")]
    return sorted(path for path in found if _is_ours(path.parent))


def _is_ours(folder: Path) -> bool:
    """Whether nobody else could have put the window there."""
    try:
        of = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(of.st_mode) and of.st_uid == os.getuid() and not of.st_mode & 0o077


class WindowFeed:
    """What is behind a window. Raises Unreachable where nobody is."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(_ANSWER_S)
            self._socket.connect(str(path))
            self._lines = self._socket.makefile("rb")
        except OSError as error:
            self._socket.close()
            raise Unreachable(f"nobody is there any more: {error}") from error

    def look(self) -> Look:
        return self._asked(LookAsked(), Look)

    def events(self, pipe: str) -> list[str]:
        return self._asked(EventsAsked(pipe), list[str])

    def send(self, target: Target, event: Event) -> str:
        asked = SendAsked(target.pipe, event.name, target.targets, dict(event.params))
        return outcome(self._asked(asked, dict[str, Any]))

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _asked(self, asked: msgspec.Struct, wanted: type[T]) -> T:
        try:
            self._socket.sendall(msgspec.json.encode(asked) + b"\n")
            line = self._lines.readline(MOST_TOLD_BYTES)
        except ConnectionError:
            line = b""
        except OSError as error:
            raise Unreachable(f"it does not answer: {error!s}") from error
        if not line.endswith(b"\n"):
            raise Unreachable("it has ended, or lets nobody else in")
        try:
            answer = msgspec.json.decode(line, type=_Answer)
            if answer.error is not None:
                raise SightlineError(answer.error)
            return msgspec.json.decode(answer.answer, type=wanted)
        except msgspec.DecodeError as error:
            raise WireError(f"what answers there is of another version: {error}") from None
