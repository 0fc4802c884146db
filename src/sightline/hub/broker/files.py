"""How many files a hub's process may have open: each client is one."""

from __future__ import annotations

import contextlib
import resource


def open_more_files() -> None:
    """As many as may be: the usual 1024 are about as many as there may be clients."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
