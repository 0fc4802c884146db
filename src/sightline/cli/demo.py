"""`sightline demo`: two drawn cameras, and yours, from stream to decision in one command."""

from __future__ import annotations

import socket
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from sightline.cli.sources import checked, default_name

_DRAWN: Final = {
    "north": "synthetic://street?seed=1&camera=1&size=640x360&fps=15&gop=15&b_frames=2&mark=0",
    "south": "synthetic://street?seed=2&camera=2&size=640x360&fps=15&gop=15&b_frames=2&mark=0",
}
_PORT: Final = 8765


class DemoModel(StrEnum):
    """Models that need no download."""

    MOTION = "motion"
    HOG = "hog"


def demo(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="URLs of cameras or paths of clips.", show_default=False),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="End after so many seconds.")] = 20,
    model: Annotated[DemoModel, typer.Option(help="What looks at the pictures.")] = DemoModel.MOTION,
    rate: Annotated[float, typer.Option(min=0.1, max=100, help="Pictures a second and camera for it.")] = 10,
    folder: Annotated[Path, typer.Option(help="Where the results are written.")] = Path("out"),
) -> None:
    """Run two drawn cameras, and SOURCEs if any, through a model: table, page, JSON lines, contact sheet.

    The drawn ones are served over RTSP, as `sightline fakecam` does it, and read like any other camera.
    Clips play at their own pace, again and again, as if they were cameras.

    Examples:

        sightline demo

        sightline demo rtsp://viewer@10.0.0.5/stream1 parking.mp4 --seconds 60

        sightline demo people.mp4 --model hog
    """
    from sightline.cli.running import run_site
    from sightline.fakecam import FakeCameras
    from sightline.site import RunningSite, Site

    console = Console()
    lines, sheet = folder / "results.jsonl", folder / "contact-sheet.png"
    sinks: list[dict[str, Any]] = [
        {"kind": "jsonl", "path": lines},
        {"kind": "contact_sheet", "path": sheet},
        {"kind": "preview", "port": _free_port()},
    ]
    worker = {"rate": rate, "model": {"kind": model.value}, "sinks": sinks}
    with FakeCameras(_DRAWN) as served:
        cameras = {name: {"url": served.url(name)} for name in _DRAWN} | _cameras(sources or [])
        site = checked(Site, {"cameras": cameras, "workers": {"demo": worker}})
        code = run_site(RunningSite(site), console, seconds=seconds, name="demo")
    for what, path in (("results, a line each", lines), ("contact sheet", sheet)):
        if path.exists():
            console.print(f"{what}: {path}", highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _cameras(sources: list[str]) -> dict[str, dict[str, Any]]:
    cameras: dict[str, dict[str, Any]] = {}
    for number, source in enumerate(sources, start=1):
        is_clip = "://" not in source and not source.startswith("/dev/")
        cameras[default_name(source, number)] = {"url": source, "loop": is_clip, "realtime": is_clip}
    return cameras


def _free_port() -> int:
    """The usual port of the page, or any free one where somebody has that."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", _PORT))
        except OSError:
            return 0
    return _PORT
