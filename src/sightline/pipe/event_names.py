"""Names of the events that every routine knows."""

from __future__ import annotations

from typing import Final

START_EVENT_NAME: Final = "start"
STOP_EVENT_NAME: Final = "stop"
KILL_EVENT_NAME: Final = "kill"
