"""`sightline pipe`: the pipe of a file, run, drawn, or asked for its events."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli.options import EverySecond, Seconds

_File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="A Python file; or FILE:NAME, for one of its pipes.", show_default=False
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Run, draw or look at the pipe of a Python file.",
)


@app.command()
def run(
    file: _File,
    *,
    seconds: Seconds = None,
    api: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Take requests over HTTP there; without HOST from this machine alone.",
            show_default=False,
        ),
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(
            metavar="ENDPOINT",
            help="Take remote calls there, such as tcp://127.0.0.1:4242 or hub://127.0.0.1?name=street.",
            show_default=False,
        ),
    ] = None,
    token_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Ask those for the token in this environment variable.", show_default=False
        ),
    ] = None,
    as_json: EverySecond = False,
) -> None:
    """Build the pipe of a file, start it, and wait until it is over or you stop it.

    FILE has a variable `pipe`, or a function `make_pipe` that gives one, or a single pipe of any name. What
    stands below `if __name__ == "__main__":` is not run. What the pipe prints and logs goes where it always
    goes; with --json to standard error.

    Exit code 1 where a flow ended too often to be begun again, or a routine failed and did nothing more.
    Ctrl-C or SIGTERM stops it: its routines clean up. A second Ctrl-C does not wait for that.

    Examples:

        sightline pipe run street.py

        sightline pipe run street.py:make_pipe --seconds 60 --json

        sightline pipe run street.py --api 8080 --rpc tcp://127.0.0.1:4242
    """
    from sightline.cli.pipe_run import Doors, run_pipe

    doors = Doors.of(api, rpc, token_env)
    raise typer.Exit(run_pipe(file, seconds=seconds, doors=doors, as_json=as_json))


@app.command()
def draw(
    file: _File,
    *,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart, for pages.")] = False,
) -> None:
    """Show flows, routines and wires of the pipe of a file.

    Examples:

        sightline pipe draw street.py

        sightline pipe draw street.py --mermaid
    """
    from sightline.cli.pipe_run import looked_at

    with looked_at(file) as actions:
        drawn = actions.draw("mermaid" if mermaid else "text")
    typer.echo(drawn)


@app.command()
def events(file: _File, *, as_json: _Json = False) -> None:
    """List the routines of the pipe of a file, each with the events of its own that it answers.

    Examples:

        sightline pipe events street.py

        sightline pipe events street.py --json
    """
    from sightline.cli.pipe_run import event_lines, looked_at, print_facts

    with looked_at(file) as actions:
        structure = actions.structure()
    if as_json:
        print_facts(structure)
    else:
        typer.echo("\n".join(event_lines(structure)))
