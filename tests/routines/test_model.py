"""A model as a routine."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pipe.flowyard import SECONDS, FlowYard
from tests.routines.parts import Holds, Sees, frame

from sightline.errors import ModelError
from sightline.pipe import FunctionalMiddleRoutine, RoutineSettings
from sightline.pipe.counts.reports import State
from sightline.routines import ModelRoutine, Seen


def giving(*data: object) -> FunctionalMiddleRoutine:
    left = iter(data)
    return FunctionalMiddleRoutine(lambda: next(left), "frames")


def test_frames_and_lists_of_them_come_back_with_their_results(yard: FlowYard) -> None:
    model, holds = Sees(), Holds()
    one, batch = frame("gate", 1), [frame("gate", 2), frame("yard", 2)]
    runners = yard.chain(giving(one, batch), ModelRoutine(lambda: model, "model"), holds)
    yard.until(runners[-1], State.DONE)
    alone, together = holds.got
    assert isinstance(alone, Seen)
    assert alone.frame is one
    assert [seen.frame for seen in together] == batch
    for result, of in (alone, *together):
        assert result.identity == of.identity
        assert result.published_at_ns is not None
        assert result.decoded_at_ns <= result.inferred_at_ns <= result.published_at_ns
    assert model.calls == [
        "load",
        "warm_up",
        [("gate", 1)],
        [("gate", 2), ("yard", 2)],
        "close",
    ]
    (looked,) = runners[1].stats().own
    assert {name: (of.results, of.detections, of.failed) for name, of in looked.items()} == {
        "gate": (2, 2, 0),
        "yard": (1, 1, 0),
    }
    assert looked["gate"].newest == together[0].result


def test_a_list_at_which_it_fails_is_counted_and_the_next_one_is_looked_at(yard: FlowYard) -> None:
    holds = Holds()
    frames = [[frame("gate", index), frame("yard", index)] for index in range(6)]
    runners = yard.chain(giving(*frames), ModelRoutine(lambda: Sees(fails=[1, 4]), "model"), holds)
    yard.until(runners[-1], State.DONE)
    assert [seen[0].frame.index for seen in holds.got] == [0, 2, 3, 5]
    stats = runners[1].stats()
    assert (stats.processed, stats.failed) == (4, 2)
    assert (stats.own[0]["gate"].results, stats.own[0]["gate"].failed) == (4, 2)


def test_a_list_of_which_a_part_fails_is_counted_as_lost_in_whole(yard: FlowYard) -> None:
    """Two frames of a camera are never looked at together: the list takes the model two turns."""
    holds = Holds()
    frames = [[frame("gate", 2 * index), frame("gate", 2 * index + 1)] for index in range(2)]
    runners = yard.chain(giving(*frames), ModelRoutine(lambda: Sees(fails=[1]), "model"), holds)
    yard.until(runners[-1], State.DONE)
    assert [one.frame.index for seen in holds.got for one in seen] == [2, 3]
    looked = runners[1].stats().own[0]["gate"]
    assert (looked.results, looked.failed) == (2, 2)


class LoadsNothing(Sees):
    def load(self) -> None:
        raise FileNotFoundError("no weights")


def test_a_model_that_does_not_load_is_closed_and_said(yard: FlowYard) -> None:
    calls: list[object] = []
    runner = yard.runner(ModelRoutine(lambda: LoadsNothing(calls=calls), "model"))
    error = runner.start(SECONDS).error
    assert error is not None
    assert "no weights" in error
    assert calls == ["close"]


def test_each_start_has_a_model_of_its_own(yard: FlowYard) -> None:
    made: list[Sees] = []

    def make() -> Sees:
        made.append(Sees())
        return made[-1]

    runner = yard.runner(ModelRoutine(make, "model"))
    for _ in range(2):
        runner.start(SECONDS)
        runner.stop(SECONDS)
    assert [model.calls for model in made] == [["load", "warm_up", "close"]] * 2


def test_a_batch_of_single_frames_is_looked_at_together(yard: FlowYard) -> None:
    model, holds = Sees(), Holds()
    routine = ModelRoutine(lambda: model, "model")
    routine.settings = RoutineSettings(batch_size=4, max_wait_s=5.0)
    names = ["gate", "yard", "gate", "roof"]
    frames = [frame(name, index) for index, name in enumerate(names)]
    runners = yard.chain(giving(*frames), routine, holds)
    yard.until(runners[-1], State.DONE)
    assert [seen.frame for seen in holds.got[0]] == frames
    assert model.calls[2:-1] == [[("gate", 0), ("yard", 1), ("roof", 3)], [("gate", 2)]]


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_no_camera_is_twice_in_what_a_model_is_given(names: list[str]) -> None:
    model = Sees()
    routine = ModelRoutine(lambda: model, "model")
    routine.setup()
    frames = [frame(name, index) for index, name in enumerate(names)]
    seen = routine.main_logic(frames)
    assert [each.frame for each in seen] == frames
    given_to = model.calls[2:]
    assert all(len({name for name, _ in turn}) == len(turn) for turn in given_to)
    assert sorted(chain(*given_to)) == sorted((name, index) for index, name in enumerate(names))
    for name in set(names):
        mine = [index for turn in given_to for camera, index in turn if camera == name]
        assert mine == sorted(mine)


def test_what_fails_in_one_frame_is_raised() -> None:
    routine = ModelRoutine(lambda: Sees(fails=[3]), "model")
    routine.setup()
    with pytest.raises(ModelError, match="cannot see"):
        routine.main_logic(frame(index=3))
    assert routine.own_stats()["gate"].failed == 1
