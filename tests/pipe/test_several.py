"""A routine that makes many of one."""

from itertools import pairwise

from tests.pipe.flowyard import FlowYard, made_of

from sightline.pipe import DestinationRoutine, MiddleRoutine, Several, SourceRoutine, Wire
from sightline.pipe.counts.reports import State
from sightline.pipe.functional import FunctionalMiddleRoutine
from sightline.pipe.graph import Graph
from sightline.pipe.mistakes import mistakes_of_wires
from sightline.pipe.settings import WireSettings
from sightline.pipe.wire import graph_of


def test_each_item_is_a_message_of_its_own(yard: FlowYard) -> None:
    got: list[int] = []
    given = iter([Several([0, 1]), Several(), 2, Several([None, 3])])
    runners = yard.chain(
        FunctionalMiddleRoutine(lambda: next(given), "source"),
        made_of(lambda data: Several([data, data + 10]), "twice"),
        made_of(lambda data: Several([*data]), "batches", batch_size=3, max_wait_s=0.01),
        FunctionalMiddleRoutine(got.append, "keep"),
    )
    yard.until(runners[-1], State.DONE)
    assert got == [0, 10, 1, 11, 2, 12, 3, 13]
    source, twice, batches, keep = (runner.stats() for runner in runners)
    assert (source.processed, source.given) == (4, 4)
    assert (twice.entered, twice.given) == (4, 8)
    assert (batches.entered, batches.given, keep.processed) == (8, 8, 8)


class Splits(SourceRoutine):
    def main_logic(self) -> Several[int]:
        raise StopIteration


class TakesNumbers(DestinationRoutine):
    def main_logic(self, data: int) -> None: ...


class TakesTexts(MiddleRoutine):
    def main_logic(self, data: str) -> str:
        return data


def wired(*routines: SourceRoutine | MiddleRoutine | DestinationRoutine) -> Graph:
    wires = [Wire(one, other) for one, other in pairwise(routines)]
    return graph_of([("flow", routines)], wires, lambda _name: WireSettings())


def test_its_items_are_what_the_next_routine_takes() -> None:
    assert mistakes_of_wires(wired(Splits(), TakesNumbers())) == []
    (mistake,) = mistakes_of_wires(wired(Splits(), TakesTexts()))
    assert "gives int, the other takes str" in mistake
