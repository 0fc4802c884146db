"""What a role is told: which of a contender's ways, of what, where."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from benches.board import SHAPES, Board, Feed, Tally


class Job:
    """What one role is to do.

    `place` is the role's own on the board, `reader` its number among readers; `port` is the first of ten,
    unless the addresses are `local`; `whole`: all of a picture is read.
    """

    def __init__(
        self,
        *,
        folder: str,
        port: int,
        place: int,
        size: str = "",
        readers: int = 1,
        reader: int = 0,
        variant: str = "",
        local: bool = False,
        whole: bool = False,
        program: str = "",
    ) -> None:
        self.folder = Path(folder)
        self.port, self.place, self.size = port, place, size
        self.readers, self.reader = readers, reader
        self.variant, self.program = variant, program
        self.local, self.whole = local, whole
        self.board = Board(self.folder / "board")

    @classmethod
    def told(cls, text: str) -> Job:
        return cls(**json.loads(text))

    @property
    def pictures(self) -> bool:
        return self.size in SHAPES

    def url(self, number: int = 0) -> str:
        return f"ipc://{self.path(number)}" if self.local else f"tcp://127.0.0.1:{self.port + number}"

    def path(self, number: int = 0) -> Path:
        """Of a Unix socket."""
        return self.folder / f"at{number}"

    def feed(self) -> Feed:
        return Feed(self.board, self.size)

    def tally(self) -> Tally:
        return Tally(self.board, self.reader, self.size, whole=self.whole)

    def ready(self) -> None:
        """Says so. Nobody sends before all are."""
        self.board.ready(self.place)

    def wait_for_go(self) -> None:
        self.ready()
        self.board.wait_for_go()


def module(name: str) -> Any:
    """A package that only the peer's environment holds."""
    return importlib.import_module(name)
