"""The `sightline` command: one module a subcommand, and here what all of them share.

Exit codes: 0 done, 1 failed (a wrong site file too), 2 wrong usage, 130 ended by Ctrl-C. What was asked for
goes to standard output, logs and errors to standard error. An error that Sightline raises on purpose is one
plain line without a traceback, and shows no password. What is heavy is imported by the commands when they
run, so that `sightline --help` answers at once.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from sightline import __version__
from sightline.cli.agent import agent
from sightline.cli.cameras import app as cameras
from sightline.cli.capture import capture
from sightline.cli.check import check
from sightline.cli.coordinator import coordinator
from sightline.cli.deepstream import app as deepstream
from sightline.cli.demo import demo
from sightline.cli.doctor import doctor
from sightline.cli.fakecam import fakecam
from sightline.cli.fleet import app as fleet
from sightline.cli.framequeue import app as framequeue
from sightline.cli.hub import app as hub
from sightline.cli.logs import logs
from sightline.cli.model import app as model
from sightline.cli.mux import mux
from sightline.cli.pipe import app as pipe
from sightline.cli.probe import probe
from sightline.cli.rpc import rpc
from sightline.cli.terminal import visible
from sightline.cli.top import top
from sightline.cli.topics import app as topics
from sightline.cli.up import up
from sightline.cli.worker import worker
from sightline.errors import ConfigError, SightlineError

_LEVELS: Final = ("warning", "info", "debug")


class _Commands(TyperGroup):
    """Ends a command that fails on purpose with its message and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SightlineError as error:
            typer.echo(_said(error), err=True)
            raise typer.Exit(1) from None


def _said(error: SightlineError) -> str:
    from sightline.log import redact

    # Mistakes in settings are worded without secrets; `password: expected text` would look like one.
    return visible(str(error) if isinstance(error, ConfigError) else redact(str(error)))


app = typer.Typer(
    name="sightline",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
    # Its tracebacks show the values of variables, which may be passwords.
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sightline {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    context: typer.Context,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            metavar=" ",
            show_default=False,
            help="Log what happens; -vv for every detail.",
        ),
    ] = 0,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    """Many cameras from stream to decision, on a laptop or a fleet."""
    from sightline.log import configure

    context.obj = verbose
    configure(_LEVELS[min(verbose, 2)])


for _command in (
    demo,
    probe,
    check,
    up,
    capture,
    worker,
    coordinator,
    mux,
    rpc,
    top,
    logs,
    agent,
    doctor,
    fakecam,
):
    app.command()(_command)
app.add_typer(cameras, name="cameras")
app.add_typer(deepstream, name="deepstream")
app.add_typer(fleet, name="fleet")
app.add_typer(framequeue, name="framequeue")
app.add_typer(hub, name="hub")
app.add_typer(model, name="model")
app.add_typer(pipe, name="pipe")
app.add_typer(topics, name="topics")


def main() -> NoReturn:
    """Run the command line; what the `sightline` script calls."""
    code: int | str | None = 0
    try:
        app(prog_name="sightline")
    except SystemExit as ended:
        code = ended.code
    if _has_abandoned_threads() and not isinstance(code, str):
        logging.shutdown()  # as Python itself does: what waits for a receiver of logs goes there
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)
    sys.exit(code)


def _has_abandoned_threads() -> bool:
    """Whether libav still holds a thread of a camera that was given up or stopped within a call.

    When such a call asks Python whether to go on while the interpreter shuts down, the process sometimes
    ends in a segmentation fault. Everything else is closed by then, so it may leave without that.
    """
    return any(thread.daemon for thread in threading.enumerate())
