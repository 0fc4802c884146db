"""What a stand-in is to do, by its configuration files.

It promises to refuse what `deepstream-app` would: whatever the linter finds that DeepStream does not load, in
the file itself, whatever it looks like, and in each that it names; a file whose name ends in neither `.txt`
nor `.yml` or `.yaml`, which the application does not read at all; no source to play, where none can come by
the routes; and an inference engine without its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.findings import Severity
from sightline.deepstream.judging.linting import lint, lint_path
from sightline.deepstream.kinds import Kind, kind_of
from sightline.deepstream.reading.loading import load
from sightline.deepstream.reading.sources import sources_of
from sightline.deepstream.reading.values import value
from sightline.deepstream.refusal import Refused

BROKER: Final = 6
"""The type of a sink that sends messages."""
PERF_S: Final = 5
"""Where the measurement is on and its interval is not set."""
FRAME_INTERVAL: Final = 30
"""Pictures from one message to the next."""
FPS: Final = 30.0


class Thrown(Refused):
    """yaml-cpp throws at this file, and the application catches nothing."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a sink sends to: by `library` one of the protocols, at `address` as the file has it.

    Attributes:
        settings: of `proto-cfg`, name=value;name=value: a login may be among them.
    """

    library: str
    address: str
    topic: str
    payload: int
    settings: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """See `Life` for what is as there.

    Attributes:
        address: of the routes, where the application has them.
        brokers: of each sink that sends messages.
    """

    cameras: tuple[str, ...]
    perf_s: float | None
    message_s: float | None
    address: tuple[str, int] | None
    brokers: tuple[Broker, ...]


def read_plan(paths: Sequence[Path], uris: Sequence[str] = ()) -> Plan:
    """What these files ask for together. Raises Refused with all that the application would not load."""
    files = [_loaded(path) for path in paths]
    cameras = tuple(name for at, file in enumerate(files) for name in _cameras(file, uris[at : at + 1]))
    addresses = [address for file in files if (address := _address(file)) is not None]
    if not cameras and not addresses:
        raise Refused("expected an enabled source that has an address, got none", path=paths[0])
    sinks = [(file, group) for file in files for group in _sinks(file)]
    brokers = tuple(_broker(file, group, paths[files.index(file)].parent) for file, group in sinks)
    every = [_whole(file, group, "msg-conv-frame-interval", FRAME_INTERVAL) for file, group in sinks]
    perf = [seconds for file in files if (seconds := _perf_s(file)) is not None]
    return Plan(
        cameras,
        perf_s=min(perf, default=None),
        message_s=max(1, min(every)) / FPS if every else None,
        address=addresses[0] if addresses else None,
        brokers=brokers,
    )


def _loaded(path: Path) -> ConfigFile:
    if not path.name.endswith((".txt", ".yml", ".yaml")):
        raise Refused("expected a name that ends in .txt, .yml or .yaml: no other is read", path=path)
    file = _read(path)
    # By its looks it may be another's; it is this application that was given it.
    found = lint_path(path) if kind_of(file) is Kind.APP else lint(file, Kind.APP)
    refused = [each for each in found if each.severity is Severity.REFUSED]
    if refused:
        first = refused[0]
        more = f" (and {len(refused) - 1} more)" if refused[1:] else ""
        at = path.parent / first.file if first.file else path
        raise Refused(first.message + more, line=first.line, path=at)
    for group, named in _named(file):
        if not (path.parent / named).is_file():
            raise Refused(
                f"[{group}] config-file: expected a file, got {named}, which is not there", path=path
            )
    return file


def _read(path: Path) -> ConfigFile:
    try:
        return load(path)
    except Refused as error:
        if Form.of(path) is Form.YML:
            raise Thrown(error.reason, line=error.line, path=path) from None
        raise


def _named(file: ConfigFile) -> Iterator[tuple[str, str]]:
    """Files that an enabled engine cannot begin without."""
    engines = (
        name for name in file.names if name.startswith(("primary-gie", "secondary-gie", "pre-process"))
    )
    for group in engines:
        named = _value(file, group, "config-file")
        if named and _on(file, group):
            yield group, str(named)


def _cameras(file: ConfigFile, uris: Sequence[str]) -> Iterator[str]:
    enabled = [source for source in sources_of(file) if source.enabled]
    for source in enabled:
        name = _utf8(source.sensor_id or f"source{source.index}")
        yield from [name] if source.num_sources == 1 else (f"{name}-{at}" for at in range(source.num_sources))
    if uris and not enabled:
        yield "source0"


def _utf8(text: str) -> str:
    """What messages can carry: YAML's bytes may be no characters at all."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _sinks(file: ConfigFile) -> list[str]:
    names = (name for name in file.names if name.startswith("sink") and name[4:].isdigit())
    return [name for name in names if _on(file, name) and _value(file, name, "type") == BROKER]


def _broker(file: ConfigFile, sink: str, folder: Path) -> Broker:
    wanted = ("msg-broker-proto-lib", "msg-broker-conn-str", "topic", "msg-broker-config")
    library, address, topic, named = (str(_value(file, sink, key) or "") for key in wanted)
    settings = _settings(folder / named) if named else ""
    return Broker(library, address, topic, _whole(file, sink, "msg-conv-payload-type", 0), settings)


def _settings(path: Path) -> str:
    """What the adaptor is told in quotes; nothing where there is no such file: it goes on without."""
    if not path.is_file():
        return ""
    said = value(load(path), Kind.BROKER, "message-broker", "proto-cfg")
    return str(said or "").strip('"')


def _address(file: ConfigFile) -> tuple[str, int] | None:
    """Of the REST server, which `nvmultiurisrcbin` alone has; port 0 is none."""
    if not _value(file, "source-list", "use-nvmultiurisrcbin"):
        return None
    port = str(_value(file, "source-list", "http-port") or "9000")
    host = str(_value(file, "source-list", "http-ip") or "localhost")
    return (host, int(port)) if port.isdigit() and 0 < int(port) < 1 << 16 else None


def _perf_s(file: ConfigFile) -> float | None:
    if not _value(file, "application", "enable-perf-measurement"):
        return None
    return float(max(1, _whole(file, "application", "perf-measurement-interval-sec", PERF_S)))


def _on(file: ConfigFile, group: str) -> bool:
    return bool(_value(file, group, "enable"))


def _whole(file: ConfigFile, group: str, key: str, default: int) -> int:
    given = _value(file, group, key)
    return default if given is None else int(given)


def _value(file: ConfigFile, group: str, key: str) -> Any:
    return value(file, Kind.APP, group, key)
