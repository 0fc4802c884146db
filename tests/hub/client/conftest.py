"""A hub within the test's loop, or as a process, on a socket that is free."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from sightline.hub import StreamServer

Serving = Callable[..., AbstractAsyncContextManager[StreamServer]]


@pytest.fixture(scope="session")
def hub_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamServer]:
    """One for all tests that do not end it; each uses channels of its own."""
    path = tmp_path_factory.mktemp("hub") / "socket"
    with StreamServer(port=0, unix_path=str(path)) as server:
        yield server


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """`serving()`: a hub within the running loop, always at the same place."""

    @asynccontextmanager
    async def started(**settings: object) -> AsyncIterator[StreamServer]:
        async with StreamServer(None, unix_path=str(tmp_path / "hub"), **settings) as server:  # type: ignore[arg-type]
            yield server

    return started
