"""What tests of the pipe share."""

from collections.abc import Iterator

import pytest
from tests.pipe.flowyard import FlowYard


@pytest.fixture
def yard(no_leaks: None) -> Iterator[FlowYard]:
    yard = FlowYard()
    yield yard
    yard.close()
