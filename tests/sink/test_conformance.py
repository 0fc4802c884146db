"""Our sinks pass the suite, and each broken promise fails it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline import Frame, Result
from sightline.bus import open_bus
from sightline.errors import Closed
from sightline.sink import Sink, open_sink
from sightline.testing import check_sink

LIBRARIES = {"parquet": "pyarrow", "video": "supervision"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("jsonl", {"path": "r.jsonl"}),
        ("preview", {"port": 0}),
        ("contact_sheet", {"path": "s.png"}),
        ("csv", {"path": "s.csv", "empty_frames": True}),
        ("parquet", {"path": "p", "max_rows": 10}),
        ("video", {"path": "v"}),
        ("video", {"path": "v", "codec": "hevc"}),
        ("bus", {"url": "memory://sinks"}),
    ],
)
def test_our_sinks_keep_the_promise(
    no_leaks: None, tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    if kind in LIBRARIES:
        pytest.importorskip(LIBRARIES[kind])
    if "path" in options:
        options = {"path": tmp_path / options["path"]}
    check_sink(lambda: open_sink(kind, **options))


def test_the_clip_sink_keeps_the_promise(no_leaks: None, tmp_path: Path) -> None:
    with open_bus("memory://") as bus:
        check_sink(
            lambda: open_sink("clip", path=tmp_path, bus=bus, cameras=("gate", "yard"), offline=("gate",))
        )


class Forgetful:
    """Takes results after it was closed."""

    def write(self, result: Result, frame: Frame) -> None: ...
    def close(self) -> None: ...


class Painter(Forgetful):
    def write(self, result: Result, frame: Frame) -> None:
        frame.image[:] = 255


class ClosesOnce(Forgetful):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise Closed("closed already")
        self.closed = True


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (Forgetful, AssertionError, "write raises Closed after close"),
        (Painter, AssertionError, "is not changed"),
        (ClosesOnce, Closed, "closed already"),
    ],
)
def test_a_broken_promise_is_found(make: Callable[[], Sink], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told) as caught:
        check_sink(make)
    assert "found by check_sink" in caught.value.__notes__[0]
