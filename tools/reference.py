"""The tables of the documentation that are made from the code: `python -m tools.reference` writes them.

A table stands in a document between `<!-- table: NAME -->` and `<!-- end -->`. What is between the two is
replaced, and nothing else is touched; a test fails while a document is behind the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import typer.main
from pydantic import BaseModel

from sightline.cli import app
from sightline.deepstream.models import (
    DsAppConfig,
    DsInstance,
    DsInstanceConfig,
    FACE_align_config,
    FACE_pgie_config,
    FACE_sgie_config,
    InstanceStatus,
    MOT_pgie_config,
    MOT_sgie_config,
    NodeInfo,
    SingleSourceConfig,
    SourcesConfig,
)
from sightline.deepstream.models.numbers import Numbered
from sightline.fleet import AgentSettings, CoordinatorServer
from sightline.fleet.api.app import PageParts, make_app
from sightline.fleet.people.rights import OPEN, RIGHTS
from sightline.fleet.store.instance_rows import InstanceRun
from sightline.fleet.store.rows import AgentIn, CameraIn, DsInstanceIn
from sightline.framequeue.tasks.settings import table as celery_settings
from sightline.site import Camera, Site, Worker, model_kinds, sink_kinds
from sightline.site.frame_queue import FrameQueue
from sightline.site.model import Topics

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
_PLACE: Final = re.compile(r"(<!-- table: (?P<name>[\w. -]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SECTIONS: Final = (
    Site,
    Topics,
    Camera,
    Worker,
    FrameQueue,
    model_kinds.MotionModel,
    model_kinds.HogModel,
    model_kinds.OnnxModel,
    model_kinds.PythonModel,
    model_kinds.Tracking,
    sink_kinds.JsonlSink,
    sink_kinds.PreviewSink,
    sink_kinds.ContactSheetSink,
    sink_kinds.ClipSink,
    sink_kinds.CsvSink,
    sink_kinds.ParquetSink,
    sink_kinds.VideoSink,
    sink_kinds.BusSink,
    sink_kinds.WebhookSink,
)
_PARTS: Final = (
    SingleSourceConfig,
    SourcesConfig,
    DsAppConfig,
    DsInstanceConfig,
    DsInstance,
    NodeInfo,
    InstanceStatus,
    MOT_pgie_config,
    FACE_pgie_config,
    MOT_sgie_config,
    FACE_sgie_config,
    FACE_align_config,
)
_ROWS: Final = (CameraIn, AgentIn, DsInstanceIn, InstanceRun)
_BOUNDS: Final = {
    "exclusiveMinimum": "above {}",
    "minimum": "from {}",
    "exclusiveMaximum": "below {}",
    "maximum": "to {}",
    "minLength": "of at least {} letters",
}
_HUGE: Final = 2**31 - 1
_TYPES: Final = {
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "array": "list",
    "object": "mapping",
    "string": "text",
}


def refreshed(text: str) -> str:
    """A document with its tables made anew. Raises KeyError for a table that nobody makes."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{TABLES[place['name']]()}\n\n{place[3]}", text)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


# Keys of the site file


def keys_of(section: type[BaseModel]) -> str:
    """Every key of a section of the site file, as its model has it."""
    schema = section.model_json_schema()
    needed = schema.get("required", ())
    rows = (
        (f"`{name}`", _values(key), _default(key, needed=name in needed), key["description"])
        for name, key in schema["properties"].items()
        if name != "kind"
    )
    return _table(("key", "what it may be", "left out", "what it says"), rows)


def _values(key: dict[str, Any]) -> str:
    if "enum" in key:
        return " or ".join(f"`{value}`" for value in key["enum"])
    if "const" in key:
        return f"`{key['const']}`"
    if "anyOf" in key:
        return ", or ".join(_values(one) for one in key["anyOf"] if one.get("type") != "null")
    if "oneOf" in key:
        kinds = " or ".join(f"`{kind}`" for kind in key["discriminator"]["mapping"])
        return f"mapping with `kind` {kinds}"
    if "items" in key:
        inner = _values(key["items"])
        return "list of names" if inner == "text" else f"list of: {inner}"
    return _plain(key)


def _plain(key: dict[str, Any]) -> str:
    if "$ref" in key:
        return "mapping"
    if key.get("format") == "path":
        return "path"
    if "pattern" in key:
        return "WIDTHxHEIGHT"
    if key.get("minLength") == 1:
        return "text"
    bounds = [words.format(key[name]) for name, words in _BOUNDS.items() if name in key]
    secret = ", secret" if key.get("format") == "password" else ""
    return " ".join([_TYPES[key["type"]], *bounds]) + secret


def _default(key: dict[str, Any], *, needed: bool) -> str:
    if needed:
        return "must be there"
    default = key.get("default")
    if default in (None, []) or isinstance(default, dict):
        return "-"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


# Models of DeepStream's document


def fields_of(part: type[BaseModel]) -> str:
    """Every field of a part of the fleet's document, with the words for its numbers."""
    schema = part.model_json_schema()
    needed = schema.get("required", ())
    rows = (
        (
            f"`{name}`",
            _numbers(part.model_fields[name].annotation) or _values(_whole(key, schema)),
            _default(key, needed=name in needed),
            key.get("description") or _said_of(part.model_fields[name].annotation),
        )
        for name, key in schema["properties"].items()
    )
    return _table(("field", "what it may be", "left out", "what it says"), rows)


