"""Rounds of killing: one is killed, the others go on, it is replaced, all go on. Then all is counted.

One of the writers talks to the hub over a line that is killed too: it loses its connection, and no message.

Who is killed and when comes from a seed; how far the others have come by then does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Final, NamedTuple

from tests.hub.proof.company import Company
from tests.hub.proof.history import check
from tests.hub.proof.parts import Callee, Caller, Line, Part, Reader, Writer
from tools.services.ports import free_port
from tools.services.waiting import wait_for

from sightline.hub.settings import ReaderBuffer
from sightline.overflow import Overflow

CHANNELS: Final = 2
VICTIMS: Final = ("hub", "line", "writer", "reader", "callee")
GOES_ON_S: Final = 30.0
MOST_MB: Final = 300
"""Of the hub: some 50 by itself, and 8 for each channel of a writer that is there, or was 10 s ago."""
_LOSSLESS: Final = ReaderBuffer(messages=200, overflow=Overflow.BLOCK)


class Taste(NamedTuple):
    """How a reader reads."""

    buffer: ReaderBuffer
    prefetch: int | None = None
    pause_s: float = 0.0


_TASTES: Final = (
    Taste(_LOSSLESS),
    # Slower than the writers: whatever is killed, there is much in the hub for it, and much on its way there.
    Taste(_LOSSLESS, prefetch=10, pause_s=0.0005),
    Taste(ReaderBuffer(messages=20), pause_s=0.005),
    Taste(ReaderBuffer(messages=1, overflow=Overflow.DROP_NEWEST)),
    Taste(ReaderBuffer(messages=50, every=3)),
)


class Rounds:
    """One company, killed and replaced. `play` for each round, then `verdict`."""

    def __init__(self, company: Company, seed: int) -> None:
        self._company = company
        self._draw = Random(seed)
        self._numbers = count(1)
        self._victims = self._all_in_turn()
        self._folder, self._port = str(company.folder), company.port
        self._line = Line(folder=self._folder, name="line", port=company.port, listens=free_port())

    def begin(self) -> None:
        company = self._company
        company.start(*(self._reader(taste) for taste in _TASTES), early=True)
        company.start(self._line)
        company.start(self._writer(self._line.listens), self._writer(company.port), self._callee(1))
        company.start(Caller(folder=self._folder, name="caller", port=self._port, callee="callee1"))
        self._goes_on()

    def play(self) -> str:
        """One round; who was killed. Raises TimeoutError where the others do not go on."""
        company, victim = self._company, next(self._victims)
        if victim == "hub":
            company.kill_hub()
            company.start_hub()
            self._goes_on()
            return victim
        kind = {"line": Line, "writer": Writer, "reader": Reader, "callee": Callee}[victim]
        member = self._draw.choice(company.alive(kind))
        company.kill(member.part.name)
        self._goes_on(without=member.part)
        company.start(self._next(member.part))
        self._goes_on()
        return member.part.name

    def verdict(self) -> list[str]:
        """What is wrong, once all have come to rest."""
        company = self._company
        company.stop(Caller)
        company.stop(Callee)
        company.stop(Writer)
        company.drain()
        company.stop(Reader)
        return check(*company.histories())

    def _all_in_turn(self) -> Iterator[str]:
        while True:
            yield from self._draw.sample(VICTIMS, len(VICTIMS))

    def _goes_on(self, without: Part | None = None) -> None:
        """Until all that are there, and do not need the one that is not, have done something more."""
        before = self._company.progress()
        moving = [one.part.name for one in self._company.alive() if _moves(one.part, without)]

        def all_did() -> bool:
            now = self._company.progress()
            return all(now[name] > before[name] for name in moving)

        wait_for(all_did, GOES_ON_S, "the others to go on")

    def _next(self, part: Part) -> Part:
        match part:
            case Reader():
                return self._reader(Taste(part.buffer, part.prefetch, part.pause_s))
            case Writer():
                return self._writer(part.port)
            case _:
                return part  # others know it by its name, or its port

    def _reader(self, taste: Taste) -> Reader:
        number = next(self._numbers)
        return Reader(
            folder=self._folder,
            name=f"reader{number}",
            port=self._port,
            channels=tuple(range(CHANNELS)),
            buffer=taste.buffer,
            prefetch=taste.prefetch,
            pause_s=taste.pause_s,
        )

    def _writer(self, port: int) -> Writer:
        number = next(self._numbers)
        return Writer(
            folder=self._folder,
            name=f"writer{number}",
            port=port,
            number=number,
            channels=tuple(range(CHANNELS)),
            sizes=(40, 3000, 300_000),
            per_s=2000,
        )

    def _callee(self, number: int) -> Callee:
        return Callee(folder=self._folder, name=f"callee{number}", port=self._port)


def _moves(part: Part, without: Part | None) -> bool:
    match part:
        case Callee() | Line():
            return False  # they do nothing by themselves
        case Caller():
            return not isinstance(without, Callee)
        case Writer():
            return not (isinstance(without, Line) and part.port == without.listens)
        case _:
            return True


def killing(company: Company, rounds: int, seed: int, say: Callable[[str], object]) -> list[str]:
    """So many rounds; what is wrong at the end."""
    some = Rounds(company, seed)
    some.begin()
    wrong = []
    for number in range(1, rounds + 1):
        victim = some.play()
        messages, hub_mb = sum(company.progress().values()), company.hub_mb()
        say(f"round {number}: killed {victim}; {messages} done by those alive; hub {hub_mb:.0f} MB")
        if hub_mb > MOST_MB:
            wrong.append(f"round {number}: the hub has {hub_mb:.0f} MB")
    return wrong + some.verdict()
