"""What a stand-in is told to do wrong, as people write it.

    crash at 5s; lose gate from 3s to 7s; exit 3 at 1min; slow 10s

    refuse               it takes no configuration, whatever is in it
    slow T               so long it takes to begin
    exit CODE at T       it ends by itself
    error at T           its pipeline fails, as with a broken element
    crash at T           a segmentation fault
    hang at T            it says, answers and obeys nothing any more; only SIGKILL ends it
    deaf [at T]          it takes no heed of signals, and goes on
    eat N at T           so many MiB of memory more
    lose CAMERA [TIME]   a camera gives no pictures; * for all
    mute [TIME]          no line of PERF, no messages
    unready [TIME]       its routes say that it is not ready

T is a number with `ms`, `s` or `min`, counted from the moment that it is told; TIME is `at T` or
`from T [to T]`, and always without.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sightline.errors import ConfigError

_UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1.0, "min": 60.0}
_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|min)")
MOST_MIB: Final = 4096
MOST_EXIT: Final = 255


class Wrong(StrEnum):
    """What it may be told."""

    REFUSE = "refuse"
    SLOW = "slow"
    EXIT = "exit"
    ERROR = "error"
    CRASH = "crash"
    HANG = "hang"
    DEAF = "deaf"
    EAT = "eat"
    LOSE = "lose"
    MUTE = "mute"
    UNREADY = "unready"


_ONCE: Final = {Wrong.EXIT, Wrong.ERROR, Wrong.CRASH, Wrong.HANG, Wrong.EAT}
_VALUED: Final = {Wrong.SLOW: "a time", Wrong.EXIT: "an exit code", Wrong.EAT: "MiB", Wrong.LOSE: "a camera"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them.

    Attributes:
        value: seconds of SLOW, the code of EXIT, MiB of EAT; 0 otherwise.
        camera: that is lost; `*` for each.
        from_s, to_s: seconds after the begin between which it holds; to_s is None where it does not end.
    """

    wrong: Wrong
    from_s: float = 0.0
    to_s: float | None = None
    value: float = 0.0
    camera: str = "*"

    def holds(self, since_s: float) -> bool:
        return self.from_s <= since_s and (self.to_s is None or since_s < self.to_s)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Reads them. Raises ConfigError with the words that are wrong and what was expected in their place."""
    return tuple(_fault(part.strip()) for part in text.split(";") if part.strip())


def _fault(clause: str) -> Fault:
    words = clause.split()
    try:
        wrong = _wrong(words.pop(0))
        value, camera = _value(wrong, words)
        from_s, to_s = _when(wrong, words)
    except ConfigError as error:
        raise ConfigError(f"fault {clause!r}: {error.message}") from None
    return Fault(wrong, from_s, to_s, value, camera)


def _wrong(word: str) -> Wrong:
    known = [str(wrong) for wrong in Wrong]
    if word in known:
        return Wrong(word)
    near = difflib.get_close_matches(word, known, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise ConfigError(f"expected one of {', '.join(known)}, got {word!r}{meant}")


def _value(wrong: Wrong, words: list[str]) -> tuple[float, str]:
    if wrong not in _VALUED:
        return 0.0, "*"
    if not words:
        raise ConfigError(f"expected {_VALUED[wrong]} behind {wrong.value!r}, got nothing")
    word = words.pop(0)
    if wrong is Wrong.LOSE:
        return 0.0, word
    return (_time(word) if wrong is Wrong.SLOW else _whole(word, wrong)), "*"


def _whole(word: str, wrong: Wrong) -> float:
    most = MOST_EXIT if wrong is Wrong.EXIT else MOST_MIB
    if not word.isascii() or not word.isdigit() or len(word) > 4 or int(word) > most:
        raise ConfigError(f"expected {_VALUED[wrong]} from 0 to {most}, got {word!r}")
    return float(word)


def _when(wrong: Wrong, words: list[str]) -> tuple[float, float | None]:
    match words:
        case []:
            if wrong in _ONCE:
                raise ConfigError(f"expected 'at' and a time behind {wrong.value!r}, got nothing")
            return 0.0, None
        case ["at", at] if wrong is not Wrong.SLOW and wrong is not Wrong.REFUSE:
            return _time(at), None
        case ["from", begin] if _lasts(wrong):
            return _time(begin), None
        case ["from", begin, "to", end] if _lasts(wrong):
            from_s, to_s = _time(begin), _time(end)
            if to_s > from_s:
                return from_s, to_s
            raise ConfigError(f"expected an end after {begin}, got {end}")
        case _:
            expected = (
                "'at T', or 'from T to T'" if _lasts(wrong) else "'at T'" if wrong in _ONCE else "the end"
            )
            raise ConfigError(f"expected {expected}, got {' '.join(words)!r}")


def _lasts(wrong: Wrong) -> bool:
    return wrong in {Wrong.LOSE, Wrong.MUTE, Wrong.UNREADY, Wrong.DEAF}


def _time(word: str) -> float:
    match = _TIME.fullmatch(word)
    if match is None:
        raise ConfigError(f"expected a time such as 500ms, 5s or 1min, got {word!r}")
    return float(match[1]) * _UNITS[match[2]]
