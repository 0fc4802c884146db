"""Why something failed, in words that may be kept and sent on."""

from __future__ import annotations

from typing import Final

from sightline.log import redact

MAX_REASON_CHARS: Final = 1000
"""Of what a dead letter died of, or a claim is given back for; what is beyond is cut."""


def checked_reason(reason: str) -> str:
    """A reason that may be kept: without secrets, bounded, and sendable."""
    searched = reason[: 8 * MAX_REASON_CHARS]  # beyond its end: a secret that lies across that is found whole
    return redact(searched).encode("utf-8", "backslashreplace").decode()[:MAX_REASON_CHARS]
