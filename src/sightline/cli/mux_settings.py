"""Settings of `sightline mux`: from options, the environment and a file, each under the same names.

An option counts more than the variable `SIGHTLINE_MUX_<NAME>`, that more than the file, and the file more
than what holds when nothing is said. The file is YAML, read as a site file is: every mistake is told with
its line and column, those of options and variables with their names, and all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sightline.bus import PACKET_TOPICS
from sightline.bus.names import checked_topic
from sightline.cli.mux import Begin, Goes, Output
from sightline.codec import Framing, Pictures
from sightline.errors import ConfigError
from sightline.kinds import nearest
from sightline.log import redact
from sightline.mux.logs import LEVELS
from sightline.mux.settings import MAX_OFFSET_DIFF
from sightline.site.document import Document, parse
from sightline.site.mistakes import Where, dotted, listed, quoted
from sightline.site.model import Model
from sightline.site.section import PictureSize, Section, SitePath, Text, TopicPattern, complete
from sightline.site.syntax import NotYaml
from sightline.site.wording import EXPECTED

ENVIRONMENT: Final = "SIGHTLINE_MUX_"
MAX_FILE_BYTES: Final = 1 << 20
_PATHS: Final = ("pid_file", "log_file")


def _none(value: object) -> object:
    """Of options and variables, which have no other word for it."""
    return None if value == "none" else value


def _topic(name: str) -> str:
    try:
        return checked_topic(name)
    except ConfigError as error:
        raise complete(error.message) from None


def _level(name: str) -> str:
    if name.lower() not in LEVELS:
        raise ValueError(f"expected {listed(LEVELS)}")
    return name.lower()


def _cameras(value: object) -> object:
    """`gate,yard`, a list of names, or each name with settings of its own."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if isinstance(names, dict):
        return {name: {} if own is None else own for name, own in names.items()}
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("expected names of cameras such as gate,yard, or settings by their names")
    if len(set(names)) != len(names):
        raise ValueError("expected each camera once")
    return {name: {} for name in names}


def model_of_text(value: object) -> object:
    """`motion`, `yolo11n.onnx`, `python:package.module:Class` or `none` in place of a mapping."""
    if not isinstance(value, str):
        return value
    if value == "none":
        return None
    if value.endswith(".onnx"):
        return {"kind": "onnx", "path": value}
    kind, _, place = value.partition(":")
    return {"kind": kind, "class": place} if kind == "python" else {"kind": value}


CameraName: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
Topic: TypeAlias = Annotated[str, AfterValidator(_topic)]


class _Looking(Section):
    """What holds for all cameras, and what one may have otherwise."""

    rate: Annotated[float | None, BeforeValidator(_none)] = Field(None, gt=0, le=1000)
    size: Annotated[PictureSize | None, BeforeValidator(_none)] = None
    codec: Text | None = None
    framing: Framing = "auto"
    pictures: Pictures = "auto"
    max_offset_diff: Annotated[int | None, BeforeValidator(_none)] = Field(MAX_OFFSET_DIFF, ge=1)
    forward: Goes = Goes.ALL
    max_wait_s: float = Field(2.0, gt=0, le=3600)


class MuxCamera(_Looking):
    """One camera; what it does not say is as for all."""

    topic: Topic | None = None
    out_topic: Topic | None = None

    def own(self) -> dict[str, Any]:
        """What it says itself, by the names of `CameraSettings`."""
        return _plain(self, self.model_fields_set)


class MuxSettings(_Looking):
    """All that `sightline mux` is told."""

    bus: Text
    cameras: Annotated[dict[CameraName, MuxCamera], BeforeValidator(_cameras)] = Field({})
    topic: TopicPattern = PACKET_TOPICS.main
    group: Topic | None = None
    start: Begin = Begin.LATEST
    model: Annotated[Model | None, BeforeValidator(model_of_text)] = None
    out_bus: Text | None = None
    out_topic: TopicPattern = "stream_:camera_id"
    output: Output = Output.PACKET
    control_topic: Topic | None = None
    control_bus: Text | None = None
    name: Text | None = None
    pid_file: SitePath | None = None
    log_file: SitePath | None = None
    log_topic: Topic | None = None
    log_level: Annotated[str, AfterValidator(_level)] = "info"

    @model_validator(mode="after")
    def _has_work(self) -> Self:
        if not self.cameras and self.control_topic is None:
            raise complete("expected cameras, or a control_topic on which they are added")
        if self.model is None and self.out_bus is None:
            raise complete("nothing to do: expected a model, or an out_bus to which packets go on")
        if self.model is None and (self.output is Output.RESULT or self.forward is Goes.ANALYSED):
            raise complete("expected a model where only results, or packets with a result, go on")
        return self

    def shared(self) -> dict[str, Any]:
        """What holds for all cameras, by the names of `CameraSettings`."""
        pictures = "key" if self.model is None else self.pictures  # where nobody looks
        return _plain(self, _Looking.model_fields) | {"pictures": pictures}


