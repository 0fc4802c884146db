"""What is raised where DeepStream would not go on."""

from __future__ import annotations

from pathlib import Path

from sightline.errors import ConfigError
from sightline.log import redact


class Refused(ConfigError):
    """A file that DeepStream would not load.

    Attributes:
        path: the file, or None for a text.
        line: where in it, from 1; None where it concerns the whole file.
        reason: what was expected and what came, without the place and without passwords.
    """

    def __init__(self, reason: str, *, line: int | None = None, path: Path | None = None) -> None:
        reason = redact(reason)  # it may quote a line of the file
        place = ", ".join(part for part in (str(path or ""), f"line {line}" if line else "") if part)
        super().__init__(f"{place}: {reason}" if place else reason)
        self.path = path
        self.line = line
        self.reason = reason


class ValueRefused(ConfigError):
    """A value that its reader (GLib's getter, yaml-cpp's conversion) does not take; the message says why."""
