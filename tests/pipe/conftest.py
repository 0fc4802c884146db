"""What tests of the pipe share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.pipe.flowyard import FlowYard
from tests.pipe.lines import Lines

from sightline.pipe import Pipe


@pytest.fixture
def yard(no_leaks: None) -> Iterator[FlowYard]:
    yard = FlowYard()
    yield yard
    yard.close()


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def make(no_leaks: None, log: Lines) -> Iterator[Callable[..., Pipe]]:
    """Makes pipes, whose log is `log` if nothing else is said; closed at the end, and nothing may be left."""
    pipes: list[Pipe] = []

    def made(**settings: Any) -> Pipe:
        pipes.append(Pipe(**{"logger": log.logger(), **settings}))
        return pipes[-1]

    yield made
    for pipe in pipes:
        pipe.close()
