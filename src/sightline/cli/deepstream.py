"""`sightline deepstream`: its files of configuration, judged, converted, compared, taken over and made."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="DeepStream's files of configuration, without a GPU: lint, convert, compare, import, generate.",
)


class To(StrEnum):
    """How a file is written."""

    TXT = "txt"
    YML = "yml"


class Shown(StrEnum):
    """Where the pictures of debug mode go."""

    RTSP = "rtsp"
    FILE = "file"
    OFF = "off"


AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
OneFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A file of DeepStream, .txt or .yml.", show_default=False)
]


@app.command()
def lint(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Files, or folders with all that is in them.", show_default=False
        ),
    ],
    *,
    notes: Annotated[bool, typer.Option(help="Tell what is right and may surprise, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Say what DeepStream would make of files: refuse, pass over, silently replace; and the real defaults.

    Files that they name are judged with them, where they are there. Exit code 0 where DeepStream would load
    all of them, warnings or not, and 1 where it would refuse one.

    Examples:

        sightline deepstream lint deepstream_app.txt

        sightline deepstream lint configs/ --no-notes

        sightline deepstream lint pgie.yml --json
    """
    from sightline.cli.deepstream_lint import lint_files

    raise typer.Exit(lint_files(files, notes=notes, as_json=as_json))


@app.command()
def convert(
    file: OneFile,
    *,
    to: Annotated[To, typer.Option(help="The form that is wanted.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="Where to; beside it with the other end when left out.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Convert files of DeepStream that it names, too.")
    ] = False,
    lossy: Annotated[
        bool, typer.Option("--lossy", help="Write it although the other form cannot say all of it.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a file in the other form, with the same meaning and its comments.

    Whatever changes is told: duplicates and old keys that were resolved, and what the other form's parser
    does not know. An application's sources are groups in text and a table of their own, a CSV file, in YAML:
    that is written beside it. Exit code 1, and nothing written, where the other form could not be loaded or
    would lack what matters.

    Examples:

        sightline deepstream convert pgie.txt --to yml

        sightline deepstream convert deepstream_app.txt --to yml -o yaml/app.yml --follow
    """
    from sightline.cli.deepstream_convert import convert_file

    code = convert_file(file, to.value, output, follow=follow, lossy=lossy, force=force, as_json=as_json)
    raise typer.Exit(code)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="A file of DeepStream.", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, of any form.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what two files mean differently, not how they are written.

    Form, order, comments, duplicates and old names of keys are no differences. What is worth a word and yet
    the same, such as a default that stands in one of them, is told. Exit code 0 where they mean the same,
    else 1.

    Examples:

        sightline deepstream diff pgie.txt pgie.yml

        sightline deepstream diff yesterday/app.txt app.txt --json
    """
    from sightline.cli.deepstream_diff import diff_files

    raise typer.Exit(diff_files(first, second, as_json=as_json))


@app.command("import")
def import_site(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A file of deepstream-app, of a test program or nvinfer.", show_default=False
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="SITE",
            help="The site file; to standard output when left out.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a site file of Sightline: cameras of its sources, a model of its nvinfer file, sinks of its sinks.

    What has no counterpart is told, and stands as comments above the site. Logins become variables of the
    environment, and are told by name. The site is checked as `sightline check` does before it is written.

    Examples:

        sightline deepstream import deepstream_app.txt -o site.yaml

        sightline deepstream import pgie.txt --json
    """
    from sightline.cli.deepstream_import import import_into

    import_into(file, output, force=force, as_json=as_json)


@app.command()
def generate(
    document: Annotated[
        Path,
        typer.Argument(
            metavar="INSTANCE", help="A DsInstance as JSON, or as YAML with ${VARIABLES}.", show_default=False
        ),
    ],
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where its files go.", show_default=False),
    ],
    to: Annotated[To, typer.Option(help="How they are written.")] = To.TXT,
    debug: Annotated[
        Shown | None,
        typer.Option(
            help="Show pictures: over RTSP, in a file, or not; as its app_type says when left out.",
            show_default=False,
        ),
    ] = None,
    rtsp_port: Annotated[
        int, typer.Option(min=1, max=65534, help="Of the first RTSP server of --debug rtsp.")
    ] = 8554,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make all files that an instance of DeepStream is started with, and say the command.

    They go into a folder of their own below FOLDER; the link `current` moves to it when all of them are
    written and read again. Nothing changes where nothing did; where they differ from those that are there,
    say --force: the ones before stay beside them.

    Examples:

        sightline deepstream generate instance.json -o out/

        sightline deepstream generate instance.yaml -o out/ --to yml --debug rtsp
    """
    from sightline.cli.deepstream_generate import generate_files

    shown = debug.value if debug else None
    generate_files(document, output, to.value, shown, rtsp_port=rtsp_port, force=force, as_json=as_json)
