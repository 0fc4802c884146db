"""yaml-cpp itself, through the small program of the service: documents and scalars in, its answers out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tools.services import SERVICES


class YamlCpp:
    """The program, running."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def load(self, data: bytes) -> dict[str, Any]:
        """`tree`, or `refused` with its message and `line`, or `many` where a tree is too large to show."""
        return self._ask(b"L", data)

    def convert(self, text: bytes) -> dict[str, Any]:
        """What each conversion gives, None where it throws."""
        return self._ask(b"C", text)

    def _ask(self, what: bytes, data: bytes) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"%s %d\n%s" % (what, len(data), data))
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def yaml_cpp() -> Iterator[YamlCpp]:
    """Starts it; it ends when its input does."""
    command = [SERVICES["yaml-cpp"].find() or "yaml-cpp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield YamlCpp(process)
