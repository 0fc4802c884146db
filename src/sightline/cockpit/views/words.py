"""States as people read them: a word, a tone, and what it means.

Promises: each state of a camera, an instance or a machine has a word; one that is not known is shown as it
is. The tone is never all that tells them apart.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Tone(StrEnum):
    """How it stands with something."""

    GOOD = "good"
    BUSY = "busy"
    BAD = "bad"
    OFF = "off"


class Word(NamedTuple):
    """A state as it is shown; `means`: in a sentence, where the word alone may not be understood."""

    text: str
    tone: Tone
    means: str = ""

    @property
    def is_well(self) -> bool:
        """Nothing is to be done, and nothing to be waited for."""
        return self.tone in {Tone.GOOD, Tone.OFF}


_NOT_KNOWN: Final = Word("not known", Tone.BUSY, "nothing was reported of it yet")
_UNPLACED: Final = Word("no place", Tone.BAD, "no machine or no instance can take it")
_LOST: Final = Word("lost", Tone.BAD, "its machine is not heard")
_UNWANTED: Final = Word("stopped", Tone.OFF, "it is not wanted")
DRAFT: Final = Word("draft", Tone.OFF, "nothing of it is applied yet")
_STARTING: Final = Word("starting", Tone.BUSY, "it runs and is not ready yet")
_INSTANCES: Final = {
    "creating": Word("creating", Tone.BUSY, "its files and its image are made ready"),
    "starting": _STARTING,
    "running": Word("running", Tone.GOOD),
    "unhealthy": Word("unhealthy", Tone.BAD, "it was ready, and is no more"),
    "exited": Word("done", Tone.OFF, "it ended by itself, for good"),
    "waiting": Word("waiting", Tone.BAD, "it ended, and is begun again in a moment"),
    "failed": Word(
        "failed", Tone.BAD, "it did not become ready in its time; it is tried again ever more rarely"
    ),
    "removing": Word("ending", Tone.BUSY, "it is being ended"),
    "unplaced": _UNPLACED,
    "idle": Word("idle", Tone.OFF, "it has no cameras, and runs nothing without one"),
    "blocked": Word("held back", Tone.BUSY, "it must not run twice, and may still be running elsewhere"),
    "unwanted": _UNWANTED,
    "lost": _LOST,
    "unknown": _NOT_KNOWN,
    "": _NOT_KNOWN,
}
_CAMERAS: Final = {
    **_INSTANCES,
    "live": Word("live", Tone.GOOD),
    "idle": Word("not begun", Tone.BUSY, "it is about to be opened"),
    "connecting": Word("connecting", Tone.BUSY, "it is being opened"),
    "stalled": Word("silent", Tone.BAD, "it is connected, and sends no pictures"),
    "backing_off": Word("away", Tone.BAD, "it does not answer; it is tried again and again"),
    "disabled": _UNWANTED,
    "done": Word("played", Tone.OFF, "its recording is at the end"),
    "running": Word("not known", Tone.BUSY, "its instance runs, and says nothing of its pictures"),
}
_AGENTS: Final = {
    "new": Word("to come", Tone.BUSY, "its agent did not enrol yet"),
    "connected": Word("connected", Tone.GOOD),
    "lost": _LOST._replace(means="it is not heard"),
    "drained": Word("drained", Tone.OFF, "nothing is to run there"),
    "revoked": Word("sent away", Tone.OFF, "it is not listened to any more"),
}


def camera_word(state: str) -> Word:
    """Of a camera's `status`."""
    return _CAMERAS.get(state) or Word(state, Tone.BUSY)


def instance_word(state: str) -> Word:
    """Of an instance's `status`."""
    return _INSTANCES.get(state) or Word(state, Tone.BUSY)


def agent_word(state: str) -> Word:
    """Of a machine's `state`."""
    return _AGENTS.get(state) or Word(state, Tone.BUSY)


def states(of: str) -> list[tuple[str, str]]:
    """The states that may be asked for in a list, each with its word."""
    words = {"camera": _CAMERAS, "instance": _INSTANCES, "agent": _AGENTS}[of]
    return [(state, word.text) for state, word in words.items() if state]


def counted(number: int, one: str, many: str = "") -> str:
    """`1 camera`, `2 cameras`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
