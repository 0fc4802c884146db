from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.supervise.children import Program


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[[str], Program]]:
    """Begins programs of the code given; each has the path of its lines as its argument."""
    running: list[Program] = []

    def begin(code: str) -> Program:
        running.append(Program(tmp_path / f"lines-{len(running)}", code))
        return running[-1]

    yield begin
    for one in running:
        one.end()
