"""What tests of pipes from outside share."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.pipe.outside.served import Serve, Served

from sightline.pipe.outside.socket_handler import SocketHandler


@pytest.fixture
def serve(no_leaks: None, found_at: Callable[[str], str]) -> Iterator[Serve]:
    """`serve()` gives a pipe that is served; `host=`, `token=` and `port=` are those of its `APIWrapper`."""
    all_of_them: list[Served] = []

    def serve(**settings: Any) -> Served:
        all_of_them.append(Served(found_at("curl"), **settings))
        return all_of_them[-1]

    yield serve
    for one in all_of_them:
        one.close()


@pytest.fixture(scope="module")
def served(found_at: Callable[[str], str]) -> Iterator[Served]:
    """One for all tests of a file: for those who do not kill it."""
    served = Served(found_at("curl"))
    yield served
    served.close()


@pytest.fixture
def loggers() -> Iterator[None]:
    """What a test makes of the logger `seen` is undone."""
    yield
    logger = logging.getLogger("seen")
    for handler in [
        one for one in logger.handlers if isinstance(one, SocketHandler)
    ]:  # the others are pytest's
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
