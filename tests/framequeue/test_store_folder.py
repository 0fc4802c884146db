"""The store in a folder: the promise, and what is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.framequeue.store_conformance import LONG_S, StoreConformance, StoreRig

from sightline.framequeue.store import FrameStore
from sightline.framequeue.store_folder import FolderStore
from sightline.testing import ManualClock


class TestFolderStore(StoreConformance):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[StoreRig]:
        clock = ManualClock()

        def wait_until(condition: Callable[[], object]) -> None:
            for _ in range(1000):
                if condition():
                    return
                clock.move(0.01)
            pytest.fail("it did not come about within 10 s")

        with ExitStack() as opened:

            def open_store(*, limit_bytes: int | None = None, done_ttl_s: float = LONG_S) -> FrameStore:
                store = FolderStore(tmp_path / "f", limit_bytes=limit_bytes, done_ttl_s=done_ttl_s, clock=clock)
                return opened.enter_context(store)

            yield StoreRig(open_store, wait_until)
