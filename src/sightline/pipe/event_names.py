"""Names of the events that every routine knows."""

from __future__ import annotations

from typing import Final

START_EVENT_NAME: Final = "start"
STOP_EVENT_NAME: Final = "stop"
KILL_EVENT_NAME: Final = "kill"

UPDATE_FPS_EVENT_NAME: Final = "update_fps"
"""Of those that have a rate."""

LOG_DATA: Final = "log_data"
"""Small pictures of what a routine takes and gives are to stand in its log, or no more."""
