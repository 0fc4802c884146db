"""Fake cameras that run in tests."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from sightline.fakecam import FakeCamera, FakeCameras

SMALL = "synthetic://street?size=160x96&fps=20&gop=10"
"""A street that costs little to draw."""


class Serve(Protocol):
    """`serve({name: camera or url}, **settings)`: the type of the fixture of that name."""

    def __call__(self, cameras: Mapping[str, FakeCamera | str] = ..., **settings: Any) -> FakeCameras: ...


@pytest.fixture
def serve(no_leaks: None) -> Iterator[Serve]:
    """Starts servers for this test; all are closed at its end, and nothing may be left behind."""
    with ExitStack() as running:

        def start(cameras: Mapping[str, FakeCamera | str] | None = None, **settings: Any) -> FakeCameras:
            return running.enter_context(FakeCameras(cameras or {"gate": SMALL}, **settings))

        yield start
