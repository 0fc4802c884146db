"""What a receiver's answer means, and when to try again. Pure: no clock, no socket.

Delays grow with the failures in a row, are jittered in proportion and are capped, as for cameras.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_exponential, wait_random_exponential

from sightline.clock import NS_PER_S

MAX_ASKED_S: Final = 3600.0
"""The longest `Retry-After` that is honoured; a longer one is taken for this."""
MAX_DELAY_S: Final = 60.0

# Of two equal parts one is fixed and one random, so that delays of many senders spread at every length.
_WAIT: Final = wait_exponential(multiplier=0.25, max=MAX_DELAY_S / 2) + wait_random_exponential(
    multiplier=0.25, max=MAX_DELAY_S / 2
)
# RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4: too slow, too early, too many. They say nothing against the body.
_AGAIN: Final = frozenset({408, 425, 429})


class Verdict(StrEnum):
    """What becomes of a delivery after an answer."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    AGAIN = "again"


def verdict_of(status: int) -> Verdict:
    """What an HTTP status means: 2xx taken, 4xx refused for good, all else may be different another time.

    A redirect is not followed, since the body would go to somebody who was not named; it is tried again.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if 400 <= status < 500 and status not in _AGAIN:
        return Verdict.REFUSED
    return Verdict.AGAIN


def asked_s(retry_after: str | None, utc_ns: int) -> float:
    """The seconds that a `Retry-After` asks for (RFC 9110 10.2.3: seconds or a date), or 0."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_ASKED_S)
    try:
        left_s = parsedate_to_datetime(text).timestamp() - utc_ns / NS_PER_S
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, left_s), MAX_ASKED_S)


def delay_s(failures: int, asked_s: float = 0.0) -> float:
    """Seconds to wait after the `failures`th failure in a row, and no less than the receiver asked for."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = failures
    return max(float(_WAIT(state)), asked_s)
