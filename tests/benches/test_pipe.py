import sys
from pathlib import Path

import pytest
from benches.bench import Scale
from benches.board import DICT, PICTURE
from benches.contest import (
    COST,
    GROWTH,
    LOST,
    P99_CALL,
    RATE,
    Contender,
    answered,
    growth,
    hand_over,
)

SHORT = Scale(window_s=0.2)


def in_three_processes(module: str, variant: str) -> Contender:
    return Contender(
        module=module, variant=variant, python=lambda: Path(sys.executable), alone="chain", server=False
    )


@pytest.mark.parametrize(
    ("module", "variant", "size"),
    [
        ("sightline_pipe", "passed", DICT),
        ("sightline_pipe", "passed", PICTURE),
        ("sightline_pipe", "placed", PICTURE),
        ("sightline_pipe", "hops", PICTURE),
        ("chain", "queue", DICT),
        ("chain", "pipe", PICTURE),
        ("chain", "passed", DICT),
        ("chain", "passed", PICTURE),
        ("chain", "placed", PICTURE),
        ("chain", "hops", PICTURE),
    ],
)
def test_all_that_goes_through_three_processes_is_counted(module: str, variant: str, size: str) -> None:
    figures = hand_over(in_three_processes(module, variant), size)(SHORT)
    assert figures[RATE] > 10
    assert figures[LOST] == 0
    assert figures[COST] > 0


def test_events_are_answered_by_all_routines() -> None:
    assert 0 < answered(in_three_processes("sightline_pipe", "busy"), 50)(SHORT)[P99_CALL] < 5000


def test_memory_is_sampled_while_messages_go() -> None:
    figures = growth(in_three_processes("chain", "queue"), DICT)(Scale(window_s=0.02))
    assert figures["messages"] > 100
    assert figures["MB in the end"] > 1
    assert GROWTH in figures
