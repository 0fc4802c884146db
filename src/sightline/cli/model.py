"""`sightline model describe FILE` and `bench FILE`: what is in an ONNX file, and how fast is it here?"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from sightline.detect.onnx import Description, OnnxModel
    from sightline.frame import Frame, Size

app = typer.Typer(no_args_is_help=True, help="Look at an ONNX file, or measure it.")

_FRAME: Final = (1280, 720)
_SHOWN_LABELS: Final = 8

File = Annotated[Path, typer.Argument(metavar="FILE", help="The ONNX file.", show_default=False)]
Head = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The layout of its outputs, where the file does not tell.", show_default=False
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        metavar="WIDTHxHEIGHT", help="Of its input, where the file leaves it open.", show_default=False
    ),
]
Provider = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="What to run on: cuda, cpu, ...", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command()
def describe(
    file: File,
    *,
    head: Head = None,
    size: InputSize = None,
    provider: Provider = None,
    as_json: AsJson = False,
) -> None:
    """Say what goes in and out, which head it has, its labels, and what it runs on.

    A head that is not known is refused with what was found and what is supported, and exit code 1.

    Examples:

        sightline model describe yolo11n.onnx

        sightline model describe yolo11n.onnx --json
    """
    told = _loaded(file, head, size, provider).describe()
    if as_json:
        typer.echo(json.dumps(_facts(told), indent=2))
    else:
        _print_table(str(file), _rows(told))


@app.command()
def bench(
    file: File,
    *,
    batch: Annotated[str, typer.Option(metavar="N,N", help="Frames of one call, one or several.")] = "1,4",
    seconds: Annotated[
        float, typer.Option(min=0.1, max=3600, help="How long to measure each of them.")
    ] = 3.0,
    head: Head = None,
    size: InputSize = None,
    provider: Provider = None,
    as_json: AsJson = False,
) -> None:
    """Measure the whole way from frames of 1280x720 to detections: milliseconds a frame, frames a second.

    Examples:

        sightline model bench yolo11n.onnx

        sightline model bench yolo11n.onnx --batch 1,8 --seconds 10 --provider cuda
    """
    batches = _batches(batch)
    model = _loaded(file, head, size, provider)
    figures = [_measured(model, count, seconds) for count in batches]
    if as_json:
        told = model.describe()
        typer.echo(
            json.dumps({"providers": told.providers, "size": str(told.size), "runs": figures}, indent=2)
        )
    else:
        _print_table(f"{file} on {model.describe().providers[0]}", list(_lines(figures)))


def _loaded(file: Path, head: str | None, size: str | None, provider: str | None) -> OnnxModel:
    from sightline.detect.onnx import OnnxModel
    from sightline.kinds import make

    options: dict[str, Any] = {"path": file, "size": _size(size)}
    options |= {"head": head} if head else {}
    options |= {"providers": [provider]} if provider else {}
    model = make("model", OnnxModel, options)
    model.load()
    return model


def _size(text: str | None) -> Size | None:
    from sightline.frame import Size

    try:
        return None if text is None else Size.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--size") from None


def _batches(text: str) -> list[int]:
    counts = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if not all(0 < count <= 1024 for count in counts):
        raise typer.BadParameter(
            f"expected numbers from 1 to 1024 such as 1,4, got {text!r}", param_hint="--batch"
        )
    return counts


def _measured(model: OnnxModel, count: int, seconds: float) -> dict[str, float]:
    """Calls of `count` frames until the time is over, after one that is not counted."""
    from sightline.clock import SYSTEM_CLOCK, ns
    from sightline.detect import Checked

    watched, frames = Checked(model), [_frame(at) for at in range(count)]
    watched.predict(frames)
    times_ns: list[int] = []
    while sum(times_ns) < ns(seconds):
        begin_ns = SYSTEM_CLOCK.monotonic_ns()
        watched.predict(frames)
        times_ns.append(SYSTEM_CLOCK.monotonic_ns() - begin_ns)
    return {
        "batch": count,
        "ms_per_frame": round(statistics.median(times_ns) / count / 1e6, 3),
        "frames_per_s": round(len(times_ns) * count * 1e9 / sum(times_ns), 2),
        "frames": len(times_ns) * count,
    }


def _frame(camera: int) -> Frame:
    import numpy as np

    from sightline.frame import Frame

    width, height = _FRAME
    noise = np.random.default_rng(camera).integers(0, 256, (height, width, 3), np.uint8)
    return Frame(
        camera_id=f"bench-{camera}",
        epoch=1,
        index=0,
        pts=0,
        time_base=Fraction(1, 90_000),
        captured_at_ns=0,
        captured_at_source="arrival",
        decoded_at_ns=0,
        image=noise,
    )


def _facts(told: Description) -> dict[str, Any]:
    return {
        "path": str(told.path),
        "version": told.version,
        "bytes": told.bytes,
        "opset": told.opset,
        "producer": told.producer,
        "inputs": [one._asdict() for one in told.graph.inputs],
        "outputs": [one._asdict() for one in told.graph.outputs],
        "head": told.head,
        "classes": told.classes,
        "labels": list(told.labels),
        "width": told.size.width,
        "height": told.size.height,
        "fit": told.fit,
        "batch": told.batch,
        "providers": list(told.providers),
        "available": list(told.available),
    }


def _rows(told: Description) -> list[tuple[str, str]]:
    return [
        ("file", f"{told.bytes / 1e6:.1f} MB, {told.version}"),
        ("made by", f"{told.producer or 'unknown'}, opset {told.opset or 'unknown'}"),
        *(("input", str(one)) for one in told.graph.inputs),
        *(("output", str(one)) for one in told.graph.outputs),
        ("head", f"{told.head}: {told.models}"),
        ("labels", _labels(told)),
        (
            "run",
            f"{told.size}, {told.fit}, batches of {told.batch or 'any size'}",
        ),
        ("runs on", f"{', '.join(told.providers)} (of {', '.join(told.available)})"),
    ]


def _labels(told: Description) -> str:
    count = (
        "a number of classes that only its answers tell"
        if told.classes is None
        else f"{told.classes} classes"
    )
    if not told.labels:
        return f"{count}, without names"
    more = ", ..." if len(told.labels) > _SHOWN_LABELS else ""
    return f"{len(told.labels)}: {', '.join(told.labels[:_SHOWN_LABELS])}{more}"


def _lines(figures: list[dict[str, float]]) -> Iterator[tuple[str, str]]:
    for one in figures:
        speed = f"{one['ms_per_frame']:.4g} ms a frame, {one['frames_per_s']:.4g} frames/s"
        yield f"batch {one['batch']}", f"{speed} ({one['frames']} frames)"


def _print_table(title: str, rows: list[tuple[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    Console().print(table)
