"""How a coordinator's process stays prompt while its threads are at work.

A look for garbage among all there is stops every thread, for a third of a second where a thousand machines
are known: nobody is answered meanwhile. What a coordinator keeps lives long and refers to itself nowhere, so
such looks find next to nothing; the young is looked at as before, in larger parts. And a thread that computes
gives way to one that has somebody to answer after half a millisecond, not after five: an answer waits for its
turn once for each question to the database.

Deliberately not here: other processes. Both are of the whole process, so the command asks for it, and nothing
that is part of another program.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (20_000, 20, 50)
TURN_S: Final = 0.0005


@contextmanager
def prompt() -> Iterator[None]:
    """Within the block."""
    before, turn_s = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(*SELDOM)
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        sys.setswitchinterval(turn_s)
