"""`sightline mux`: many cameras off a log through a model, and their packets on with the results."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sightline.cli.options import EverySecond, Seconds


class Goes(StrEnum):
    """Which packets go on."""

    ALL = "all"
    ANALYSED = "analysed"


class Output(StrEnum):
    """What a message that goes on is."""

    PACKET = "packet"
    RESULT = "result"


class Begin(StrEnum):
    """Where reading begins."""

    LATEST = "latest"
    EARLIEST = "earliest"


def _option(name: str | None, says: str) -> Any:
    return typer.Option(metavar=name, help=says, show_default=False)


def mux(
    *,
    bus: Annotated[
        str | None, _option("URL", "Where the cameras' packets are, such as kafka://127.0.0.1:9092.")
    ] = None,
    cameras: Annotated[str | None, _option("ID,ID", "Names of the cameras to read.")] = None,
    model: Annotated[
        str | None,
        _option(
            "KIND",
            "What looks at the pictures: motion, hog, a .onnx file or python:module:Class.",
        ),
    ] = None,
    rate: Annotated[
        float | None, _option("HZ", "Pictures a second of each camera; all when left out.")
    ] = None,
    size: Annotated[
        str | None, _option("WIDTHxHEIGHT", "Size of the pictures; the cameras' own when left out.")
    ] = None,
    out_bus: Annotated[
        str | None, _option("URL", "Where packets go on with their results; nowhere when left out.")
    ] = None,
    forward: Annotated[
        Goes | None, _option(None, "Which packets go on: all, or those with a result.")
    ] = None,
    output: Annotated[
        Output | None,
        _option(None, "What goes on: the packet with its result as header, or the result alone."),
    ] = None,
    topic: Annotated[
        str | None, _option("PATTERN", "Topic of a camera's packets: raw_:camera_id when left out.")
    ] = None,
    out_topic: Annotated[
        str | None, _option("PATTERN", "Topic on which they go on: stream_:camera_id when left out.")
    ] = None,
    group: Annotated[
        str | None, _option("NAME", "Share the cameras with other processes that name the same group.")
    ] = None,
    start: Annotated[Begin | None, _option(None, "Where to begin to read: latest when left out.")] = None,
    max_offset_diff: Annotated[
        str | None,
        _option("N", "Messages that decoding may be behind before it jumps: 20; none: it never jumps."),
    ] = None,
    max_wait_s: Annotated[
        float | None, _option("SECONDS", "How long a packet waits for its result: 2 when left out.")
    ] = None,
    pictures: Annotated[
        str | None, _option("WHICH", "Which pictures are decoded: auto, all, reference or key.")
    ] = None,
    codec: Annotated[
        str | None, _option("NAME", "Codec of packets that do not say it; found out when left out.")
    ] = None,
    framing: Annotated[
        str | None, _option("HOW", "How foreign messages hold pictures: auto, whole or chunks.")
    ] = None,
    control_topic: Annotated[
        str | None, _option("TOPIC", "Take commands here, as `sightline cameras` sends them.")
    ] = None,
    control_bus: Annotated[str | None, _option("URL", "Where that topic is, if not on the bus.")] = None,
    name: Annotated[
        str | None, _option("NAME", "What `sightline cameras --to` calls this mux; made up when left out.")
    ] = None,
    pid_file: Annotated[
        Path | None, _option("FILE", "Write the process id there, for python -m sightline.mux.terminate.")
    ] = None,
    log_file: Annotated[
        Path | None, _option("FILE", "Keep the log there: lines of JSON, 5 files in turn.")
    ] = None,
    log_topic: Annotated[str | None, _option("TOPIC", "Keep the log on this topic as well.")] = None,
    log_level: Annotated[
        str | None, _option("LEVEL", "What is kept: debug, info, warning, error or critical.")
    ] = None,
    settings: Annotated[Path | None, _option("FILE", "Settings as YAML, under the same names.")] = None,
    seconds: Seconds = None,
    as_json: EverySecond = False,
) -> None:
    """Run cameras off a log through a model, and send each packet on with its result, until you stop it.

    Each option may also be the variable SIGHTLINE_MUX_NAME, or NAME in the file of settings; an option counts
    more than a variable, and that more than the file. Ctrl-C or SIGTERM ends it: what it has in hand is sent
    first. Exit code 1 where it broke.

    Examples:

        sightline mux --bus kafka://127.0.0.1:9092 --cameras gate,yard --model motion --rate 10

        sightline mux --bus kafka://a:9092 --cameras gate --model yolo11n.onnx --out-bus kafka://b:9092

        SIGHTLINE_MUX_BUS=hub://127.0.0.1?history=64MiB sightline mux --settings mux.yaml

        python -m sightline.mux --settings mux.yaml --json
    """
    options = dict(locals())  # by their names, which are those of the settings
    del options["seconds"], options["as_json"]
    from sightline.cli.mux_run import run_mux
    from sightline.cli.mux_settings import load_settings

    chosen = load_settings(options, os.environ)
    raise typer.Exit(run_mux(chosen, Console(), seconds=seconds, as_json=as_json))
