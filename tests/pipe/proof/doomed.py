"""A pipe whose parent is to be killed: `python -m tests.pipe.proof.doomed FOLDER`, until it is.

It tells its flows' processes in a line, as soon as it has them.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from tests.pipe.proof.crowd import crowd


def main(folder: str) -> None:
    with crowd(Path(folder)) as pipe:
        pipe.build()
        print(json.dumps(pipe.pids), flush=True)
        pipe.notify_event("start", wait=True)
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
