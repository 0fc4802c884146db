"""Logs, and the one redactor of secrets.

`get_logger(name)` gives a structlog logger; `configure()` sets up the process, called by the command
and by nobody else: as a library Sightline leaves logging as it finds it. Every line, ours or a
library's, passes the redactor as its last step, rendered and with its traceback.

The redactor knows two kinds of secret: texts that were told to it (`hide_secret`), in the forms in which
they appear in URLs, JSON and Python, and texts that look like one (the user part of a URL, `password=`,
`Authorization:`, `?key=`). It is the same one for log lines, errors, pages and stats. It does not find a
secret that nobody told it of and that looks like any other word.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Collection, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, TextIO, cast
from urllib.parse import quote, quote_plus

from sightline.clock import SYSTEM_CLOCK, Clock, ns

if TYPE_CHECKING:
    import structlog

HIDDEN: Final = "***"
_SECRET_NAMES: Final = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|private[-_]?key|credentials?"  # noqa: S105
_SHORT_NAMES: Final = "pw|auth"  # whole words alone: not the end of `oauth` or the beginning of `author`
_SECRET_KEY: Final = re.compile(
    rf"(?:^|[-_.])(?:{_SECRET_NAMES}|{_SHORT_NAMES}|authorization)$", re.IGNORECASE
)
# Each is tried once for a word, at its begin: at each letter, a long one would take the square of its length.
# Up to the *last* @ of the word, because people do not encode the @ : / # of their passwords.
_URL_USER: Final = re.compile(r"(?<![^\s\"'<>])(?P<scheme>(?>[^\s\"'<>]*?://))[^\s\"'<>]*@")
_QUOTED: Final = r"(?P<quote>[\"'])(?:\\.|(?!(?P=quote))[^\\])*(?P=quote)"
_NAME: Final = rf"(?<![\w.-])(?:[\w.-]*(?:{_SECRET_NAMES})|(?:[\w.-]*[-_.])?(?:{_SHORT_NAMES}))\b"
# A session's cookie, and the link of the first login.
_LOGIN: Final = r"\bsightline_session=|/first\?code="
# `key` is a secret in the query of a URL; elsewhere it is the name of many a harmless thing.
_PAIR: Final = re.compile(
    rf"(?P<name>{_NAME}[\"']?\s*[=:]\s*|[?&]key=|{_LOGIN})(?:{_QUOTED}|[^\s&,;\"'<>]+)", re.IGNORECASE
)
_USER_TOKEN: Final = re.compile(r"slt_[0-9a-f]{12}\.[\w-]+")
_AUTHORIZATION: Final = re.compile(
    rf"(?P<name>\bauthorization[\"']?\s*[=:]\s*)(?:{_QUOTED}|[^\"'\n]+)", re.IGNORECASE
)


class Redactor:
    """Takes secrets out of texts and values. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None

    def hide(self, secret: str) -> None:
        """Never show `secret` again. Empty ones are ignored: they stand everywhere."""
        if not secret:
            return
        with self._lock:
            self._forms |= _forms(secret)
            self._known = None

    def text(self, text: str) -> str:
        """`text` with `***` in the place of each secret."""
        text = self.known(text)
        if "@" in text:
            text = _URL_USER.sub(rf"\g<scheme>{HIDDEN}@", text)
        if "slt_" in text:  # a user's token for the fleet, wherever it stands
            text = _USER_TOKEN.sub(f"slt_{HIDDEN}", text)
        return _PAIR.sub(_hide_pair, _AUTHORIZATION.sub(_hide_pair, text))

    def known(self, text: str) -> str:
        """`text` without the secrets that were told; what merely looks like one stays."""
        if not self._forms:
            return text
        return (self._known or self._compiled()).sub(HIDDEN, text)

    def value(self, value: Any) -> Any:
        """`value` with the secrets taken out of every text in it, however deep.

        Numbers, bools and None stay; any other object becomes a text, as it might show anything later: an
        exception as `OSError: what it says`, everything else as `str` has it.
        """
        if isinstance(value, Mapping):
            return {key: self._entry(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        if value is None or isinstance(value, int | float):
            return value
        named = f"{type(value).__name__}: " if isinstance(value, BaseException) else ""
        return self.text(f"{named}{value!s}")

    def _compiled(self) -> re.Pattern[str]:
        """The pattern of all that was told, made at its first use: a fleet has thousands of passwords."""
        with self._lock:
            # The longest first, so that no rest of a secret that holds another one stays visible.
            ordered = sorted(self._forms, key=len, reverse=True)
            self._known = re.compile("|".join(_as_pattern(form) for form in ordered))
            return self._known

    def _entry(self, key: Any, item: Any) -> Any:
        if isinstance(key, str) and _SECRET_KEY.search(key) and item is not None:
            return HIDDEN
        return self.value(item)


def _hide_pair(match: re.Match[str]) -> str:
    quote_mark = match["quote"] or ""
    return f"{match['name']}{quote_mark}{HIDDEN}{quote_mark}"


def _forms(secret: str) -> set[str]:
    """A secret as it stands in plain text, in URLs, in JSON and in a Python repr."""
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    in_urls = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return {secret} | escaped | in_urls | {form.lower() for form in in_urls if "%" in form}


def _as_pattern(form: str) -> str:
    # A very short secret is hidden where it stands alone: else `1` would blot out every number.
    pattern = re.escape(form)
    return pattern if len(form) > 3 else rf"(?<!\w){pattern}(?!\w)"


REDACTOR: Final = Redactor()
hide_secret = REDACTOR.hide
redact = REDACTOR.text


class Event(dict[str, Any]):
    """An event that reads as one redacted line where somebody else's handler writes it."""

    def __str__(self) -> str:
        told = {key: value for key, value in self.items() if key != "event"}
        pairs = (f"{key}={value!r}" for key, value in REDACTOR.value(told).items())
        return redact(" ".join((str(self.get("event", "")), *pairs)))


def _readable(_logger: Any, _method: str, event: Any) -> Any:
    return Event(event)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a part, named as the part is: `sightline.capture`. It writes through `logging`."""
    return cast("structlog.stdlib.BoundLogger", _Logger(name))


class _Logger:
    """One of structlog's, made when it has something to say: with rich it takes a while to be imported."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python itself asks for such, to copy this
            raise AttributeError(name)
        level = _LEVELS.get(name)
        if level is not None and not logging.getLogger(self._name).isEnabledFor(level):
            return _say_nothing
        return getattr(_structlogs(self._name), name)


_LEVELS: Final = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()}


def _say_nothing(*_of: object, **_what: object) -> None: ...


@cache
def _structlogs(name: str) -> Any:
    import structlog  # noqa: PLC0415 - see `_Logger`

    # Not structlog's global settings: those belong to the program, and unset they print to standard output.
    processors: list[Any] = [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        _readable,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    return structlog.wrap_logger(
        logging.getLogger(name), processors=processors, wrapper_class=structlog.stdlib.BoundLogger
    )


def configure(
    level: str = "info",
    *,
    as_json: bool = False,
    stream: TextIO | None = None,
    cameras: Collection[str] = (),
) -> None:
    """Send all logs of this process, libraries' too, to one stream.

    Args:
        level: the least level shown: `debug`, `info`, `warning` or `error`.
        as_json: one JSON object a line, for programs; else text for people.
        stream: where to; standard error when not given.
        cameras: of these everything is shown that Sightline says, whatever the level.
    """
    colours = not as_json and (stream or sys.stderr).isatty()
    handler = _StandardError() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(formatter(as_json=as_json, colours=colours))
    # On the handler too: where more is kept elsewhere (`sightline.mux.logs`), this stream stays as it is.
    handler.setLevel(level.upper())
    if cameras:
        _show_all_of(cameras, handler)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _show_all_of(cameras: Collection[str], handler: logging.Handler) -> None:
    least, names = handler.level, frozenset(cameras)

    def is_shown(record: logging.LogRecord) -> bool:
        said = record.msg
        return record.levelno >= least or (isinstance(said, Mapping) and said.get("camera") in names)

    handler.setLevel(logging.DEBUG)
    handler.addFilter(is_shown)
    logging.getLogger(__name__.partition(".")[0]).setLevel(logging.DEBUG)


def formatter(*, as_json: bool, colours: bool = False) -> logging.Formatter:
    """What makes a line of a record, ours or a library's, without secrets: JSON, or text for people."""
    return _Formatter(as_json=as_json, colours=colours)


class _Formatter(logging.Formatter):
    """structlog's, made for the first line."""

    def __init__(self, *, as_json: bool, colours: bool) -> None:
        super().__init__()
        self._as_json, self._colours = as_json, colours

    def format(self, record: logging.LogRecord) -> str:
        return self._made.format(record)

    @cached_property
    def _made(self) -> logging.Formatter:
        return _structlogs_formatter(as_json=self._as_json, colours=self._colours)


def _structlogs_formatter(*, as_json: bool, colours: bool) -> logging.Formatter:
    import structlog  # noqa: PLC0415 - see `_Logger`

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    )
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            _add_process,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([structlog.processors.format_exc_info] if as_json else []),
            _redact_event,
            renderer,
            # A pattern may not cut into finished JSON: there its texts were redacted one by one before.
            _redact_known if as_json else _redact_line,
        ],
    )


