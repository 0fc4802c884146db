"""Other Pythons on this machine, for peers that ours cannot run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benches.bench import Missing


def python(version: str) -> Path:
    """An interpreter of that version, `3.9`: on the PATH or one of pyenv's. Raises Missing."""
    for place in _places(version):
        if _is(place, version):
            return place
    raise Missing(f"Python {version}, on the PATH or in pyenv's folder")


def _places(version: str) -> Iterator[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    yield from (folder / f"python{version}" for folder in folders)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}*/bin/python"))


def _is(place: Path, version: str) -> bool:
    """Asks it: pyenv puts programs on the PATH for versions that are not chosen, which then fail."""
    if not place.exists():
        return False
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    said = subprocess.run([place, "-c", code], capture_output=True, text=True, check=False, timeout=20)
    return said.returncode == 0 and said.stdout.strip() == version
