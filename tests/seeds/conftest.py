"""Pipes for the tests of PipeRT2's document: what its wires and its log are."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.pipe.lines import Lines
from tests.seeds.spoken import MakePipe

from sightline.pipe import Pipe, QueueNetwork


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def make(no_leaks: None, log: Lines) -> Iterator[MakePipe]:
    """Makes pipes whose log is `log`, and whose writers wait; all are closed at the end."""
    pipes: list[Pipe] = []

    def make(**settings: Any) -> Pipe:
        network = settings.pop("network", None) or QueueNetwork(put_block=True)
        pipes.append(Pipe(logger=log.logger(), network=network, **settings))
        return pipes[-1]

    yield make
    for pipe in pipes:
        pipe.close()
