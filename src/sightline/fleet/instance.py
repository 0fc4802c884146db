"""One instance of Sightline's own, as an agent runs it: a site, in a process or as a container's program.

    python -m sightline.fleet.instance FOLDER/site.yaml [--folder WORK]

Promises: the site runs as `sightline up` runs it, until it is asked to end (SIGINT or SIGTERM, as the first
process of a container too) or until all its files are played. Its standard output has a line of JSON a
second and one at its end: how it is (`SiteStatus`), the first once everything of it runs. Errors and logs go
to the standard error, without secrets; of a camera whose `debug` is on, all of them, and how it does every
five seconds. Exit code 0 where nothing broke, 1 where something did.

Deliberately not here: being begun again, which is its agent's to decide; and a table for people.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from sightline.errors import SightlineError
from sightline.log import REDACTOR, configure, get_logger, redact
from sightline.supervise.child import Child

if TYPE_CHECKING:
    from sightline.site import Site
    from sightline.site.supervised_site import SupervisedSite

_EVERY_S: Final = 1.0
_FIGURES_EVERY: Final = 5
_BROKEN: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs it and gives the exit code."""
    child = Child.here()  # before anything slow: the first process of a container hears no signal otherwise
    options = _options().parse_args(arguments)
    configure(options.log_level)
    try:
        return _run(child, options.site, options.folder or options.site.absolute().parent, options.log_level)
    except (SightlineError, OSError) as error:
        return _complain(str(error))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sightline.fleet.instance", description="Runs a site and says each second how it is."
    )
    parser.add_argument("site", type=Path, help="the site file")
    parser.add_argument("--folder", type=Path, help="where its relative paths begin; else that of the file")
    parser.add_argument("--log-level", default="warning", choices=["warning", "info", "debug"])
    return parser


def _run(child: Child, path: Path, folder: Path, log_level: str) -> int:
    from sightline.site.supervised_site import SupervisedSite  # noqa: PLC0415 - see `main`

    site = _loaded(path, folder)
    followed = {name for name, camera in site.cameras.items() if camera.debug or log_level == "debug"}
    configure(log_level, cameras=followed)
    running = SupervisedSite(site, name=path.name, log_level=log_level)
    child.on_stop(running.request_stop)
    with running:
        child.ready()
        _tell(running)
        seconds = 0
        while not running.wait(_EVERY_S):
            _tell(running)
            seconds += 1
            if seconds % _FIGURES_EVERY == 0:
                _log_figures(running, followed)
        faults = running.faults
    _tell(running)
    for fault in faults:
        _complain(fault)
    return _BROKEN if faults else 0


def _loaded(path: Path, folder: Path) -> Site:
    """The site of a file, and the way to models of the user's own. Raises SiteError, OSError."""
    from sightline.site import load_site  # noqa: PLC0415 - see `main`
    from sightline.site.reading import parse_site  # noqa: PLC0415

    # Where Python itself looks for the modules of a script: they stand beside the file, or in the folder.
    sys.path[:0] = dict.fromkeys(map(str, (folder.absolute(), path.absolute().parent)))
    if folder.absolute() == path.absolute().parent:
        return load_site(path)
    return parse_site(path.read_text("utf-8"), os.environ, name=str(path), folder=folder.absolute())


def _tell(running: SupervisedSite) -> None:
    told = REDACTOR.value(msgspec.to_builtins(running.status()))
    sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    sys.stdout.flush()


def _log_figures(running: SupervisedSite, cameras: Collection[str]) -> None:
    """How those cameras do that somebody looks at closely, as lines of the log."""
    for name, camera in running.status().cameras.items():
        if name in cameras:
            get_logger("sightline.site").debug("camera", camera=name, **msgspec.to_builtins(camera))


def _complain(reason: str) -> int:
    sys.stderr.write(f"{redact(reason)}\n")
    return _BROKEN


if __name__ == "__main__":
    sys.exit(main())
