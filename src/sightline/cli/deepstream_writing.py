"""Files that a command writes: all of them, or none, and none over another unless that was said."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from sightline.errors import ConfigError


def write_all(files: Mapping[Path, bytes], *, force: bool, like: Path | None = None) -> None:
    """Puts the files there, each whole at every instant.

    Args:
        files: paths and what is to be there.
        force: whether to write over what is there.
        like: a file whose permissions they get, because they hold what it holds.

    Raises:
        ConfigError: one is there already, or cannot be written; then none was.
    """
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there and not force:
        raise ConfigError(f"{there[0]}: is there already; --force writes over it")
    mode = (like.stat().st_mode & 0o777) if like else 0o666
    try:
        with ExitStack() as undo:
            made = {path: _beside(path, data, mode, undo) for path, data in files.items()}
            for path, new in made.items():
                _put(new, path, force=force)
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None


def _beside(path: Path, data: bytes, mode: int, undo: ExitStack) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    undo.callback(_remove, new)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    return new


def _put(new: Path, path: Path, *, force: bool) -> None:
    if force:
        new.replace(path)
    else:
        os.link(new, path)  # unlike a rename it fails where somebody was quicker


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
