"""`sightline probe URL`: what does a camera send, or what is wrong with it?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sightline.cli.options import RtspTransport, TlsCaFile, Transport, Trust
from sightline.errors import SightlineError, SinkError

if TYPE_CHECKING:
    from sightline.capture import CameraInput, ProbeReport
    from sightline.frame import Image

_CLOCKS: Final = {
    "rtcp": "the camera's own (RTCP sender reports)",
    "arrival": "when packets arrive: the camera does not say",
    "media": "the file's own time",
}
_PICTURES: Final = (".png", ".jpg", ".jpeg")


def probe(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="A camera's URL, or a file.", show_default=False)],
    *,
    username: Annotated[
        str | None,
        typer.Option(help="Log in as this user; the password is asked for.", show_default=False),
    ] = None,
    password_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Take the password from this environment variable.", show_default=False
        ),
    ] = None,
    transport: RtspTransport = Transport.TCP,
    trust: Trust = False,
    tls_ca_file: TlsCaFile = None,
    still: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save a picture there, .png or .jpg.", show_default=False),
    ] = None,
    timeout_s: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to wait for an answer.")] = 5.0,
    watch_s: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to look, at most, once pictures come.")
    ] = 6.0,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Look at one camera or file: codec, size, rate, GOP, clock and a still, or the fault in words.

    A password within URL works, and can be seen by other users of this machine while the command runs.

    Examples:

        sightline probe rtsp://10.0.0.5/stream1 --username viewer

        sightline probe rtsp://10.0.0.5/stream1 --username viewer --password-env GATE_PASSWORD

        sightline probe parking.mp4 --still parking.png

        sightline probe https://example.org/live.m3u8 --json
    """
    if still is not None and still.suffix.lower() not in _PICTURES:
        raise typer.BadParameter(f"expected a name that ends in {', '.join(_PICTURES)}", param_hint="--still")
    from sightline.capture import CameraInput
    from sightline.log import configure

    if not context.obj:
        configure("critical")  # the one fault that there can be is the command's answer
    camera = CameraInput(
        camera_id="probe",
        url=url,
        username=username,
        password=_password(username, password_env),
        transport=transport.value,
        tls="trust" if trust else "verify",
        tls_ca_file=tls_ca_file,
        open_timeout_s=timeout_s,
        read_timeout_s=timeout_s,
    )
    report = _look(camera, watch_s)
    if still is not None:
        _save(report.still, still)
    if as_json:
        typer.echo(json.dumps(_facts(report, still), indent=2))
    else:
        _print_table(report, still)


def _password(username: str | None, variable: str | None) -> str | None:
    if variable is not None:
        if variable not in os.environ:
            raise typer.BadParameter(f"the variable {variable} is not set", param_hint="--password-env")
        return os.environ[variable]
    if username is None or not sys.stdin.isatty():
        return None
    return str(
        typer.prompt(f"password of {username}", default="", hide_input=True, show_default=False, err=True)
    )


def _look(camera: CameraInput, watch_s: float) -> ProbeReport:
    from rich.console import Console

    from sightline.capture import probe as look

    with Console(stderr=True).status(f"looking at {camera.described}"):
        try:
            return look(camera, watch_s=watch_s)
        except SightlineError as error:
            error.camera_id = None  # "probe" is nobody's camera
            raise


def _save(still: Image | None, path: Path) -> None:
    import cv2

    if still is None:
        raise SinkError(f"no picture to save in {path}: none could be decoded")
    try:
        path.write_bytes(cv2.imencode(path.suffix.lower(), still)[1].tobytes())
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from None


def _facts(report: ProbeReport, still: Path | None) -> dict[str, Any]:
    from sightline.capture.probe import facts

    return {**facts(report), "still": still and str(still)}


def _print_table(report: ProbeReport, still: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(report.url), title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(report, still):
        table.add_row(name, Text(value))
    Console().print(table)


def _rows(report: ProbeReport, still: Path | None) -> list[tuple[str, str]]:
    profile = f" ({report.profile})" if report.profile else ""
    return [
        ("codec", f"{report.codec}{profile}"),
        ("size", str(report.size or "unknown")),
        ("rate", "unknown" if report.fps is None else f"{report.fps:.4g} pictures/s"),
        ("GOP", _gop(report)),
        ("bit rate", "unknown" if report.bit_rate is None else f"{report.bit_rate / 1000:,.0f} kbit/s"),
        ("clock", _CLOCKS[report.clock]),
        *([("transport", report.transport)] if report.transport else []),
        ("still", _still(report, still)),
    ]


def _gop(report: ProbeReport) -> str:
    if report.gop_packets is None:
        return f"unknown: no second keyframe within {report.packets} pictures"
    length = "" if report.gop_s is None else f", {report.gop_s:.3g} s"
    return f"{report.gop_packets} pictures{length}"


def _still(report: ProbeReport, still: Path | None) -> str:
    if report.still is None:
        return "none: no picture could be decoded"
    return f"saved in {still}" if still else "decoded; --still FILE saves it"
