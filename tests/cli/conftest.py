import logging
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import pytest
import structlog
from typer.testing import CliRunner, Result

from sightline.cli import app
from sightline.log import REDACTOR

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Invoke(Protocol):
    """`invoke("check", "site.yaml", env={...})`: the type of the fixture of that name."""

    def __call__(self, *arguments: object, env: Mapping[str, str] | None = None) -> Result: ...


COMMAND = (sys.executable, "-c", "from sightline.cli import main; main()")


@pytest.fixture
def invoke() -> Iterator[Invoke]:
    """The command within this process, wide enough not to wrap."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level

    def run(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
        wide = {"COLUMNS": "200", "TERM": "dumb"} | dict(env or {})
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env=wide)

    yield run
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def sightline_command() -> Run:
    """`sightline_command("check", "site.yaml")`: the real command as a process of its own."""

    def run(*arguments: object, timeout_s: float = 30) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *(str(argument) for argument in arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(autouse=True)
def _secrets_forgotten() -> Iterator[None]:
    """Passwords that one test tells the redactor must not blot out another's words."""
    forms, known = set(REDACTOR._forms), REDACTOR._known
    yield
    REDACTOR._forms, REDACTOR._known = forms, known