def _plain(settings: Section, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in names}
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}


class _Given(NamedTuple):
    """A setting, and how to name the place of what is wrong within it."""

    value: Any
    place: Callable[[Where], str]


def load_settings(options: Mapping[str, Any], environ: Mapping[str, str]) -> MuxSettings:
    """The settings of a mux.

    Args:
        options: by the names of the settings, None where nothing was said; `settings` is the file.
        environ: the environment.

    Raises:
        ConfigError: with every mistake, a line each.
    """
    said = {name: value for name, value in options.items() if value is not None}
    variables = {
        name.removeprefix(ENVIRONMENT).lower(): text
        for name, text in environ.items()
        if name.startswith(ENVIRONMENT) and text
    }
    file = said.pop("settings", None) or variables.pop("settings", None)
    found = {} if file is None else dict(_of_file(Path(file), environ))
    found |= {name: _of_variable(name, text) for name, text in variables.items()}
    found |= {name: _of_option(name, value) for name, value in said.items()}
    folder = None if file is None else Path(file).absolute().parent
    values = {name: given.value for name, given in found.items()}
    try:
        return MuxSettings.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        told = (_told(part, found) for part in error.errors(include_url=False))
        raise ConfigError("\n".join(dict.fromkeys(told))) from None


def _of_option(name: str, value: Any) -> _Given:
    return _Given(_absolute(name, value), lambda _where: f"--{name.replace('_', '-')}")


def _of_variable(name: str, text: str) -> _Given:
    return _Given(_absolute(name, text), lambda _where: f"{ENVIRONMENT}{name.upper()}")


def _absolute(name: str, value: Any) -> Any:
    """Paths of the command and its environment are meant from here, those of the file from its folder."""
    is_path = name in _PATHS or (name == "model" and str(value).endswith(".onnx"))
    return str(Path(value).absolute()) if is_path else value


def _of_file(path: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    try:
        document = parse(_text(path), environ)
    except NotYaml as error:
        raise ConfigError(f"{path}:{error.finding.place.line}: {error.finding.message}") from None
    if document.findings:
        raise ConfigError(
            "\n".join(
                f"{path}:{found.place.line}:{found.place.column} {dotted(found.where)}: {found.message}"
                for found in document.findings
            )
        )
    if not isinstance(document.value, dict):
        raise ConfigError(f"{path}: expected lines of name: value, such as bus: kafka://127.0.0.1:9092")
    for name, value in document.value.items():
        yield name, _Given(value, lambda where: _in_file(path, document, where))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB: this is no file of settings")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected text in UTF-8") from None


def _in_file(path: Path, document: Document, where: Where) -> str:
    place = document.place(where)
    return f"{path}:{place.line}:{place.column} {dotted(where)}"


# What pydantic found, in words


def _told(error: ErrorDetails, found: Mapping[str, _Given]) -> str:
    where = _where(error["loc"])
    if not where:
        return error["msg"]
    name = str(where[0])
    if error["type"] == "missing" and len(where) == 1:
        return f"expected --{name}, the variable {ENVIRONMENT}{name.upper()}, or {name} in a file of settings"
    return f"{found[name].place(where)}: {_message(error, where)}"


def _where(loc: Where) -> Where:
    """Of a model pydantic also names the kind, and of a wrong key that it is one."""
    steps = tuple(step for step in loc if step != "[key]")
    return steps[:1] + steps[2:] if steps[:1] == ("model",) else steps


def _message(error: ErrorDetails, where: Where) -> str:
    match error["type"]:
        case "extra_forbidden":
            known = MuxCamera.model_fields if where[0] == "cameras" else MuxSettings.model_fields
            return f"there is no such setting{nearest(str(where[-1]), known)}"
        case "missing" | "union_tag_not_found":
            return "missing"
        case "complete":
            return redact(error["msg"])  # it quotes what came
        case "union_tag_invalid":
            kinds = str(error["ctx"]["expected_tags"]).replace("'", "").split(", ")
            kind = str(error["ctx"]["tag"])
            return f"expected {listed(kinds)}, got {quoted(kind)}{nearest(kind, kinds)}"
        case "value_error":
            return f"{error['ctx']['error']}{_came(error['input'])}"
    said = error["msg"].removeprefix("Input should be ")
    expected = EXPECTED.get(error["type"])
    text = said if expected is None else expected(error.get("ctx", {}))
    return f"expected {text}{_came(error['input'])}"


def _came(value: object) -> str:
    """What came, where it cannot be a secret."""
    is_shown = isinstance(value, str | int | float) and "@" not in str(value) and "://" not in str(value)
    return f", got {quoted(redact(str(value)))}" if is_shown else ""
