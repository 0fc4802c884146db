"""What a role is told, and how it says how far it is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import msgspec

from benches.board import Board
from benches.framequeues.pictures import Pictures

_WAIT_S: Final = 0.002
"""Rare enough to cost who waits a hundredth of a core, and short beside the time that `Job.ahead` lasts."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What one role is to do.

    Attributes:
        folder: the turn's; the board is there.
        place: the role's own on the board.
        redis, rabbit: URLs of the servers.
        pictures: a file of JPEGs, for who writes.
        ahead: how many pictures may be on their way to the readers: nobody's backlog is measured.
        readers: how many there are; `reader` is one's own number.
        variant: of the way's ways.
        task_s: how long a reader works on each.
    """

    folder: str
    place: int
    redis: str
    rabbit: str
    pictures: str
    ahead: int
    readers: int = 1
    reader: int = 0
    variant: str = ""
    task_s: float = 0.0

    @classmethod
    def told(cls, text: str) -> Job:
        return msgspec.json.decode(text, type=cls)

    def load(self) -> Pictures:
        return Pictures.read(Path(self.pictures))

    def board(self) -> Board:
        return Board(Path(self.folder) / "board")

    def begin(self, board: Board) -> None:
        """Says that it is ready, and waits until all are."""
        board.ready(self.place)
        board.wait_for_go()

    def wait_for_room(self, board: Board, sent: int) -> None:
        """Until fewer than `ahead` of those that were sent are on their way."""
        while sent - sum(board.counted(reader)[0] for reader in range(self.readers)) >= self.ahead:
            time.sleep(_WAIT_S)
