"""One thing that was looked at: how it is, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """`ok`: as it should be. `note`: works, but know it. `problem`: something that was asked for fails."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        area: what it belongs to: machine, limits, video, ...
        name: what was looked at.
        state: how it is.
        told: what was found, in words.
        do: what to do about it; empty where there is nothing to be done.
    """

    area: str
    name: str
    state: State
    told: str
    do: str = ""


def ok(area: str, name: str, told: str) -> Finding:
    return Finding(area=area, name=name, state=State.OK, told=told)


def note(area: str, name: str, told: str, do: str = "") -> Finding:
    return Finding(area=area, name=name, state=State.NOTE, told=told, do=do)


def problem(area: str, name: str, told: str, do: str) -> Finding:
    return Finding(area=area, name=name, state=State.PROBLEM, told=told, do=do)
