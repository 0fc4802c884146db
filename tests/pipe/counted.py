"""Routines for tests of what is counted, and pipes of them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.pipe.lines import Lines

from sightline.pipe.pipe import Pipe
from sightline.pipe.roles import DestinationRoutine, MiddleRoutine, SourceRoutine
from sightline.pipe.routine import Routine
from sightline.pipe.settings import Policy, RoutineSettings, WireSettings
from sightline.pipe.wire import Wire
from sightline.supervise.policy import Restart

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=16)
SOON = Restart(delay_s=0.05)


class Until(SourceRoutine):
    """Gives 0, 1, ... until the file is there."""

    def __init__(self, name: str, over: Path, every_s: float = 0.0) -> None:
        super().__init__(name)
        self.over = over
        self.every_s = every_s
        self.number = 0

    def main_logic(self) -> int:
        if self.number % 16 == 0 and self.over.exists():
            raise StopIteration
        if self.every_s:
            time.sleep(self.every_s)
        self.number += 1
        return self.number


class Same(MiddleRoutine):
    def main_logic(self, data: Any) -> Any:
        return data


class Written(DestinationRoutine):
    """Appends a byte to a file for each message: what is in it outlives the process."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self.path = path

    def setup(self) -> None:
        self.file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def main_logic(self, data: Any) -> None:
        os.write(self.file, b".")

    def cleanup(self) -> None:
        os.close(self.file)


class Odd(Routine):
    """Fails on all that is even; its first setup fails."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name)
        self.settings = RoutineSettings(**settings)
        self.setups = 0

    def setup(self) -> None:
        self.setups += 1
        if self.setups == 1:
            raise OSError("no such camera")

    def main_logic(self, data: int) -> int:
        if data % 2 == 0:
            raise ValueError(data)
        return data


def ignore(data: Any, error: Any) -> None:
    pass


@contextmanager
def three_flows(folder: Path, log: Lines, **settings: Any) -> Iterator[Pipe]:
    """`count` in flow a, `same` in b, `write` in c. With a file `over` it ends; `log` is written."""
    pipe = Pipe(logger=log.logger(), restart=SOON, **settings)
    source = Until("count", folder / "over", every_s=0.0005)
    same, write = Same("same"), Written("write", folder / "log")
    with pipe:
        for flow, routine in zip("abc", (source, same, write), strict=True):
            pipe.create_flow(flow, False, routine)
        pipe.link(Wire(source, same, settings=LOSSLESS), Wire(same, write, settings=LOSSLESS))
        yield pipe
