"""What a routine is doing, and what is to be done next. Pure: told what happened, it says what follows.

Setup and cleanup are told of when they are over, and nothing else meanwhile: the routine's one thread has
them in hand. Otherwise anything may be told at any moment: a routine is always cleaned up after a setup that
succeeded, never without one, and never twice. DONE and KILLED are for good.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sightline.clock import NS_PER_S
from sightline.pipe.counts.reports import State
from sightline.pipe.settings import Retry

MOST_DELAY_S: Final = 60


class Act(StrEnum):
    """What is to be done."""

    SETUP = "setup"
    """Call `setup`, then tell `set_up`."""
    END = "end"
    """Tell the wires that nothing more comes."""
    CLEANUP = "cleanup"
    """Call `cleanup`, then tell `cleaned_up`."""
    OVER = "over"
    """Give everything up: nothing is ever to be done again."""


class Running:
    """One routine.

    Attributes:
        status: `state` and `reason`, of one moment.
        due_ns: when a setup that failed is tried again; None: not by itself.
    """

    def __init__(self, restart: Retry = Retry.NEVER) -> None:
        self._restart = restart
        self._failures = 0
        self._ending = self._killed = False
        self.status = (State.STOPPED, "")
        self.due_ns: int | None = None

    @property
    def state(self) -> State:
        """What it is doing."""
        return self.status[0]

    @property
    def reason(self) -> str:
        """Why it failed, or what failed while it ended; "" otherwise."""
        return self.status[1]

    @property
    def over(self) -> bool:
        """Whether it is done or killed."""
        return self.state in {State.DONE, State.KILLED}

    def be_over(self, state: State) -> None:
        """It is done, or killed, from the beginning."""
        self._killed = state is State.KILLED
        self._be(state)

    def start(self) -> tuple[Act, ...]:
        """START came. A routine that failed needs STOP first."""
        return self._set_up() if self.state is State.STOPPED else ()

    def stop(self) -> tuple[Act, ...]:
        """STOP came."""
        if self.state is State.RUNNING:
            return self._clean_up()
        if self.state is State.FAILED:
            self._be(State.STOPPED)
            self._failures = 0
        return ()

    def kill(self) -> tuple[Act, ...]:
        """KILL came."""
        self._killed = True
        if self.state is State.RUNNING:
            return self._clean_up()
        if not self.over:
            self._be(State.KILLED, self.reason)
        return (Act.OVER,)

    def ended(self) -> tuple[Act, ...]:
        """The routine, or all that it hears of, has given its last."""
        if self.state is not State.RUNNING:
            return ()
        self._ending = True
        return (Act.END, *self._clean_up())

    def set_up(self, error: str | None, now_ns: int) -> tuple[Act, ...]:
        """`setup` is over; `error`: what it raised."""
        if error is None:
            self._failures = 0
            self._be(State.RUNNING)
            return ()
        self._be(State.FAILED, error)
        if self._restart is Retry.ON_FAILURE:
            self._failures += 1
            self.due_ns = now_ns + min(2 ** (self._failures - 1), MOST_DELAY_S) * NS_PER_S
        return ()

    def cleaned_up(self, error: str | None) -> tuple[Act, ...]:
        """`cleanup` is over; `error`: what it raised."""
        if self._killed:
            self._be(State.KILLED, error or "")
            return (Act.OVER,)
        if self._ending:
            self._be(State.DONE, error or "")
        else:
            self._be(State.STOPPED if error is None else State.FAILED, error or "")
        return ()

    def tick(self, now_ns: int) -> tuple[Act, ...]:
        """It is `now_ns`: what failed may be due."""
        return self._set_up() if self.due_ns is not None and now_ns >= self.due_ns else ()

    def _set_up(self) -> tuple[Act, ...]:
        self._be(State.SETTING_UP)
        return (Act.SETUP,)

    def _clean_up(self) -> tuple[Act, ...]:
        self._be(State.CLEANING_UP)
        return (Act.CLEANUP,)

    def _be(self, state: State, reason: str = "") -> None:
        self.status, self.due_ns = (state, reason), None
