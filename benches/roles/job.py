"""What a role is told: which of a contender's ways, of what, where."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from benches.board import PICTURE, Board


class Job:
    """`place` is the role's own on the board, `reader` its number among readers; `port` the first of ten."""

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
        program: str = "",
    ) -> None:
        self.folder = Path(folder)
        self.port, self.place, self.size = port, place, size
        self.readers, self.reader = readers, reader
        self.variant, self.program = variant, program
        self.board = Board(self.folder / "board")

    @classmethod
    def told(cls, text: str) -> Job:
        return cls(**json.loads(text))

    @property
    def pictures(self) -> bool:
        return self.size == PICTURE

    def url(self, number: int = 0) -> str:
        return f"tcp://127.0.0.1:{self.port + number}"

    def ready(self) -> None:
        """Says so. Nobody sends before all are."""
        self.board.ready(self.place)

    def wait_for_go(self) -> None:
        self.ready()
        self.board.wait_for_go()


def module(name: str) -> Any:
    """A package that only the peer's environment holds."""
    return importlib.import_module(name)
