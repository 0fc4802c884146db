"""One contender, until the feeder is done and nothing more comes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback

from benches.muxes.job import Job


def main(contender: str, told: str) -> None:
    try:
        importlib.import_module(f"benches.muxes.{contender}").run(Job.told(told))
    except BaseException:  # noqa: BLE001 - whatever it was, this process is over
        traceback.print_exc()
        os._exit(1)  # some leave threads that would keep it alive


if __name__ == "__main__":
    main(*sys.argv[1:])
