"""Whether a call fits a signature.

`inspect` needs some 10 µs to say so; what it says depends on no more than how many arguments come by place
and which by name, so that a shape that fitted once fits again.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

MOST_SHAPES: Final = 64
"""Remembered of one method; a caller chooses them."""


class Fitting:
    """Calls against one signature."""

    def __init__(self, signature: inspect.Signature) -> None:
        self._signature = signature
        self._known: set[tuple[object, ...]] = set()

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raises TypeError where they do not fit."""
        shape = (len(args), *kwargs)
        if shape in self._known:
            return
        self._signature.bind(*args, **kwargs)
        # Names that a method takes as `**options` are the caller's own, and as long as it likes.
        if len(self._known) < MOST_SHAPES and kwargs.keys() <= self._signature.parameters.keys():
            self._known.add(shape)
