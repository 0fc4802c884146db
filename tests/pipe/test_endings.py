"""The end of a process that has pipes."""

import os

import pytest

from sightline.pipe.parent import endings


class Pipe:
    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.closed = False

    def close(self) -> None:
        self.closed = True
        if self.error is not None:
            raise self.error


def test_a_pipe_that_cannot_be_closed_keeps_no_other_open(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = [Pipe(OSError("as asked")), Pipe(None), Pipe(OSError("as asked"))]
    monkeypatch.setattr(endings, "_running", pipes)
    monkeypatch.setattr(endings, "_pid", os.getpid())
    with pytest.raises(OSError, match="as asked"):
        endings._close_all()
    assert [pipe.closed for pipe in pipes] == [True, True, True]
