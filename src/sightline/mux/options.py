"""What the constructor of `Comux` is told, in either of its two forms. Pure.

After the cameras come `consume_schema, produce_schema, log_level`; or `bootstrap_servers, control_topic,
control_bootstrap_servers, acts, end, max_offset_diff, strict_on_fail, over_write`. The first of them tells
which: servers are `host:port`, several of them, or a URL; a schema has `:cam_id` in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypedDict

from sightline.codec import Framing, Pictures
from sightline.errors import ConfigError
from sightline.frame import Size
from sightline.kinds import nearest
from sightline.mux.acts import Act
from sightline.mux.schema import OutputFunction
from sightline.mux.settings import MAX_OFFSET_DIFF, Forward
from sightline.mux.wishes import SETTINGS

Servers: TypeAlias = str | Iterable[str]
"""`host:port` of Kafka, one or several, or the URL of any bus."""

CONSUME: Final = "raw_:cam_id"
PRODUCE: Final = "stream_:cam_id"

_SERVER: Final = re.compile(r".+://.*|.*@.*|[^:]+:\d+(,[^:]+:\d+)*")
_SCHEMAS: Final = ("consume_schema", "produce_schema", "log_level")
_SERVERS: Final = (
    "bootstrap_servers",
    "control_topic",
    "control_bootstrap_servers",
    "acts",
    "end",
    "max_offset_diff",
    "strict_on_fail",
    "over_write",
)
_DEFAULTS: Final[Mapping[str, Any]] = {
    "consume_schema": CONSUME,
    "produce_schema": PRODUCE,
    "log_level": None,
    "bootstrap_servers": None,
    "bus": None,
    "out_bus": None,
    "control_topic": None,
    "control_bootstrap_servers": None,
    "acts": None,
    "end": True,
    "max_offset_diff": MAX_OFFSET_DIFF,
    "strict_on_fail": True,
    "over_write": False,
    "group": None,
    "output": "packet",
    "batch_size": None,
    "batch_wait_s": 0.02,
    "threads": None,
    "hwaccel": "none",
    "pid_file": None,
}
_OF_ALL: Final = SETTINGS - {"topic", "out_topic"}


class Options(TypedDict, total=False):
    """Options of a `Comux`, by name.

    Attributes:
        bootstrap_servers: where the packets are; also `bus`. Else `setup_consumers` says it.
        out_bus: where they go on; else `setup_producer` says it.
        control_topic, control_bootstrap_servers, acts: as `setup_controller` has them.
        end: begin with what is published from now on; False: with the oldest that the log has.
        max_offset_diff: messages that decoding may be behind before it jumps to a keyframe; None: it never
            does, and leaves nothing out.
        strict_on_fail: whether failures are raised.
        over_write: whether what is there already, a camera or a connection, is replaced by a new one.
        group: to share the cameras with other processes that name the same group.
        output: what goes on: "packet", "result", or a function of your own.
        batch_size, batch_wait_s: when a batch is closed: pictures, and seconds after its first one.
        threads: that decode; None: one a core.
        hwaccel: what to decode on, as for `Decoder`.
        pid_file: where to write the process id until `close`, for `sightline.mux.terminate`.
        rate, size, codec, framing, extradata, pictures, forward, max_wait_s: of all cameras, as
            `CameraSettings` has them.
    """

    bootstrap_servers: Servers | None
    bus: Servers | None
    out_bus: Servers | None
    control_topic: str | None
    control_bootstrap_servers: Servers | None
    acts: Mapping[str, Act] | None
    end: bool
    max_offset_diff: int | None
    strict_on_fail: bool
    over_write: bool
    group: str | None
    output: str | OutputFunction
    batch_size: int | None
    batch_wait_s: float
    threads: int | None
    hwaccel: str
    pid_file: str | os.PathLike[str] | None
    rate: float | None
    size: Size | str | tuple[int, int] | None
    codec: str | None
    framing: Framing
    extradata: bytes | None
    pictures: Pictures
    forward: Forward
    max_wait_s: float


def read_options(given: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Any]:
    """All options by name, with defaults for those that were not said.

    Args:
        given: those that followed the cameras, with their own defaults.
        named: by name.

    Raises:
        ConfigError: there are too many, one is unknown, or said twice.
    """
    names = _SERVERS if _is_servers(given[0]) else _SCHEMAS
    if len(given) > len(names):
        raise ConfigError(f"expected at most {', '.join(names)} after the cameras, got {len(given)} values")
    placed = dict(zip(names, given, strict=False))
    if names is _SERVERS and placed["control_topic"] == PRODUCE:  # nobody said anything
        del placed["control_topic"]
    known = _DEFAULTS.keys() | _OF_ALL
    strange = [name for name in named if name not in known]
    if strange:
        raise ConfigError(f"unknown option {strange[0]!r}{nearest(strange[0], known)}")
    twice = [name for name in named if name in placed and names is _SERVERS]
    if twice:
        raise ConfigError(f"expected each option once, got {twice[0]} by its place and by its name")
    return {**_DEFAULTS, **placed, **named}


def settings_in(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of these, the settings of cameras."""
    return {name: value for name, value in options.items() if name in _OF_ALL}


def engine_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of these, those of the engine, as it names them."""
    return {
        "max_batch": options["batch_size"],
        "max_wait_s": options["batch_wait_s"],
        "threads": options["threads"],
        "hwaccel": options["hwaccel"],
    }


def refuse_options(options: Mapping[str, Any]) -> None:
    """Raises ConfigError where there are any, and says where they belong."""
    if options:
        raise ConfigError(
            "expected options of a Kafka client in the bus's URL, such as ?linger_ms=5, or in the file that "
            f"its settings= names; got {', '.join(sorted(options))}"
        )


def _is_servers(first: Any) -> bool:
    return not isinstance(first, str) or _SERVER.fullmatch(first) is not None
