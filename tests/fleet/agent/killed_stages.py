"""`python -m tests.fleet.agent.killed_stages FOLDER CALL`: a deployment that kills itself (-9) at a call.

Of generation 2, at the CALLth call to the system, after half of it where it is a write. Ends with 0 where it
was not killed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sightline.fleet.agent.disk import Stages


class Killer:
    def __init__(self, at: int) -> None:
        self.left = at

    def wrap(self, name: str) -> None:
        setattr(os, name, self._deadly(name, getattr(os, name)))

    def _deadly(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if name == "write":
                    real(given[0], bytes(given[1])[: len(given[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return call


def main() -> None:
    stages = Stages(Path(sys.argv[1]), print)
    killer = Killer(int(sys.argv[2]))
    for name in ("open", "write", "fsync", "replace"):
        killer.wrap(name)
    stages.write_pending(b"new" * 10_000, 2)
    stages.verify()
    stages.promote()


if __name__ == "__main__":
    main()
