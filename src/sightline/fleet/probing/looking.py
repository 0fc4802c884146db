"""A look at a camera, in a process of its own: whatever a camera does to libav, who asked goes on.

It promises: an answer within `MOST_S`, a fault in words where there is none; the login is in no argument and
no environment; no process is left behind, also where this one is killed.

Deliberately not here: how many look at a time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Final

import msgspec

from sightline.fleet.probing.words import MOST_S, Outcome, Wish
from sightline.log import get_logger, redact
from sightline.supervise.spec import python_module

_NO_ANSWER: Final = f"nothing is known of it after {MOST_S:g} s"


def look(wish: Wish, begun: Callable[[subprocess.Popen[bytes]], object] | None = None) -> Outcome:
    """What there is to see. `begun` is given the process, for whoever may have to end it."""
    command, environment = python_module("sightline.fleet.probing.child")
    try:
        process = subprocess.Popen(  # noqa: S603 - a program of ours
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libav's, which shows what it was given
            start_new_session=True,
        )
    except OSError as error:
        return Outcome(fault=f"no process can be begun to look at it: {error.strerror}")
    with process:
        if begun is not None:
            begun(process)
        try:
            answer, _ = process.communicate(msgspec.json.encode(wish), MOST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return Outcome(fault=_NO_ANSWER)
    return _read(answer, process.returncode)


def _read(answer: bytes, code: int) -> Outcome:
    try:
        outcome = msgspec.json.decode(answer, type=Outcome)
    except (msgspec.DecodeError, UnicodeError):
        get_logger(__name__).warning("a camera test gave no answer", code=code)
        return Outcome(fault=f"the look at it broke: exit code {code}")
    return msgspec.structs.replace(outcome, fault=redact(outcome.fault))
