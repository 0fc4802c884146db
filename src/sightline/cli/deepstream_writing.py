"""Files that a command writes: all of them, or none, and none over another unless that was said."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
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
    for path in files:
        _check(path, force=force)
    mode = (like.stat().st_mode & 0o777) if like else 0o666
    with ExitStack() as undo:
        made = {path: _beside(path, data, mode, undo) for path, data in files.items()}
        with ExitStack() as unfinished:
            for path, new in made.items():
                _put(new, path, unfinished, force=force)
            unfinished.pop_all()


def _check(path: Path, *, force: bool) -> None:
    if os.path.isdir(path):  # noqa: PTH112 - `Path` raises for a name that is too long
        raise ConfigError(f"{path}: is a folder")
    if os.path.lexists(path) and not force:
        raise _there(path)


def _there(path: Path) -> ConfigError:
    return ConfigError(f"{path}: is there already; --force writes over it")


def _beside(path: Path, data: bytes, mode: int, undo: ExitStack) -> Path:
    new = path.with_name(f".{secrets.token_hex(8)}")
    with _told_of(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _told_of(path):
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        undo.callback(_remove, new)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
    return new


def _put(new: Path, path: Path, unfinished: ExitStack, *, force: bool) -> None:
    with _told_of(path):
        if force:
            new.replace(path)
            return
        try:
            os.link(new, path)  # unlike a rename it fails where somebody was quicker
        except FileExistsError:
            raise _there(path) from None
        unfinished.callback(_remove, path)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
