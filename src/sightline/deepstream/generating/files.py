"""A set of files on disk, changed as a whole.

`put(contents, folder, digest)` leaves this:

    folder/
      current -> set-3f9a...     a symbolic link, replaced by one rename
      set-3f9a.../               a set, by a random name; no file within it is ever changed
      set-77b0.../               the set before it
      .lock                      held while somebody writes

Promises: `current` names a whole set at every instant, also when the writer is killed or the machine stops:
every file is written and synced in a new folder and read back, and only then does the link move. Who opens
`current` once (as a folder, or by its real path) has one set until two newer ones have come; `Found.folder`
is that real path, and the one to start DeepStream with, because its YAML reader opens a file many times.
Where nothing changed no file is touched, and `Found.changed` is empty. Writers wait for one another. A file
with logins is 0600, the others 0644 and the set 0755, whatever the umask. A writer that fails takes away what
it had begun, one that was killed leaves it to the next. Nothing else in the folder is touched, and a
`current` that is not ours is refused. No name is made of what is in the files: of a digest one could tell
whether a password that one guesses is right.

After it is written each file is read by our own reader and compared with what was meant.

Deliberately not here: file systems without symbolic links or flock.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sightline.deepstream.document import ConfigFile
from sightline.deepstream.reading.loading import load
from sightline.deepstream.refusal import Refused
from sightline.errors import ConfigError

CURRENT: Final = "current"
_SET: Final = "set-"
_NEW: Final = ".new-"
_LOCK: Final = ".lock"
_OWN: Final = 0o600
_ALL: Final = 0o644
_FOLDER: Final = 0o755
_TOKEN_BYTES: Final = 8


class GeneratedMismatch(ConfigError):
    """A file on disk is not what was meant. The message has the place; values may be secrets."""


@dataclass(frozen=True, slots=True, repr=False)
class Content:
    """A file to write; `file` is what it means, None for one that is no configuration."""

    data: bytes
    secret: bool
    file: ConfigFile | None

    @property
    def mode(self) -> int:
        return _OWN if self.secret else _ALL


@dataclass(frozen=True, slots=True)
class Found:
    """Where a set is.

    Attributes:
        folder: the set's own folder, which stays as it is.
        changed: names of files that came, went or differ from the set before; empty if nothing was written.
        digest: that of the set.
    """

    folder: Path
    changed: tuple[str, ...]
    digest: str


def put(contents: Mapping[str, Content], folder: Path, digest: str) -> Found:
    """Makes `contents` the current set of `folder`; see the module."""
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        before = _current(folder)
        changed = tuple(contents) if before is None else _differing(before, contents)
        _drop(folder, _NEW)
        if before is not None and not changed:
            return Found(before, (), digest)
        try:
            made = _made(contents, folder)
            _point(folder, made)
        finally:
            _drop(folder, _NEW)
        _drop(folder, _SET, keep=(made, before))
        return Found(made, changed, digest)


def differing(contents: Mapping[str, Content], folder: Path) -> tuple[str, ...]:
    """Names of what `put` would change; nothing is written.

    Raises:
        ConfigError, OSError: it cannot be told.
    """
    before = _current(folder)
    return tuple(contents) if before is None else _differing(before, contents)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _OWN)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _current(folder: Path) -> Path | None:
    """The set that the link names; None where there is no link, or no such set any more."""
    link = folder / CURRENT
    if not link.is_symlink():
        if link.exists():
            raise ConfigError(f"{link}: expected a link that Sightline makes, got a file or a folder")
        return None
    target = link.readlink()
    if not _is_named(str(target), _SET):
        raise ConfigError(f"{link}: expected a link that Sightline makes, got one to {str(target)!r}")
    return (folder / target).resolve() if (folder / target).is_dir() else None


def _differing(before: Path, contents: Mapping[str, Content]) -> tuple[str, ...]:
    """Names whose files are not as they should be, by content or by who may read them."""
    there = {each.name for each in before.iterdir()}
    wrong = (name for name, content in contents.items() if not _is(before / name, content))
    return tuple(sorted({*wrong, *(there - set(contents))}))


def _is(path: Path, content: Content) -> bool:
    with suppress(OSError):
        return path.stat().st_mode & 0o777 == content.mode and path.read_bytes() == content.data
    return False


def _made(contents: Mapping[str, Content], folder: Path) -> Path:
    """A new folder with the files, all on the disk and read back."""
    new = folder / _name(_NEW)
    new.mkdir()
    new.chmod(_FOLDER)
    for name, content in contents.items():
        _write(new / name, content)
    for name, content in contents.items():
        _read_back(new / name, content)
    _sync(new)
    made = folder / _name(_SET)
    new.rename(made)
    _sync(folder)
    return made.resolve()


def _write(path: Path, content: Content) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, content.mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, content.mode)  # whatever the umask took
        file.write(content.data)
        file.flush()
        os.fsync(handle)


def _read_back(path: Path, content: Content) -> None:
    """Raises GeneratedMismatch if our reader finds something else than what was meant."""
    if path.read_bytes() != content.data:
        raise GeneratedMismatch(f"{path.name}: expected what was written, got something else")
    if content.file is None:
        return
    try:
        found = load(path)
    except Refused as error:
        told = f"{path.name}: expected a file that DeepStream reads, line {error.line}"
        raise GeneratedMismatch(told) from None
    difference = next(_differences(content.file, found), None)
    if difference is not None:
        raise GeneratedMismatch(f"{path.name}: {difference}")


def _differences(meant: ConfigFile, found: ConfigFile) -> Iterator[str]:
    if [group.name for group in meant.groups] != [group.name for group in found.groups]:
        yield "expected the groups that were meant, got others"
    for mean, find in zip(meant.groups, found.groups, strict=False):
        keys, came = [entry.key for entry in mean.entries], [entry.key for entry in find.entries]
        if keys != came:
            yield f"[{mean.name}]: expected the keys that were meant, got others"
        for one, other in zip(mean.entries, find.entries, strict=False):
            if one.value != other.value:
                yield f"[{mean.name}] {one.key}: expected the value that was meant, got another"


def _point(folder: Path, made: Path) -> None:
    """The one step by which the new set takes the place of the one before."""
    link = folder / _name(_NEW)
    link.symlink_to(made.name)
    link.replace(folder / CURRENT)
    _sync(folder)


def _name(prefix: str) -> str:
    return prefix + secrets.token_hex(_TOKEN_BYTES)


def _is_named(name: str, prefix: str) -> bool:
    """Whether `_name` could have made it; other people's `set-up.sh` stays where it is."""
    return re.fullmatch(f"{re.escape(prefix)}[0-9a-f]{{{2 * _TOKEN_BYTES}}}", name) is not None


def _drop(folder: Path, prefix: str, keep: tuple[Path | None, ...] = ()) -> None:
    """What we made under such names, but for `keep`; nobody else is writing now."""
    kept = {path.name for path in keep if path is not None}
    for path in list(folder.iterdir()):
        if _is_named(path.name, prefix) and path.name not in kept:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
