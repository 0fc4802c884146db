"""One role of one contender, until it is killed."""

from __future__ import annotations

import importlib
import sys

from benches.board import Calls
from benches.roles.job import Job


def main(contender: str, role: str, told: str) -> None:
    job = Job.told(told)
    play = getattr(importlib.import_module(f"benches.roles.{contender}"), role)
    if role == "write":
        play(job, job.feed())
    elif role == "read":
        play(job, job.tally())
    elif role == "call":
        play(job, Calls(job.board))
    else:
        play(job)


if __name__ == "__main__":
    main(*sys.argv[1:])
