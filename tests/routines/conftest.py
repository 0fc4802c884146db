"""What tests of the routines share: those of the pipe's yard, in which they run in this process."""

from collections.abc import Iterator

import pytest
from tests.pipe.flowyard import FlowYard


@pytest.fixture
def yard(no_leaks: None) -> Iterator[FlowYard]:
    yard = FlowYard()
    yield yard
    yard.close()
