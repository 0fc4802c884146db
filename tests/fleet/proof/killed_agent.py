"""`python -m tests.fleet.proof.killed_agent FILE agent ...`: `sightline agent`, killed (-9) at the step that
FILE names, once; where there is no such file it goes on.

Steps are `before:` or `after:` and the name of a stage's file, which comes there by a rename; `removed`: what
ran is gone, `made`: what is to run is there, `begun`: it runs, and nobody was told.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sightline.cli import main
from sightline.fleet.runtime.docker.making import Making
from sightline.fleet.runtime.docker.runtime import DockerRuntime

Reached = Callable[[str], None]


def killed_at(file: Path, step: str) -> None:
    if file.exists() and file.read_text() == step:
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def watch_renames(reached: Reached) -> None:
    real = os.replace

    def replace(source: Any, target: Any) -> None:
        step = Path(target).name if Path(target).parent.name == "stages" else ""
        reached(f"before:{step}")
        real(source, target)
        reached(f"after:{step}")

    os.replace = replace  # type: ignore[assignment]


def watch(kind: type, method: str, step: str, reached: Reached) -> None:
    """It is reached where that method returns."""
    real = getattr(kind, method)

    def watched(*given: Any, **named: Any) -> Any:
        answer = real(*given, **named)
        reached(step)
        return answer

    setattr(kind, method, watched)


if __name__ == "__main__":
    reached = partial(killed_at, Path(sys.argv.pop(1)))
    watch_renames(reached)
    watch(DockerRuntime, "_remove_one", "removed", reached)
    watch(Making, "make", "made", reached)
    watch(DockerRuntime, "begin", "begun", reached)
    main()