def _numbers(annotation: Any) -> str | None:
    if isinstance(annotation, type) and issubclass(annotation, Numbered):
        return annotation.told()
    return None


def _whole(key: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A key with the words of its enum in the place of the enum's name."""
    found = schema.get("$defs", {}).get(key.get("$ref", "").rpartition("/")[2], {})
    whole = {**found, **key} if "enum" in found else key
    return {name: value for name, value in whole.items() if name != "pattern"}


def _said_of(annotation: Any) -> str:
    return (annotation.__doc__ or "").partition("\n")[0] if isinstance(annotation, type) else ""


# Commands


def commands() -> str:
    """Every command with its help, arguments and options, as `--help` has them."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return "\n\n".join(_command(name, command) for name, command in _all_of(group))


def _all_of(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The commands with their names, those of a group as `group command`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{before}{name}", command
            yield from _all_of(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _command(name: str, command: Any) -> str:
    arguments = [one.metavar for one in command.params if not _is_option(one)]
    usage = " ".join(["sightline", name, "[OPTIONS]", *arguments])
    rows = ((_names(one), _value(one), _shown(one), one.help) for one in command.params if not one.hidden)
    told, _, examples = command.help.partition("\n\nExamples:\n\n")
    return "\n\n".join(
        [
            f"## `{usage}`",
            told,
            _table(("option or argument", "value", "left out", "what it says"), rows),
            f"```sh\n{''.join(_example_lines(examples))}```",
        ]
    )


def _example_lines(examples: str) -> Iterator[str]:
    return (f"{line.strip()}\n" for line in examples.splitlines() if line.strip())


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _names(parameter: Any) -> str:
    return ", ".join(
        f"`{name}`" for name in (parameter.opts if _is_option(parameter) else [parameter.metavar])
    )


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if getattr(parameter, "is_flag", False):
        return "-"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{one.value}`" for one in kind)
    bounds = (
        f"{word} {at:g}" for word, at in (("from", parameter.min), ("to", parameter.max)) if at is not None
    )
    return " ".join([{float: "number", int: "whole number", Path: "path"}.get(kind, "text"), *bounds])


def _shown(parameter: Any) -> str:
    if parameter.required:
        return "must be there"
    default = parameter.default
    if default is None or default is False:
        return "-"
    if default is True:  # told by the option that turns it off
        return f"on; `{parameter.secondary_opts[0]}`: off"
    return f"`{default.value if isinstance(default, Enum) else default}`"


# Settings of Celery's workers


def celery() -> str:
    """What the environment tells a worker of Celery's."""
    rows = (
        (f"`{name}`", f"`{default}`" if default else "-", says) for name, default, says in celery_settings()
    )
    return _table(("variable", "left out", "what it says"), rows)


# The fleet


def rows_of(row: type[BaseModel]) -> str:
    """Every field of a row of the fleet's database, or a setting of its agents."""
    schema = row.model_json_schema()
    needed = schema.get("required", ())
    rows = (
        (
            f"`{name}`",
            _values(_open(_whole(key, schema))),
            _said(key, needed=name in needed),
            key["description"],
        )
        for name, key in schema["properties"].items()
    )
    return _table(("field", "what it may be", "left out", "what it says"), rows)


def _open(key: dict[str, Any]) -> dict[str, Any]:
    """A key without its pattern, and without bounds that are those of the machine."""
    kept = {name: value for name, value in key.items() if name != "pattern" and not _is_huge(value)}
    return {**kept, "anyOf": [_open(one) for one in key["anyOf"]]} if "anyOf" in key else kept


def _is_huge(value: Any) -> bool:
    return isinstance(value, int) and value >= _HUGE


def _said(key: dict[str, Any], *, needed: bool) -> str:
    default = key.get("default")
    if isinstance(default, list) and default:
        return ", ".join(f"`{one}`" for one in default)
    return "-" if default == "" else _default(key, needed=needed)


def routes() -> str:
    """Every route of the fleet's API, as its own description has it."""
    with (
        TemporaryDirectory() as folder,
        CoordinatorServer(bus="memory://reference", database=Path(folder) / "fleet.db") as server,
    ):
        paths = make_app(PageParts(server.service, server.entrance)).openapi()["paths"]
    rows = (
        (f"`{method.upper()} {path}`", _for(one["operationId"]), " ".join(one["description"].split()))
        for path, methods in paths.items()
        for method, one in methods.items()
    )
    return _table(("route", "for", "what it does"), rows)


def _for(route: str) -> str:
    return "all" if route in OPEN else RIGHTS[route].value


TABLES: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "celery": celery,
    "fleet.routes": routes,
    **{f"fleet.{row.__name__}": partial(rows_of, row) for row in (*_ROWS, AgentSettings)},
    **{f"deepstream.{part.__name__}": partial(fields_of, part) for part in _PARTS},
    **{f"site.{section.__name__}": partial(keys_of, section) for section in _SECTIONS},
}


def main() -> None:
    """Write every table into the documents."""
    for document in sorted(DOCS.glob("*.md")):
        document.write_text(refreshed(document.read_text()))


if __name__ == "__main__":
    main()
