"""Every word of some text files, counted by a pipe that loses none.

python examples/pipe_words.py README.md docs/*.md
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sightline.pipe import (
    DestinationRoutine,
    Pipe,
    Policy,
    RoutineSettings,
    SourceRoutine,
    Wire,
    WireSettings,
    events,
    routine,
)

LOSSLESS = WireSettings(policy=Policy.LOSSLESS, capacity=256)


class Lines(SourceRoutine):
    def __init__(self, paths: list[Path]) -> None:
        super().__init__("lines")
        self.paths = paths

    def setup(self) -> None:
        self.lines = self.read()

    def read(self) -> Iterator[str]:
        for path in self.paths:
            with path.open() as file:
                yield from file

    def main_logic(self) -> str:
        return next(self.lines)


@routine(settings=RoutineSettings(batch_size=64))
def words(lines: list[str]) -> Counter[str]:
    return Counter(word.lower() for line in lines for word in re.findall(r"\w+", line))


class Total(DestinationRoutine):
    def setup(self) -> None:
        self.total = Counter[str]()

    def main_logic(self, counted: Counter[str]) -> None:
        self.total += counted

    @events("TELL")  # at any time: pipe.notify_event("TELL")
    def tell(self) -> None:
        top = ", ".join(f"{word} {count}" for word, count in self.total.most_common(5))
        print(f"{self.total.total()} words: {top}", flush=True)

    def cleanup(self) -> None:
        self.tell()


lines, total = Lines([Path(name) for name in sys.argv[1:]]), Total("total")

with Pipe() as pipe:
    pipe.create_flow("read", False, lines)
    pipe.create_flow("count", False, words, total)
    pipe.link(Wire(lines, words, settings=LOSSLESS), Wire(words, total, settings=LOSSLESS))
    pipe.build()
    pipe.notify_event("start")
    pipe.wait()
    counts = pipe.stats().routines

assert counts["lines"].given == counts["words"].processed