def _add_process(_logger: Any, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say which process a line is of, where that is another: a pipe writes the lines of its flows here."""
    process = event["_record"].processName
    return event if process in {None, "MainProcess"} else {**event, "process": process}


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is at the moment: a live table in the terminal takes its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def _redact_event(_logger: Any, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Hide by key while keys are still known: `password` with a value that looks like any word.

    An exception that is to be shown with its traceback stays what it is: the finished line is redacted too.
    """
    cleaned: dict[str, Any] = REDACTOR.value(event)
    return cleaned | ({"exc_info": event["exc_info"]} if "exc_info" in event else {})


def _redact_line(_logger: Any, _method: str, line: Any) -> str:
    """Hide in the finished line: what a repr, a traceback or an escape put there."""
    return redact(line)


def _redact_known(_logger: Any, _method: str, line: Any) -> str:
    """Hide what was told in the finished line, and leave its syntax alone."""
    return REDACTOR.known(line)


class Repeated:
    """One line a second at most for what may happen at camera rate: how often, and the last of it.

    What came since the last line is told by `flush()`, which whoever owns this calls when it ends.
    """

    def __init__(
        self,
        logger: structlog.stdlib.BoundLogger,
        event: str,
        *,
        every_s: float = 1.0,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._logger = logger
        self._event = event
        self._every_ns = ns(every_s)
        self._clock = clock
        self._lock = threading.RLock()  # a finalizer may add one whatever its thread is doing
        self._untold: dict[str, Any] = {}
        self._times = 0
        self._due_ns = clock.monotonic_ns()

    def add(self, **last: Any) -> None:
        """Count one more; `last` describes it."""
        with self._lock:
            self._times += 1
            self._untold = last
            due = self._clock.monotonic_ns() >= self._due_ns
        if due:
            self.flush()

    def flush(self) -> None:
        """Tell of what was counted and not yet told."""
        with self._lock:
            times, self._times = self._times, 0
            last, self._untold = self._untold, {}
            if times:
                self._due_ns = self._clock.monotonic_ns() + self._every_ns
        if times:
            self._logger.warning(self._event, times=times, **last)
