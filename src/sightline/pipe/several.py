"""Several pieces of data at once, for a routine that makes many of one."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Several(list[T]):
    """What `main_logic` gives to send each of its items as a message of its own, in order.

    Those that are None are not sent; of an empty one nothing is. A wire needs room for as many as are to
    arrive together: a live one drops the others.
    """
