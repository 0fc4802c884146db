"""A script of the user's, in a process and a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def begin_script(
    folder: Path, text: str, environ: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """It runs as `python script.py`; both its outputs come by one pipe."""
    (folder / "script.py").write_text(text)
    return subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | dict(environ or {}),
    )
