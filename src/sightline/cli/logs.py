"""`sightline logs`: the records of pipes as they come, over socket.io."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sightline.cli.terminal import visible, visible_json
from sightline.errors import Closed, ConfigError, SinkError

if TYPE_CHECKING:
    from sightline.pipe.outside.log_entry import LogEntry
    from sightline.pipe.outside.log_intake import IntakeStats

MOST_PICTURES: Final = 1000
_STEP_S: Final = 0.1
_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_UNSAFE: Final = re.compile(r"[^\w.-]+|^\.+")
_LINE: Final = "{time} {level:<8} {place}: {message}"


def logs(
    host: Annotated[
        str, typer.Option(help="Address to listen on; wider than this machine needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 3000,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Senders must know the token in this environment variable.",
            show_default=False,
        ),
    ] = None,
    level: Annotated[
        str, typer.Option(help=f"Show records of this level and above: {', '.join(_LEVELS)}.")
    ] = "debug",
    routine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Show those of routines, or flows, with such a name, * is anything; may be repeated.",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the newest picture of each routine and side there.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="End after so many; else Ctrl-C.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each record.")] = False,
) -> None:
    """Receive the logs of pipes and show them as they come.

    A pipe sends them whose logger is `get_socket_logger(name, level)`, with SOCKET_LOGGER_URL as the address
    that this prints. Pictures come while the event `log_data` is on.

    Examples:

        sightline logs

        sightline logs --level warning --routine 'cameras.*' --pictures seen

        LOGS_TOKEN=... sightline logs --host 0.0.0.0 --token-env LOGS_TOKEN --json
    """
    from sightline.cli.showing import stopped_by_signals
    from sightline.pipe.outside.log_receiver import LogReceiver

    showing = _Showing(_severity(level), routine or [], pictures, as_json=as_json)
    with LogReceiver(showing.take, host=host, port=port, token=_token(token_env)) as receiver:
        typer.echo(f"listening for logs at {receiver.url.rstrip('/')}", err=True)
        with stopped_by_signals(showing):
            showing.wait(seconds)
        typer.echo(_summary(receiver.stats()), err=True)
    showing.check()


class _Showing:
    """Prints what is wanted of what comes, until it is asked to stop."""

    def __init__(
        self, severity: int, patterns: Sequence[str], pictures: Path | None, *, as_json: bool
    ) -> None:
        self._severity = severity
        self._patterns = patterns
        self._folder = None if pictures is None else _PictureFolder(pictures)
        self._as_json = as_json
        self._asked_to_stop = False
        self._failed: OSError | None = None

    def check(self) -> None:
        """Raises SinkError: it ended as nothing more could be written."""
        if self._failed is not None and not isinstance(self._failed, BrokenPipeError):
            raise SinkError(f"cannot write what came: {self._failed}") from self._failed

    def request_stop(self) -> None:
        self._asked_to_stop = True  # and no event, whose lock the thread may hold that a signal interrupts

    def wait(self, timeout_s: float | None = None) -> bool:
        """True: it was asked to stop."""
        until_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not self._asked_to_stop and time.monotonic() < until_s:
            time.sleep(_STEP_S)
        return self._asked_to_stop

    def take(self, entries: Sequence[LogEntry]) -> None:
        """One call at a time. Raises Closed: whoever read it is gone, or the disk is full."""
        try:
            for entry in filter(self._wants, entries):
                picture = self._folder.keep(entry) if self._folder else None
                typer.echo(_json(entry, picture) if self._as_json else _line(entry, picture))
        except OSError as error:
            self._failed = self._failed or error
            self._asked_to_stop = True
            raise Closed("nothing more can be written") from error

    def _wants(self, entry: LogEntry) -> bool:
        names = (entry.routine, entry.flow, f"{entry.flow}.{entry.routine}")
        return entry.severity >= self._severity and (
            not self._patterns or any(fnmatchcase(name, one) for one in self._patterns for name in names)
        )


class _PictureFolder:
    """The newest picture of each place, as `pipe.flow.routine.side.jpg`; no more than `MOST_PICTURES`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._names: set[str] = set()

    def keep(self, entry: LogEntry) -> Path | None:
        """Where its picture is, if it has one."""
        if not entry.picture:
            return None
        parts = (entry.pipe, entry.flow, entry.routine, entry.side or "picture")
        name = ".".join(_short(_UNSAFE.sub("_", part)) for part in parts if part) + ".jpg"
        if name not in self._names and len(self._names) >= MOST_PICTURES:
            return None
        self._names.add(name)
        unfinished = self._folder / f".{name}.part"
        unfinished.write_bytes(entry.picture)
        return unfinished.replace(self._folder / name)


def _short(part: str) -> str:
    """File systems take names of 255 bytes."""
    return part.encode()[:60].decode(errors="ignore")


def _line(entry: LogEntry, picture: Path | None) -> str:
    place = ".".join(filter(None, (entry.pipe, entry.flow, entry.routine))) or entry.source
    told = _LINE.format(time=entry.time[11:23], level=entry.level, place=place, message=entry.message)
    extra = "".join(f" {name}={value!r}" for name, value in entry.extra.items())
    kept = f" [{picture}]" if picture else ""
    traceback = f"\n{entry.traceback}" if entry.traceback else ""
    return visible(f"{told}{extra}{kept}{traceback}").replace("\n", "\n    ")


def _json(entry: LogEntry, picture: Path | None) -> str:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(entry)
    told.pop("picture", None)
    if picture is not None:
        told["picture"] = str(picture)
    return visible_json(msgspec.json.encode(told).decode())


def _summary(stats: IntakeStats) -> str:
    from sightline.cli.live import dropped_text

    refused = f", {stats.refused} messages were no records" if stats.refused else ""
    return (
        f"{stats.received} records, {stats.pictures} with a picture; "
        f"dropped by their senders: {dropped_text(stats.dropped)}{refused}"
    )


def _severity(level: str) -> int:
    import logging

    if level.lower() not in _LEVELS:
        raise typer.BadParameter(f"expected one of {', '.join(_LEVELS)}, got {level!r}")
    return logging.getLevelNamesMapping()[level.upper()]


def _token(variable: str | None) -> str | None:
    token = None if variable is None else os.environ.get(variable)
    if variable is not None and not token:
        raise ConfigError(f"expected a token in the environment variable {variable}")
    return token
