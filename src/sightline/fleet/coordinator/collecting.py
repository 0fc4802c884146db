"""How often a coordinator's process looks for garbage that refers to itself.

A look at all of it stops every thread, for a third of a second where a thousand machines are known: nobody is
answered meanwhile. What a coordinator keeps lives long and refers to itself nowhere, so such looks find next
to nothing; the young is looked at as before, in larger parts.

Deliberately not here: other processes. It is of the whole process, so the command asks for it, and nothing
that is part of another program.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (20_000, 20, 50)


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Within the block."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
