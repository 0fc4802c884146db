"""What failed among other tests runs once more: `... || python -m tools.second_look $?`.

The tests kill brokers and cameras on cores that they share, or that a noisy machine lends to others, and one
of thousands may then be too late for its own deadline. What fails twice has failed. What passes alone is
listed, so that somebody mends it. Where more than a few failed something is broken, and nothing is run again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

MOST: Final = 5
_TESTS_FAILED: Final = 1  # as pytest says by its exit status
_FAILED: Final = Path(".pytest_cache/v/cache/lastfailed")
_AGAIN: Final = (sys.executable, "-m", "pytest", "--last-failed", "--last-failed-no-failures=none")


def second_look(status: int, arguments: Sequence[str] = ()) -> int:
    """The exit status that counts, where the first run with a fresh cache ended with `status`."""
    failed = list(json.loads(_FAILED.read_text())) if _FAILED.exists() else []
    # `gw1` is no test but a worker that collected others than its fellows: with it pytest would run all.
    if status != _TESTS_FAILED or not 0 < len(failed) <= MOST or not all("::" in one for one in failed):
        return status
    print(f"{len(failed)} failed; once more, alone:", *failed, sep="\n  ", flush=True)
    status = subprocess.run([*_AGAIN, *arguments], check=False).returncode
    if status == 0:
        print("UNSTEADY, as they passed alone:", *failed, sep="\n  ", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(second_look(int(sys.argv[1]), sys.argv[2:]))
