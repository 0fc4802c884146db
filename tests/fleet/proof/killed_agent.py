"""`python -m tests.fleet.proof.killed_agent WHEN agent ...`: `sightline agent`, killed (-9) at a step of a
deployment that is not its first.

WHEN is `before:` or `after:` and the name of a stage's file, which comes there by a rename; or `begin`, when
its first container is begun.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sightline.cli import main
from sightline.fleet.runtime.docker.runtime import DockerRuntime


def kill_at_rename(when: str, file: str) -> None:
    real = os.replace

    def replace(source: Any, target: Any) -> None:
        there = Path(target).parent.name == "stages" and Path(target).name == file
        if there and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)
        if there and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace  # type: ignore[assignment]


def kill_at_begin() -> None:
    real = DockerRuntime.begin

    def begin(self: DockerRuntime, spec: Any) -> None:
        real(self, spec)
        os.kill(os.getpid(), signal.SIGKILL)

    DockerRuntime.begin = begin  # type: ignore[method-assign]


if __name__ == "__main__":
    when, _, file = sys.argv.pop(1).partition(":")
    if when == "begin":
        kill_at_begin()
    else:
        kill_at_rename(when, file)
    main()
