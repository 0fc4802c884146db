"""One role of one way, until it is killed."""

from __future__ import annotations

import importlib
import sys

from benches.framequeues.job import Job


def main(way: str, role: str, told: str) -> None:
    getattr(importlib.import_module(f"benches.framequeues.{way}"), role)(Job.told(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
