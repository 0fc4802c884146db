"""Moments as columns have them, for people."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(utc_ms: int) -> datetime:
    """Of a column in milliseconds of UTC."""
    return datetime.fromtimestamp(utc_ms / 1000, UTC)
