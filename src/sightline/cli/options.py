"""Options that several commands have: those of all that open cameras, and of all that run until told."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Transport(StrEnum):
    """What RTSP carries its packets over."""

    TCP = "tcp"
    UDP = "udp"


Usernames = Annotated[
    list[str] | None,
    typer.Option("--username", help="Log in as this user, everywhere or one a URL.", show_default=False),
]
PasswordEnvs = Annotated[
    list[str] | None,
    typer.Option(
        "--password-env",
        metavar="NAME",
        help="Take its password from this environment variable.",
        show_default=False,
    ),
]
RtspTransport = Annotated[Transport, typer.Option(help="What RTSP carries its packets over.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Believe whoever answers over TLS (rtsps://, https://).")
]
TlsCaFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Whose certificates to believe over TLS, in PEM.", show_default=False),
]
Loop = Annotated[bool, typer.Option("--loop", help="Begin a file again when it ends.")]
Realtime = Annotated[bool, typer.Option("--realtime", help="Play a file at its own pace, as a camera would.")]
Seconds = Annotated[
    float | None, typer.Option(min=0.1, help="End after so many seconds.", show_default=False)
]
EverySecond = Annotated[bool, typer.Option("--json", help="Tell how it is doing as a line of JSON a second.")]
