"""What every test may ask for: the real clips, real servers, free ports, waiting, and a leak check.

A test says which services it needs with `@pytest.mark.needs("rtsp")`. Where one is missing the test is
skipped by name, with the command that would add it; with CI=true in the environment it fails instead.
"""

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

import psutil
import pytest
from tools.services.ports import free_port as a_free_port
from tools.services.waiting import wait_for as wait_until_true

T = TypeVar("T")
CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
SETTLE_S = 3.0


class WaitFor(Protocol):
    """`wait_for(condition, timeout_s, what)`: the type of the fixture of that name."""

    def __call__(self, condition: Callable[[], T], timeout_s: float, what: str) -> T: ...


def missing(what: str) -> NoReturn:
    """Ends the test for want of something: skipped by name here, failed where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of the two real camera clips, beside the checkout."""
    if not CLIPS.is_dir():
        missing(f"real clips: not found in {CLIPS}")
    return CLIPS


@pytest.fixture(scope="session")
def wait_for() -> WaitFor:
    """`wait_for(condition, timeout_s, what)` gives the condition's first true answer, or TimeoutError."""
    return wait_until_true


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """`free_port()` gives a TCP port of 127.0.0.1 that nobody uses."""
    return a_free_port


def _threads() -> set[str]:
    return {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}


def _children() -> set[str]:
    return {f"process {child.pid}" for child in psutil.Process().children(recursive=True)}


def _descriptors() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"descriptor {entry.name} -> {entry.readlink()}")
        except FileNotFoundError:  # the one that lists this folder
            continue
    return found


def _held() -> dict[str, set[str]]:
    gc.collect()
    return {"threads": _threads(), "processes": _children(), "descriptors": _descriptors()}


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fails the test where it leaves a Python thread, a child process or more descriptors than it found.

    Name it first among the test's arguments: what comes after it is torn down before the check.
    """
    before = _held()

    def left_over() -> list[str]:
        now = _held()
        new = {kind: now[kind] - before[kind] for kind in now}
        if len(now["descriptors"]) <= len(before["descriptors"]):
            new["descriptors"] = set()
        return sorted(set().union(*new.values()))

    yield
    try:
        wait_until_true(lambda: not left_over(), SETTLE_S, "what the test started to be gone")
    except TimeoutError:
        pytest.fail("left behind: " + ", ".join(left_over()), pytrace=False)
