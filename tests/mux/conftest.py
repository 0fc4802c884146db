"""What tests of the mux share."""

from collections.abc import Iterator

import pytest
from tests.mux.yard import Yard


@pytest.fixture
def yard(no_leaks: None) -> Iterator[Yard]:
    yard = Yard()
    yield yard
    yard.close()
