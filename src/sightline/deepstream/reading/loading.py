"""A configuration file from disk, in whichever of the two formats its name says.

Promises: at most 4 MiB are read; what is missing, not a file, unreadable, too large or refused by the
format is `Refused`, with the path and the reason. A pipe or a device is not opened to wait for it. The
redactor knows the file's passwords from then on.

Deliberately not here: what the files that it names hold.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sightline.deepstream.document import ConfigFile, Form
from sightline.deepstream.kinds import looks_like_protobuf
from sightline.deepstream.reading import keyfile
from sightline.deepstream.reading.passwords import hide_passwords
from sightline.deepstream.refusal import Refused

MOST_BYTES = 4 * 2**20


def load(path: Path) -> ConfigFile:
    """The file, read by the format that its name's end says.

    Raises:
        Refused: it cannot be read, or DeepStream would not load it.
    """
    return loads(_content(path), Form.of(path), path)


def loads(data: bytes, form: Form, path: Path | None = None) -> ConfigFile:
    """The same from memory; `path` is for messages and for what the file names.

    Raises:
        Refused: it is too large, or DeepStream would not load it.
    """
    if len(data) > MOST_BYTES:
        raise Refused(f"expected at most {MOST_BYTES} bytes, got more", path=path)
    hide_passwords(data)
    try:
        return _parse(data, form, path)
    except Refused as error:
        if not (instead := _instead(data)):
            raise
        raise Refused(f"{instead}; {error.reason}", line=error.line, path=path) from None


def _instead(data: bytes) -> str | None:
    """What a file that is refused is by its looks, where that says more than its first wrong line."""
    if b"\0" in data:
        return "expected text, got NUL bytes"
    if looks_like_protobuf(data):
        return "expected a key file or YAML, got nvinferserver's file, which is protobuf's text"
    return None


def _parse(data: bytes, form: Form, path: Path | None) -> ConfigFile:
    if form is Form.TXT:
        return keyfile.parse(data, path)
    from sightline.deepstream.reading import yamlfile  # noqa: PLC0415 - a large module that text files do not need

    return yamlfile.parse(data, path)


def _content(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise Refused(f"expected a file, got: {_why(error)}", path=path) from None
    try:
        return _read(descriptor, path)
    except OSError as error:
        raise Refused(f"expected a file, got: {_why(error)}", path=path) from None
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise Refused("expected a regular file, got a folder, a pipe or a device", path=path)
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(MOST_BYTES + 1)


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
